"""`monthclose close`, `status`, `closes`: starting a close and following its progress."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from cli.commands.report import save_page
from cli.commands.status import _share
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.usage import UsageEvent
from monthclose.errors import ProviderDownError, TryLaterError
from monthclose.ports import Collected, Execution
from monthclose.use_cases.closes.snapshot import read_batches
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def _customers(world: World) -> None:
    for name, method in (("acme", "ok"), ("broke", "declined"), ("idle", "ok")):
        world.add_customer(name, method=method)
    world.use("acme", "12.34")
    world.use("broke", "1000.00")


def close_half(world: World) -> None:
    """Open the close and finish its first batch."""
    run = world.open(execution=EXECUTION)
    plan = world.planner.plan(OCTOBER, run)
    world.close_batch(OCTOBER, next(read_batches(world.documents, plan.round_key)), plan.close.round)


def test_closing_starts_the_machine_and_ends_with_the_summary(monthclose: Command, machine: FakeMachine) -> None:
    result = monthclose("close", "2026-10")

    ((name, request),) = machine.closes
    assert name.startswith("close-2026-10-")
    [asked] = [each for each in monthclose.world.audit.acts if each.act.what == "close.requested"]
    assert request == {"period": "2026-10", "by": asked.act.by, "act": asked.name}
    assert "2026-10 closed: 3 customers" in result.stdout
    assert "1,012.34" in result.stdout
    assert "2 invoiced · 1 nothing to bill · 0 parked" in result.stdout
    assert "the books tie" in result.stdout
    assert "monthclose report 2026-10 --open" in result.stdout


def test_without_a_period_last_month_is_closed(monthclose: Command, machine: FakeMachine) -> None:
    monthclose("close")

    assert machine.closes[0][1]["period"] == "2026-10"


def test_without_a_terminal_progress_is_printed_line_by_line(
    monthclose: Command, machine: FakeMachine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.watching._LINE_SECONDS", 0)
    machine.on_look = lambda look: close_half(world) if look == 1 else None
    machine.end = None

    result = monthclose("close", "2026-10")

    assert "generate 1, charge 1, notify 1, close 1; collected" in result.stderr


def test_a_close_that_is_already_running_is_watched_and_not_started_again(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    world.open()

    def end_at_the_second(look: int) -> None:
        if look == 2:
            machine.end = Execution("SUCCEEDED", {"period": "2026-10", "status": world.close()["status"]})

    machine.on_look = end_at_the_second

    result = monthclose("close", "2026-10")

    assert "2026-10 is already being closed" in result.stderr
    assert "the books tie" in result.stdout
    assert machine.closes == []


def test_with_no_wait_a_running_close_is_only_reported(monthclose: Command, machine: FakeMachine) -> None:
    monthclose.world.open()
    assert "2026-10 is already being closed" in monthclose("close", "2026-10", "--no-wait", exit_code=3).stderr
    assert machine.closes == []


def test_a_close_whose_books_do_not_tie_has_its_own_exit_status(monthclose: Command, world: World) -> None:
    monthclose("close", "2026-10")
    order = next(iter(world.gateway.orders.values()))
    world.gateway.orders["stray"] = order
    world.gateway.settle("stray", Collected(order.amount))

    assert "the books do not tie" in monthclose("close", "2026-10", exit_code=4).stdout
    assert "provider_unknown" in monthclose("report", "2026-10", "--findings").stdout
    assert "completed with findings" in monthclose("status", "2026-10").stdout


def test_unfinished_customers_are_named_and_are_not_an_error(monthclose: Command, world: World) -> None:
    world.gateway.failures["collect", "before"] = [ProviderDownError("Stripe is down")] * 20

    said = monthclose("close", "2026-10").stdout

    assert "the books tie" in said
    assert "unfinished: 2 customers" in said
    assert "acme: parked, payment_unsettled" in said
    assert "parked 2 payment unsettled" in " ".join(said.split())
    assert "0 parked" not in said, "they are invoiced, and parked"
    assert monthclose("status", "2026-10").stdout.startswith("2026-10 unfinished")
    assert "broke" in monthclose("report", "2026-10", "--findings").stdout


def test_a_skipped_month_is_asked_about_before_anybody_is_billed_for_it(
    monthclose: Command, machine: FakeMachine
) -> None:
    monthclose("close", "2026-10")

    refused = monthclose("close", "2025-10", exit_code=2).stderr

    assert "2025-10 has never been closed, but 2026-10 has" in refused
    assert len(machine.closes) == 1
    monthclose("close", "2025-10", "--late", "--no-wait")
    assert machine.closes[-1][1]["period"] == "2025-10"
    monthclose("close", "2026-10")


def test_a_close_can_be_stopped_and_continues_when_it_is_started_again(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    close_half(world)

    said = monthclose("stop", "2026-10", "--reason", "wrong prices", "--by", "ada").stdout.lower()
    assert "to continue: monthclose close 2026-10" in said

    assert machine.stopped == [(EXECUTION, "monthclose stop by ada: wrong prices")]
    status = monthclose("status", "2026-10").stdout
    assert "2026-10 stopped" in status
    assert "2026-11-01 00:00 UTC: wrong prices" in status
    assert "stopped" in monthclose("closes").stdout
    assert [stop["reason"] for stop in monthclose.json("status", "2026-10", "--json")["stops"]] == ["wrong prices"]
    monthclose("close", "2026-10")
    assert len(world.gateway.money_moved) == 1
    assert "stopped: wrong prices" in monthclose("customer", "acme").stdout
    assert "stopped 2026-11-01 00:00 UTC: wrong prices" in monthclose("report", "2026-10").stdout


def test_a_close_that_was_stopped_has_a_partial_report(monthclose: Command, world: World) -> None:
    close_half(world)
    monthclose("stop", "2026-10", "--reason", "wrong prices")
    said = monthclose("report", "2026-10").stdout
    assert "2026-10 stopped, a partial report: 3 customers" in said
    assert "stopped 2026-11-01 00:00 UTC: wrong prices" in said
    assert "partial: 2 customers not started" in said
    assert "the books tie so far" in said
    content = monthclose.json("report", "2026-10", "--json")
    assert (content["partial"], content["status"], content["proof"]["ties"]) == (True, "stopped", True)
    page = save_page(monthclose.system, OCTOBER).read_text()
    assert "Partial: the close was stopped" in page
    assert "wrong prices" in page


@pytest.mark.parametrize("closed_before", [False, True])
def test_only_a_running_close_can_be_stopped(monthclose: Command, machine: FakeMachine, closed_before: bool) -> None:
    if closed_before:
        monthclose("close", "2026-10")
    assert "2026-10 is not being closed" in monthclose("stop", "2026-10", "--reason", "why", exit_code=2).stderr
    assert machine.stopped == []


def test_losing_the_race_for_the_period_is_reported_the_same_way(monthclose: Command, machine: FakeMachine) -> None:
    machine.end = Execution("SUCCEEDED", {"period": "2026-10", "outcome": "already_running", "run": 1})

    assert "2026-10 is already being closed" in monthclose("close", "2026-10", exit_code=3).stderr


def test_not_waiting_says_how_to_watch(monthclose: Command, machine: FakeMachine) -> None:
    result = monthclose("close", "2026-10", "--no-wait")

    assert "monthclose status 2026-10" in result.stdout
    assert machine.looks == 0


def test_ctrl_c_stops_watching_and_not_the_close(monthclose: Command, machine: FakeMachine) -> None:
    def interrupt(_look: int) -> None:
        raise KeyboardInterrupt

    machine.on_look = interrupt

    result = monthclose("close", "2026-10", exit_code=130)

    assert "keeps running. Watch it with: monthclose status 2026-10 --watch" in result.stderr


@pytest.mark.parametrize(("failures", "exit_code"), [(3, 0), (100, 1)])
def test_a_network_hiccup_does_not_stop_the_watching(
    monthclose: Command, machine: FakeMachine, failures: int, exit_code: int
) -> None:
    def hiccup(look: int) -> None:
        if 1 < look <= 1 + failures:
            raise TryLaterError("the network is away")

    machine.on_look = hiccup

    monthclose("close", "2026-10", exit_code=exit_code)


@pytest.mark.parametrize(
    ("end", "exit_code", "message"),
    [
        (Execution("FAILED", None, "UserMistakeError", '{"errorMessage": "no such month"}'), 2, "no such month"),
        (Execution("FAILED", None, "KeyError", '{"errorMessage": "x"}'), 1, "failed: x"),
        (Execution("ABORTED"), 1, "was stopped: aborted"),
    ],
)
def test_a_failed_execution_is_reported_with_its_cause(
    monthclose: Command, machine: FakeMachine, end: Execution, exit_code: int, message: str
) -> None:
    machine.end = end

    assert message in monthclose("close", "2026-10", exit_code=exit_code).stderr


@pytest.mark.parametrize("period", ["2026-11", "2030-01", "2026-13", "October", "2026-1", "0000-01"])
def test_an_invalid_or_unfinished_period_is_refused(monthclose: Command, machine: FakeMachine, period: str) -> None:
    result = monthclose("close", period, exit_code=2)

    assert len(result.stderr.splitlines()) == 1
    assert machine.closes == []


def test_closing_before_any_import_is_refused(monthclose: Command, machine: FakeMachine) -> None:
    monthclose.world.books.records.clear()

    result = monthclose("close", "2026-10", exit_code=2)

    assert "there are no customers to bill" in result.stderr
    assert machine.closes == []


def test_status_counts_the_customers_that_have_finished_each_stage(monthclose: Command, world: World) -> None:
    close_half(world)

    status = monthclose.json("status", "2026-10", "--json")
    text = monthclose("status", "2026-10").stdout

    assert status["status"] == "running"
    assert status["customers"]["snapshot"] == 3
    assert status["stages"] == {"generate": 1, "charge": 1, "notify": 1, "close": 1}
    assert status["money"]["USD"]["invoiced"] == 1234
    assert "2026-10 running: 3 customers, run 1" in text
    assert "33%" in text


def test_a_close_whose_execution_ended_is_interrupted(monthclose: Command, world: World) -> None:
    close_half(world)
    world.workflow.running.clear()

    assert monthclose.json("status", "2026-10", "--json")["status"] == "interrupted"
    result = monthclose("status", "2026-10")
    assert "2026-10 interrupted" in result.stdout
    assert "monthclose close 2026-10" in result.stderr
    assert "interrupted" in monthclose("closes").stdout
    assert "2026-10 interrupted, a partial report" in monthclose("report", "2026-10").stdout


def test_status_without_a_period_shows_last_month(monthclose: Command, world: World) -> None:
    close_half(world)

    assert "2026-10 running" in monthclose("status").stdout


def test_watching_follows_somebody_elses_close_to_its_end(
    monthclose: Command, machine: FakeMachine, world: World
) -> None:
    close_half(world)

    def go_on(look: int) -> None:
        if look == 2:
            world.workflow.running.clear()
            world.close(execution="arn:again")
            machine.end = Execution("SUCCEEDED", {"period": "2026-10"})

    machine.on_look = go_on

    result = monthclose("status", "--watch")

    assert "closing 2026-10: 3 customers" in result.stderr
    assert "2026-10 closed: 3 customers" in result.stdout
    assert machine.closes == []
    assert "2026-10 completed" in monthclose("status", "--watch").stdout


def test_ctrl_c_stops_watching_a_status(monthclose: Command, machine: FakeMachine, world: World) -> None:
    close_half(world)

    def interrupt(_look: int) -> None:
        raise KeyboardInterrupt

    machine.on_look = interrupt

    assert "keeps running" in monthclose("status", "2026-10", "--watch", exit_code=130).stderr


def test_watching_and_json_exclude_each_other(monthclose: Command) -> None:
    assert "do not go together" in monthclose("status", "--watch", "--json", exit_code=2).stderr


def test_while_a_close_runs_again_the_older_report_is_shown(monthclose: Command, world: World) -> None:
    world.close()
    world.open(execution="arn:again")

    result = monthclose("report", "2026-10")

    assert "2026-10 closed: 3 customers" in result.stdout
    assert "the close of 2026-10 is running again" in result.stderr


def test_while_the_first_close_runs_there_is_no_report(monthclose: Command, world: World) -> None:
    close_half(world)

    assert "its report is written at the end" in monthclose("report", "2026-10", exit_code=2).stderr


def test_shares_are_rounded_down() -> None:
    assert [_share(812, 815), _share(815, 815), _share(0, 0)] == ["99%", "100%", ""]


@pytest.mark.parametrize("arguments", [("report",), ("status", "2026-10", "x"), ("close", "2026-10", "x")])
def test_a_usage_error_names_no_placeholder(monthclose: Command, arguments: tuple[str, ...]) -> None:
    assert "{period}" not in monthclose(*arguments, exit_code=2).output


def test_an_interrupted_close_is_started_again(monthclose: Command, world: World) -> None:
    close_half(world)
    world.workflow.running.clear()
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, execution="an earlier execution"))

    assert "the books tie" in monthclose("close", "2026-10").stdout


def test_all_closes_are_listed(monthclose: Command, world: World) -> None:
    assert "no month has been closed yet" in monthclose("closes").stderr
    world.close()

    assert json.loads(monthclose("closes", "--json").stdout)[0]["status"] == CloseStatus.COMPLETED
    assert "2026-10  completed" in monthclose("closes").stdout


def test_a_month_that_was_never_closed_has_no_status(monthclose: Command, world: World) -> None:
    assert "2026-09 has not been closed" in monthclose("status", "2026-09", exit_code=2).stderr
    world.close()

    assert "these have: 2026-10" in monthclose("report", "2026-09", exit_code=2).stderr


def test_a_close_says_first_how_many_customers_are_unfinished(monthclose: Command, world: World) -> None:
    world.usage.put([UsageEvent("e", "idle", "unpriced", Decimal(1), OCTOBER.start)])
    result = monthclose("close", "2026-10").stdout
    assert ", 1 unfinished" in result.splitlines()[0]
    [line] = [line for line in result.splitlines() if "    idle: " in line]
    assert line.endswith(" UTC)")
    assert " (since 2026-" in line
