"""Every definition holds together: what it names exists, and what exists is reached."""

import re
from typing import Any

import aws_lambda_powertools.utilities.idempotency.exceptions as idempotency
import pytest

import monthclose.errors
from stacks.functions.spec import Function
from stacks.machines.state_machine import substitution

type Machine = dict[str, Any]

_AWS_ERRORS = re.compile(r"(States|Lambda|Sandbox|Runtime|SQS|EventBridge)\.\w+")
_PASSING = [
    # Too many functions run at once.
    ["Lambda.TooManyRequestsException"],
    # Another call of the same stage is running, or was killed: its record ends with the function's time.
    ["IdempotencyAlreadyInProgressError"],
    # Ours: something else was briefly unable.
    ["TryLaterError", "ConflictError", "IdempotencyPersistenceLayerError"],
    [
        # Step Functions' guide, "Handle transient Lambda service exceptions".
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        # Lambda's API, "Invoke": the function is being updated, or was idle for long.
        "Lambda.ResourceConflictException",
        "Lambda.ResourceNotReadyException",
        # The function was killed, ran out of memory or of time.
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Runtime.OutOfMemory",
        "Sandbox.Timedout",
        "States.Timeout",
    ],
]
"""What every call of a function is retried on, in this order."""


def test_every_transition_leads_to_a_state(machines: list[Machine]) -> None:
    for machine in machines:
        for name, state in machine["States"].items():
            assert _targets(state) <= machine["States"].keys(), name


def test_every_state_is_reachable(machines: list[Machine]) -> None:
    for machine in machines:
        reached = {machine["StartAt"]}
        while more := set().union(*(_targets(machine["States"][name]) for name in reached)) - reached:
            reached |= more
        assert reached == machine["States"].keys()


def test_every_state_has_a_next_state_or_ends(states: dict[str, Machine]) -> None:
    for name, state in states.items():
        assert state["Type"] in ("Succeed", "Fail") or _targets(state), name


def test_every_task_is_retried_with_limits_and_jitter(states: dict[str, Machine]) -> None:
    for name, state in _tasks(states):
        retried = [retrier for retrier in state["Retry"] if retrier["MaxAttempts"] > 0]
        assert retried, name
        for retrier in retried:
            assert retrier["BackoffRate"] > 1, name
            assert retrier["MaxDelaySeconds"] <= 120, name
            assert retrier["JitterStrategy"] == "FULL", name


def test_every_function_is_retried_on_passing_errors(states: dict[str, Machine]) -> None:
    for name, state in _tasks(states):
        if state["Resource"].endswith(":lambda:invoke"):
            assert [retrier["ErrorEquals"] for retrier in state["Retry"]] == _PASSING, name


def test_every_error_of_ours_is_a_class(states: dict[str, Machine]) -> None:
    for name, state in states.items():
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]:
            for error in rule["ErrorEquals"]:
                known = hasattr(monthclose.errors, error) or hasattr(idempotency, error)
                assert _AWS_ERRORS.fullmatch(error) or known, f"{name}: {error}"


def test_every_function_called_is_deployed(states: dict[str, Machine]) -> None:
    deployed = {f"${{{substitution(name)}}}" for name in Function}
    for name, state in _tasks(states):
        if state["Resource"].endswith(":lambda:invoke"):
            assert state["Parameters"]["FunctionName"] in deployed, name


def test_no_arn_is_written_out(text: str) -> None:
    assert not re.search(r"arn:aws[\w-]*:\w+:[\w-]+:", text)


def test_a_failing_child_never_fails_its_parent(any_child: Machine) -> None:
    for name, state in _tasks(any_child["States"]):
        [catcher] = state["Catch"]
        assert catcher["ErrorEquals"] == ["States.ALL"], name
        assert catcher["ResultPath"] == "$.error", name
        assert any_child["States"][catcher["Next"]]["Type"] == "Succeed"


@pytest.mark.parametrize("machine", ["child", "collecting_child"])
def test_a_batch_whose_function_was_killed_is_left_to_the_next_round_within_minutes(
    request: pytest.FixtureRequest, machine: str
) -> None:
    # The killed call's record says for the rest of its time, up to a quarter of an hour, that it is in progress.
    # Parking has no next round, and waits.
    for name, state in _tasks(request.getfixturevalue(machine)["States"]):
        for retrier in state["Retry"]:
            if "IdempotencyAlreadyInProgressError" in retrier["ErrorEquals"]:
                pauses = [
                    retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(retrier["MaxAttempts"])
                ]
                assert sum(min(pause, retrier["MaxDelaySeconds"]) for pause in pauses) < 240, name


def test_charging_sends_no_amount(child: Machine) -> None:
    charge = child["States"]["Charge customers"]
    assert set(charge["Parameters"]["MessageBody"]) == {"period.$", "round.$", "batch.$", "only.$", "task_token.$"}


def test_trouble_with_mail_ends_no_close(close: Machine) -> None:
    state = close["States"]["Send remaining notices"]
    assert state["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Plan the comparison"}]
    assert close["States"]["Park what is left"]["Next"] == "Send remaining notices"


def test_the_collections_message_says_whom_and_when_and_no_amount(collecting_child: Machine) -> None:
    message = collecting_child["States"]["Collect what is due"]["Parameters"]["MessageBody"]
    assert set(message) == {"kind", "run.$", "today.$", "closing.$", "batch.$", "customers.$", "task_token.$"}


def test_failed_children_do_not_fail_the_map(any_map: Machine) -> None:
    assert any_map["ToleratedFailurePercentage"] == 100
    assert any_map["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def test_the_output_of_10_000_children_is_not_kept_in_the_state(any_map: Machine) -> None:
    assert any_map["ResultPath"] is None
    assert any_map["ResultWriter"]["Parameters"] == {"Bucket": "${DocumentsBucket}", "Prefix": "map-runs"}


def test_a_provider_or_period_that_fails_stops_no_other(reconcile: Machine) -> None:
    for name in ("Settle every provider", "Compare every period"):
        inner = reconcile["States"][name]["ItemProcessor"]["States"]
        for task, state in _tasks(inner):
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], task
            caught = inner[state["Catch"][-1]["Next"]]
            assert caught["Parameters"]["failed"] == 1


def test_a_part_that_cannot_be_read_stops_neither_the_others_nor_the_report(comparing: Machine) -> None:
    parts = comparing["States"]["Compare with the providers"]
    [[name, state]] = _tasks(parts["ItemProcessor"]["States"])
    [catcher] = state["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"], name
    assert parts["ItemProcessor"]["States"][catcher["Next"]]["Type"] == "Succeed"
    assert parts["ResultPath"] is None, "a part's result is among the documents"


def test_both_machines_read_the_parts_of_a_comparison_in_the_same_way(close: Machine, reconcile: Machine) -> None:
    inner = reconcile["States"]["Compare every period"]["ItemProcessor"]["States"]
    of_close, of_period = (states["Compare with the providers"] for states in (close["States"], inner))
    assert of_close["ItemProcessor"] == of_period["ItemProcessor"]


def test_a_close_whose_comparison_cannot_be_planned_is_reported_all_the_same(close: Machine) -> None:
    [catcher] = close["States"]["Plan the comparison"]["Catch"]
    assert catcher == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.comparison", "Next": "Prove and report"}


def test_a_report_pack_that_fails_never_fails_the_close_and_is_not_in_its_event(close: Machine) -> None:
    state = close["States"]["Make the report pack"]
    [catcher] = state["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"]
    assert catcher["ResultPath"] != "$.pack"
    without = close["States"][catcher["Next"]]
    assert (without["Result"], without["ResultPath"]) == ({"made": False}, "$.pack")
    assert without["Next"] == state["Next"] == "Publish the event"


def test_a_close_waits_two_hours_for_its_report_pack_once_and_goes_on_without_it(close: Machine) -> None:
    state = close["States"]["Make the report pack"]
    assert state["TimeoutSeconds"] == 2 * 60 * 60
    first = next(retry for retry in state["Retry"] if {"States.Timeout", "States.ALL"} & {*retry["ErrorEquals"]})
    assert first["MaxAttempts"] == 0
    [catcher] = state["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"]


def test_whatever_fails_in_making_a_pack_the_report_says_so_and_the_execution_fails(pack: Machine) -> None:
    states = pack["States"]
    for name in ("Plan the pack", "Read every part", "Write every table", "Finish the pack"):
        assert states[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert states[name]["Catch"][-1]["Next"] == "Say why there is no pack"
    said = states["Say why there is no pack"]
    assert said["Next"] == said["Catch"][0]["Next"] == "There is no pack"
    assert said["Parameters"]["Payload"]["so_far.$"] == "$", "what was planned, if anything, names the tables to remove"
    assert states["There is no pack"]["Type"] == "Fail"


def test_a_pack_lacks_nobody_because_a_part_that_fails_ends_it(pack: Machine) -> None:
    for name in ("Read every part", "Write every table"):
        inner = pack["States"][name]["ItemProcessor"]["States"]
        assert not [task for task, state in _tasks(inner) if "Catch" in state]
        assert pack["States"][name]["ResultPath"] is None, "40 parts' results are among the documents"


def test_a_reconciliation_does_not_wait_for_the_packs_that_it_has_made_again(reconcile: Machine) -> None:
    inner = reconcile["States"]["Compare every period"]["ItemProcessor"]["States"]
    assert inner["Have its report pack made again"]["Resource"].endswith(":startExecution")


def test_a_reconciliation_that_hangs_makes_room_after_a_day(reconcile: Machine) -> None:
    assert reconcile["TimeoutSeconds"] == 24 * 60 * 60


def test_a_rehearsal_reaches_no_state_that_charges_mails_or_holds(close: Machine) -> None:
    # It ends, or becomes a close, behind "May it charge?"; in the map, its batches have nothing to bill.
    plan = close["States"]["What is left to do?"]
    [judged] = [rule for rule in plan["Choices"] if {"Variable": "$.rehearsal", "IsNull": False} in rule.get("And", [])]
    before = [rule["Next"] for rule in plan["Choices"][: plan["Choices"].index(judged)]]
    assert before == ["Plan and snapshot"]
    assert judged["Next"] == "Judge the rehearsal"


def test_a_close_waits_for_approval_for_a_month_without_a_heartbeat_and_its_end_is_not_retried(close: Machine) -> None:
    state = close["States"]["Wait for approval"]
    assert state["TimeoutSeconds"] == 30 * 24 * 60 * 60
    assert not {"HeartbeatSeconds", "HeartbeatSecondsPath"} & state.keys()
    assert state["Retry"][0] == {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}
    assert close["States"][state["Catch"][0]["Next"]]["Type"] == "Fail"


def _tasks(states: dict[str, Machine]) -> list[tuple[str, Machine]]:
    return [(name, state) for name, state in states.items() if state["Type"] == "Task"]


def _targets(state: Machine) -> set[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    named = {rule["Next"] for rule in rules} | {state.get("Next"), state.get("Default")}
    return {name for name in named if name is not None}
