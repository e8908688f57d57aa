"""`monthclose pause`, `resume` and `stop`: who may do what when, and what the other is told."""

import pytest

from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def _customers(world: World) -> None:
    world.use(world.add_customer("acme"), "12.34")


@pytest.fixture
def running(world: World) -> World:
    world.open(execution=EXECUTION)
    return world


def test_a_close_is_paused_and_resumed_and_the_status_says_by_whom_and_why(monthclose: Command, running: World) -> None:
    said = monthclose("pause", "2026-10", "--reason", "wrong fee?", "--by", "ada").stdout
    assert "charging in the close of 2026-10 is paused: within five seconds no more charge is begun" in said
    assert "monthclose resume 2026-10" in said
    status = " ".join(monthclose("status", "2026-10").stdout.split())
    assert "paused by ada on 2026-11-01 00:00 UTC: wrong fee?" in status
    assert monthclose.json("status", "2026-10", "--json")["paused"]["by"] == "ada"

    result = monthclose("resume", "2026-10", "--by", "bob")
    assert "charging in the close of 2026-10 is resumed" in result.stdout
    assert "within a minute" in result.stderr
    found = monthclose.json("status", "2026-10", "--json")
    assert found["paused"] is None
    assert [(pause["by"], pause["ended_by"]) for pause in found["pauses"]] == [("ada", "bob")]


def test_pausing_twice_and_resuming_twice_names_who_was_first(monthclose: Command, running: World) -> None:
    monthclose("pause", "2026-10", "--reason", "wrong fee?", "--by", "ada")
    said = monthclose("pause", "2026-10", "--by", "bob", exit_code=2).stderr
    assert "the close of 2026-10 is paused already, by ada on 2026-11-01 00:00 UTC: wrong fee?" in said
    monthclose("resume", "2026-10", "--by", "ada")
    said = monthclose("resume", "2026-10", "--by", "bob", exit_code=2).stderr
    assert "the close of 2026-10 is not paused: it was resumed by ada on 2026-11-01 00:00 UTC" in said


def test_only_a_running_close_can_be_paused_and_the_answer_says_why_it_is_not(
    monthclose: Command, world: World, machine: FakeMachine
) -> None:
    assert "2026-10 is not being closed: it never was" in monthclose("pause", "2026-10", exit_code=2).stderr
    assert "is not paused: it has never been opened" in monthclose("resume", "2026-10", exit_code=2).stderr
    world.open(execution=EXECUTION)
    world.workflow.running.clear()
    said = monthclose("pause", "2026-10", exit_code=2).stderr
    assert "its execution is no longer running; monthclose close 2026-10 continues it" in said
    world.workflow.running.add(EXECUTION)
    monthclose("stop", "2026-10", "--reason", "wrong prices", "--by", "ada")
    for command in ("pause", "stop"):
        said = monthclose(command, "2026-10", exit_code=2).stderr
        assert "it was stopped by ada on 2026-11-01 00:00 UTC: wrong prices" in said
    monthclose("close", "2026-10")
    said = monthclose("pause", "2026-10", exit_code=2).stderr
    assert "the close ended on 2026-11-01 00:00 UTC" in said


def test_stopping_what_somebody_else_has_just_stopped_says_so_and_ends_its_execution_all_the_same(
    monthclose: Command, running: World, machine: FakeMachine
) -> None:
    running.use_cases.note_stop(OCTOBER, "wrong prices", "ada")  # and then their command broke off
    said = monthclose("stop", "2026-10", "--by", "bob", exit_code=2).stderr
    assert "it was stopped by ada on 2026-11-01 00:00 UTC: wrong prices" in said
    assert machine.stopped == [(EXECUTION, "monthclose stop by bob: no reason given")]


def test_a_paused_provider_charges_nobody_not_even_by_hand_and_is_shown_with_who_paused_it(
    monthclose: Command, world: World
) -> None:
    world.add_customer("acme", method="declined")
    monthclose("close", "2026-10")
    world.add_customer("acme", method="ok")
    said = monthclose("pause", "--provider", "stripe", "--reason", "an incident", "--by", "ada").stdout
    assert "charging through stripe is paused" in said
    assert "monthclose resume --provider stripe" in said
    providers = monthclose("providers").stdout
    assert "charging through stripe was paused by ada on 2026-11-01 00:00 UTC: an incident" in providers
    assert "closed" in providers  # the automatic pause is another
    [stripe] = monthclose.json("providers", "--json")
    assert (stripe["circuit"], stripe["paused"]["by"]) == ("closed", "ada")

    said = monthclose("pay", "acme", exit_code=1).stderr
    assert "charging through stripe was paused by ada on 2026-11-01 00:00 UTC: an incident" in said
    assert "monthclose resume --provider stripe" in said
    assert len(world.month("acme").payments) == 1

    said = monthclose("resume", "--provider", "stripe", "--by", "bob").stdout
    assert "charging through stripe is resumed" in said
    world.clock.pass_time(seconds=5)
    monthclose("pay", "acme")
    assert len(world.gateway.money_moved) == 1


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_provider_is_one_of_the_settings_and_takes_no_month(monthclose: Command, command: str) -> None:
    assert "there is no provider 'paypal'" in monthclose(command, "--provider", "paypal", exit_code=2).stderr
    said = monthclose(command, "2026-10", "--provider", "stripe", exit_code=2).stderr
    assert "leave out the month, or leave out --provider" in said


def test_resuming_a_close_names_what_still_keeps_it(monthclose: Command, running: World) -> None:
    running.planner.plan(OCTOBER, 1)
    monthclose("pause", "2026-10", "--by", "ada")
    monthclose("pause", "--provider", "stripe", "--by", "eve", "--reason", "an incident")
    assert "charging through stripe was paused by eve" in monthclose("resume", "2026-10").stderr
    monthclose("pause", "2026-10", "--by", "ada")
    running.workflow.running.clear()
    assert "its execution is no longer running" in monthclose("resume", "2026-10").stderr


def test_each_act_is_in_the_audit_trail_with_who_why_and_what_came_of_it(monthclose: Command, running: World) -> None:
    monthclose("pause", "2026-10", "--reason", "wrong fee?", "--by", "ada")
    monthclose("pause", "2026-10", "--by", "bob", exit_code=2)
    monthclose("resume", "2026-10", "--by", "bob")
    monthclose("pause", "--provider", "stripe", "--by", "eve")
    monthclose("resume", "--provider", "stripe", "--by", "eve")
    monthclose("stop", "2026-10", "--reason", "enough", "--by", "ada")
    acts = [recorded.act for recorded in running.audit.find()][::-1]
    assert [(act.what, act.by) for act in acts] == [
        ("close.paused", "ada"),
        ("close.paused", "bob"),
        ("act.failed", "bob"),
        ("close.resumed", "bob"),
        ("provider.paused", "eve"),
        ("provider.resumed", "eve"),
        ("close.stopped", "ada"),
    ]
    assert [act.why for act in acts if act.by == "ada"] == ["wrong fee?", "enough"]
    assert {act.period for act in acts if act.what.startswith("close")} == {OCTOBER}
