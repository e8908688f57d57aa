"""The choices go where the data says. moto's interpreter runs each with its targets replaced by their names."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

type Machine = dict[str, Any]
type Route = Callable[[Machine, Machine], str]

_ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", region_name="us-east-1")

        def follow(choice: Machine, given: Machine) -> str:
            targets = {rule["Next"] for rule in choice["Choices"]} | {choice["Default"]}
            ends: Machine = {name: {"Type": "Pass", "Result": {"state": name}, "End": True} for name in targets}
            definition = json.dumps({"StartAt": "choice", "States": {"choice": choice, **ends}})
            name = f"choice-{time.time_ns()}"
            machine = client.create_state_machine(name=name, definition=definition, roleArn=_ROLE)
            started = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given))
            while (execution := client.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
                time.sleep(0.01)  # the interpreter has no event to wait for
            assert execution["status"] == "SUCCEEDED", execution
            state: str = json.loads(execution["output"])["state"]
            return state

        yield follow


@pytest.mark.parametrize(
    ("outcome", "state"), [("opened", "Plan and snapshot"), ("already_running", "Already running")]
)
def test_a_second_start_ends_at_once(route: Route, close: Machine, outcome: str, state: str) -> None:
    assert route(close["States"]["Is it being closed already?"], {"outcome": outcome}) == state


@pytest.mark.parametrize(
    ("unfinished", "rounds_left", "wait_seconds", "state"),
    [
        (0, True, 0, "Send remaining notices"),
        (0, False, 60, "Send remaining notices"),
        (7, False, 60, "Park what is left"),
        (7, True, 60, "Wait before the repair round"),
        (7, True, 0, "Close every batch"),
    ],
)
def test_a_plan_decides_what_comes_next(
    route: Route, close: Machine, unfinished: int, rounds_left: bool, wait_seconds: int, state: str
) -> None:
    plan = {"scan": None, "unfinished": unfinished, "rounds_left": rounds_left, "wait_seconds": wait_seconds}
    plan["rehearsal"] = None
    assert route(close["States"]["What is left to do?"], plan) == state


@pytest.mark.parametrize(
    ("unfinished", "wait_seconds", "state"),
    [(0, 0, "Judge the rehearsal"), (7, 0, "Close every batch"), (7, 60, "Wait before the repair round")],
)
def test_a_rehearsal_goes_through_the_same_map_and_is_then_judged(
    route: Route, close: Machine, unfinished: int, wait_seconds: int, state: str
) -> None:
    plan = {"scan": None, "rehearsal": 3, "unfinished": unfinished, "rounds_left": True, "wait_seconds": wait_seconds}
    assert route(close["States"]["What is left to do?"], plan) == state


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("time_was_up", "Judge the rehearsal"),
        ("may_charge", "Plan and snapshot"),
        ("wait", "Publish that it waits"),
        ("rehearsed", "Month rehearsed"),
        ("not_approved", "Not approved"),
    ],
)
def test_only_a_close_that_may_charge_goes_on(route: Route, close: Machine, outcome: str, state: str) -> None:
    assert route(close["States"]["May it charge?"], {"outcome": outcome}) == state


def test_a_scan_that_ran_out_of_time_is_continued(route: Route, close: Machine) -> None:
    plan = {"scan": {"after": "c1"}, "rehearsal": None, "unfinished": 0, "rounds_left": True, "wait_seconds": 0}
    assert route(close["States"]["What is left to do?"], plan) == "Plan and snapshot"


@pytest.mark.parametrize(("again", "state"), [(True, "Send remaining notices"), (False, "Plan the comparison")])
def test_notices_are_sent_before_the_close_is_proved(route: Route, close: Machine, again: bool, state: str) -> None:
    assert route(close["States"]["Are there more notices to send?"], {"notices": {"again": again}}) == state


@pytest.mark.parametrize(
    ("invoiced", "to_charge", "state"),
    [
        (0, 0, "Nothing to bill"),
        (5, 0, "Send notices"),
        (5, 3, "Charge customers"),
        # A repair round may find everything invoiced before.
        (0, 3, "Charge customers"),
    ],
)
def test_a_batch_is_charged_if_anybody_owes(
    route: Route, child: Machine, invoiced: int, to_charge: int, state: str
) -> None:
    generated = {"generated": {"invoiced": invoiced, "to_charge": to_charge}}
    assert route(child["States"]["Is there anything to bill?"], generated) == state


@pytest.mark.parametrize(
    ("outcome", "state"), [("opened", "Make up for missed starts"), ("already_running", "One is already running")]
)
def test_one_reconciliation_at_a_time(route: Route, reconcile: Machine, outcome: str, state: str) -> None:
    assert route(reconcile["States"]["Is one already running?"], {"outcome": outcome}) == state


@pytest.mark.parametrize(("time_was_up", "state"), [(True, "Settle payments"), (False, "Provider settled")])
def test_settling_continues_while_there_is_more(
    route: Route, reconcile: Machine, time_was_up: bool, state: str
) -> None:
    choice = reconcile["States"]["Settle every provider"]["ItemProcessor"]["States"]["Is there more to settle?"]
    assert route(choice, {"settled": {"time_was_up": time_was_up}}) == state


@pytest.mark.parametrize(("time_was_up", "state"), [(True, "Compare a part"), (False, "Part compared")])
def test_a_part_of_the_comparison_is_read_until_nothing_is_left(
    route: Route, comparing: Machine, time_was_up: bool, state: str
) -> None:
    choice = comparing["States"]["Compare with the providers"]["ItemProcessor"]["States"]["Is there more in the part?"]
    assert route(choice, {"compared": {"time_was_up": time_was_up}}) == state


@pytest.mark.parametrize("outcome", ["time_was_up", "more_parts", "done"])
def test_a_close_is_reported_once_everything_is_compared(route: Route, close: Machine, outcome: str) -> None:
    state = route(close["States"]["Is everything compared?"], {"outcome": outcome})
    expected = {"time_was_up": "Prove and report", "more_parts": "Compare with the providers"}
    assert state == expected.get(outcome, "Make the report pack")


@pytest.mark.parametrize("outcome", ["time_was_up", "more_parts", "done"])
def test_a_period_is_compared_until_nothing_is_left(route: Route, reconcile: Machine, outcome: str) -> None:
    inner = reconcile["States"]["Compare every period"]["ItemProcessor"]["States"]
    state = route(inner["Is everything compared?"], {"outcome": outcome})
    expected = {"time_was_up": "Compare the books", "more_parts": "Compare with the providers"}
    assert state == expected.get(outcome, "Is its report pack out of date?")


_NOTHING = {"in_dead_letters": False, "in_payments": False, "in_books": False}


@pytest.mark.parametrize("where", ["", "starts", "mail", "webhooks", *_NOTHING])
def test_every_finding_is_published(route: Route, reconcile: Machine, where: str) -> None:
    found = {name: {"found": int(where == name)} for name in ("starts", "mail", "webhooks")}
    total = found | {"sum": _NOTHING | ({where: True} if where else {})}
    state = route(reconcile["States"]["Was anything found?"], total)
    assert state == ("Publish the event" if where else "Did everything work?")


@pytest.mark.parametrize("failed", [(False, False), (True, False), (False, True)])
def test_a_reconciliation_that_could_not_ask_every_provider_fails(
    route: Route, reconcile: Machine, failed: tuple[bool, bool]
) -> None:
    given = {"sum": {"failed_to_settle": failed[0], "failed_to_compare": failed[1]}}
    state = route(reconcile["States"]["Did everything work?"], given)
    assert state == ("Not everything worked" if any(failed) else "Reconciled")


@pytest.mark.parametrize(
    ("outcome", "batches", "state"),
    [
        ("begun", 3, "Go through every batch"),
        ("begun", 0, "Nobody owes anything"),
        ("already_running", 0, "Already running"),
    ],
)
def test_the_collections_continue_if_anybody_owes_and_no_other_run_is_active(
    route: Route, collections: Machine, outcome: str, batches: int, state: str
) -> None:
    assert route(collections["States"]["Is there anything to do?"], {"outcome": outcome, "batches": batches}) == state


@pytest.mark.parametrize(("queue_url", "state"), [("https://queue", "Collect what is due"), (None, "Send reminders")])
def test_a_batch_without_a_queue_only_gets_reminders(
    route: Route, collecting_child: Machine, queue_url: str | None, state: str
) -> None:
    choice = collecting_child["States"]["Can they be charged?"]
    assert route(choice, {"batch": {"queue_url": queue_url}}) == state


@pytest.mark.parametrize(("wait_seconds", "state"), [(120, "Wait for mail"), (0, "Apply holds")])
def test_reminders_without_a_turn_are_sent_later_the_same_day(
    route: Route, collecting_child: Machine, wait_seconds: int, state: str
) -> None:
    choice = collecting_child["States"]["Are there reminders left?"]
    assert route(choice, {"reminded": {"wait_seconds": wait_seconds}}) == state


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ("done", "Publish the event"),
        ("split", "Load every lane"),
        ("busy", "Wait for its turn"),
        ("nothing", "Replaced or deleted since"),
    ],
)
def test_the_outcome_for_a_dropped_file_decides_what_comes_next(
    route: Route, drop: Machine, result: str, state: str
) -> None:
    assert route(drop["States"]["What became of it?"], {"received": {"result": result}}) == state


@pytest.mark.parametrize(("following", "state"), [(-1, "Lane loaded"), (3, "Load the lane")])
def test_a_lane_is_loaded_until_nothing_is_left(route: Route, drop: Machine, following: int, state: str) -> None:
    choice = drop["States"]["Load every lane"]["ItemProcessor"]["States"]["Is there more of it?"]
    assert route(choice, {"loaded": {"next": following}}) == state


@pytest.mark.parametrize(("status", "state"), [("imported", "File imported"), ("unusable", "The file cannot be used")])
def test_an_unusable_file_ends_as_such_and_not_as_a_failure(
    route: Route, drop: Machine, status: str, state: str
) -> None:
    assert route(drop["States"]["Could it be used?"], {"received": {"outcome": {"status": status}}}) == state
    assert drop["States"][state]["Type"] == "Succeed"


@pytest.mark.parametrize(
    ("pack", "state"), [("current", "Period compared"), ("out_of_date", "Have its report pack made again")]
)
def test_a_report_pack_is_made_again_only_if_the_books_have_changed(
    route: Route, reconcile: Machine, pack: str, state: str
) -> None:
    inner = reconcile["States"]["Compare every period"]["ItemProcessor"]["States"]
    assert route(inner["Is its report pack out of date?"], {"pack": pack}) == state


@pytest.mark.parametrize(
    ("kind", "more", "up", "state"),
    [
        ("Read every part", "Is there more in the part?", True, "Read a part"),
        ("Read every part", "Is there more in the part?", False, "Part read"),
        ("Write every table", "Is there more in the table?", True, "Write a table"),
        ("Write every table", "Is there more in the table?", False, "Table written"),
    ],
)
def test_what_of_a_pack_was_not_done_in_time_is_continued(
    route: Route, pack: Machine, kind: str, more: str, up: bool, state: str
) -> None:
    inner = pack["States"][kind]["ItemProcessor"]["States"]
    assert route(inner[more], {"done": {"time_was_up": up}}) == state


@pytest.mark.parametrize(("period", "state"), [("", "Nothing is due"), ("2025-09", "Deal the customers")])
def test_only_a_month_that_is_due_is_archived(route: Route, archive: Machine, period: str, state: str) -> None:
    assert route(archive["States"]["Is a month due?"], {"chosen": {"period": period, "run": ""}}) == state


@pytest.mark.parametrize("up", [True, False])
def test_what_of_the_archiving_was_not_done_in_time_is_continued(route: Route, archive: Machine, up: bool) -> None:
    states = archive["States"]
    inner = states["Archive every part"]["ItemProcessor"]["States"]
    dealt = route(states["Are there more customers?"], {"dealt": {"time_was_up": up}})
    assert dealt == ("Deal the customers" if up else "Archive every part")
    done = route(inner["Is there more in the part?"], {"done": {"time_was_up": up}})
    assert done == ("Archive a part" if up else "Part archived")
