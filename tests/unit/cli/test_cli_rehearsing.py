"""`monthclose close --dry-run` and `approve`: from the wrong fee to the month that is closed as approved."""

from pathlib import Path

import pytest

from monthclose.domain.rehearsals.gate import Required
from monthclose.ports import Execution
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.unit.rehearsals.rehearsing import EVERYBODY, add_wrong_fee, documents, world_of
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return world_of("10.00", "20.00", "30.00", required=Required.FINDINGS, rules=EVERYBODY)


def again(machine: FakeMachine) -> None:
    """Let the next execution run."""
    machine.looks = 0
    machine.running.discard(EXECUTION)
    machine.world.clock.pass_time(hours=1)


def test_a_dry_run_shows_what_the_close_would_bill_and_charges_nobody(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    charged = list(world.gateway.money_moved)
    result = monthclose("close", "2026-10", "--dry-run")
    ((name, request),) = machine.closes
    assert name.startswith("rehearsal-2026-10-")
    assert (request["period"], request["dry_run"]) == ("2026-10", True)
    assert "2026-10 rehearsed: 3 customers; nobody was charged or mailed" in result.stdout
    assert "no rule of the gate finds anything" in result.stdout
    assert "rehearsing 2026-10" in result.stderr
    assert world.gateway.money_moved == charged


def test_the_wrong_fee_ends_a_dry_run_with_a_finding_and_status_4(monthclose: Command, world: World) -> None:
    add_wrong_fee(world)
    report = monthclose.json("close", "2026-10", "--dry-run", "--json", exit_code=4)
    [finding] = report["findings"]
    assert finding["rule"] == "everybody_percent"
    assert report["money"]["USD"]["difference_minor"] == 7500


def test_a_close_with_the_wrong_fee_ends_in_one_line_with_status_5_and_nobody_is_mailed(
    monthclose: Command, world: World
) -> None:
    add_wrong_fee(world)
    mailed = list(world.mailer.sent)
    result = monthclose("close", "2026-10", exit_code=5)
    assert "2026-10 is not closed: fee 'Support' (support) names no customers" in result.stdout
    assert "monthclose approve 2026-10" in result.stderr
    assert world.mailer.sent == mailed
    assert "2026-10 waiting for approval" in monthclose("status", "2026-10").stdout


def test_once_it_is_approved_the_close_goes_through(monthclose: Command, machine: FakeMachine, world: World) -> None:
    add_wrong_fee(world)
    monthclose("close", "2026-10", exit_code=5)
    result = monthclose("approve", "2026-10", "--yes", "--note", "it is meant", "--by", "ann")
    assert "rehearsal 1 of 2026-10 is approved: 1 finding accepted" in result.stdout
    assert "to close it: monthclose close 2026-10" in result.stdout
    again(machine)
    monthclose("close", "2026-10")
    assert {found["total_minor"] for found in documents(world, OCTOBER).values()} == {3500, 4500, 5500}


def test_approving_is_recorded_with_who_and_why(monthclose: Command, world: World) -> None:
    monthclose("close", "2026-10", "--dry-run", "--by", "bob")
    monthclose("approve", "2026-10", "--yes", "--note", "looks right", "--by", "ann")
    acts = [(found.act.what, found.act.by, found.act.why) for found in world.audit.find(period=OCTOBER)]
    assert ("close.rehearsed", "bob", "") in acts
    assert ("close.approved", "ann", "looks right") in acts


def test_where_nobody_can_be_asked_approving_needs_yes(monthclose: Command) -> None:
    monthclose("close", "2026-10", "--dry-run")
    assert "--yes is needed" in monthclose("approve", "2026-10", exit_code=2).stderr


def test_a_second_approval_says_who_was_first(monthclose: Command) -> None:
    monthclose("close", "2026-10", "--dry-run")
    monthclose("approve", "2026-10", "--yes", "--by", "ann")
    assert "was approved by ann" in monthclose("approve", "2026-10", "--yes", "--by", "bob", exit_code=2).stderr


def test_what_cannot_be_approved_says_what_to_do(monthclose: Command) -> None:
    result = monthclose("approve", "2026-10", "--yes", exit_code=2)
    assert "2026-10 has not been rehearsed" in result.stderr
    assert "rehearse it: monthclose close 2026-10 --dry-run" in result.stderr


def test_every_customer_of_a_rehearsal_can_be_written_to_a_file(
    monthclose: Command, world: World, tmp_path: Path
) -> None:
    world.use(world.add_customer("new"), "5.00")
    file = tmp_path / "all.csv"
    monthclose("close", "2026-10", "--dry-run", "--customers", file)
    lines = file.read_text().splitlines()
    assert len(lines) == 5
    assert any(line.startswith("new,USD,500,0,500,invoiced,") for line in lines)
    assert "goes with --dry-run" in monthclose("close", "2026-10", "--customers", file, exit_code=2).stderr


def test_while_the_month_is_being_closed_it_is_not_rehearsed(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    world.open(OCTOBER, "arn:state-machine:close-1")
    result = monthclose("close", "2026-10", "--dry-run", exit_code=2)
    assert "2026-10 is being closed" in result.stderr
    assert machine.closes == []


def test_a_rehearsal_that_failed_says_so(monthclose: Command, machine: FakeMachine) -> None:
    machine.end = Execution("FAILED", error="States.TaskFailed", cause="the table is gone")
    result = monthclose("close", "2026-10", "--dry-run", exit_code=1)
    assert "the rehearsal of 2026-10 failed: the table is gone" in result.stderr


def test_the_rehearsal_of_a_closed_month_shows_that_nothing_is_left(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    monthclose("close", "2026-10")
    again(machine)
    assert "2026-10 rehearsed: 3 customers" in monthclose("close", "2026-10", "--dry-run").stdout
    found = world.rehearsals.get(OCTOBER)
    assert found
    assert found.drafted == 0
