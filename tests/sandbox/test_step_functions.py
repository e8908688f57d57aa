"""The local Step Functions: time-outs, heartbeats, task tokens and stopping are as AWS documents them."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.step_functions import error_matches, paced
from tests.sandbox.local_step_functions import Machines, local_step_functions, until

ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters": {"token.$": "$$.Task.Token", "state.$": "$$.State.Name"},
}


@pytest.fixture
def machines() -> Iterator[Machines]:
    """A local Step Functions."""
    with local_step_functions() as machines:
        yield machines


def asking(**fields: Any) -> dict[str, Any]:
    """Define a machine that asks once."""
    return {"StartAt": "ask", "States": {"ask": ASK | {"End": True} | fields}}


def mapping() -> dict[str, Any]:
    """Define a machine whose Map asks for each item in one task and then in another, three items at a time."""
    task = ASK | {"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0, "MaxAttempts": 3}]}
    each = {
        "Type": "Map",
        "MaxConcurrency": 3,
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "first",
            "States": {"first": task | {"Next": "second"}, "second": task | {"End": True}},
        },
        "Next": "after",
    }
    return {"StartAt": "each", "States": {"each": each, "after": task | {"End": True}}}


def test_a_stopped_execution_ends_its_maps_children(machines: Machines) -> None:
    execution = machines.start(mapping(), [1, 2, 3, 4, 5])
    asked = [machines.asked() for _ in range(3)]
    machines.succeed(asked.pop())
    asked.append(machines.asked())
    assert [machines.beat(message) for message in asked] == [{}] * 3

    machines.call("stop_execution", executionArn=execution)

    assert [machines.beat(message)["__type"] for message in asked] == ["TaskTimedOut"] * 3
    assert machines.succeed(asked[0])["__type"] == "TaskTimedOut"
    until(machines.maps_have_ended)
    assert machines.messages.empty()
    assert machines.described(execution)["status"] == "ABORTED"


def test_an_execution_that_nobody_stops_runs_all_its_states(machines: Machines) -> None:
    execution = machines.start(mapping(), [1, 2, 3, 4, 5])
    states = []
    for _ in range(2 * 5 + 1):
        message = machines.asked()
        states.append(message["state"])
        machines.succeed(message)
    assert sorted(states) == ["after"] + ["first"] * 5 + ["second"] * 5
    assert machines.ended(execution)["status"] == "SUCCEEDED"


def test_a_task_without_heartbeats_fails_and_its_token_is_dead(machines: Machines) -> None:
    execution = machines.start(asking(HeartbeatSeconds=10, TimeoutSeconds=100))
    message = machines.asked()
    machines.pass_time(10)
    assert machines.beat(message)["__type"] == "TaskTimedOut"
    assert machines.succeed(message)["__type"] == "TaskTimedOut"
    assert machines.ended(execution)["error"] == "States.HeartbeatTimeout"
    history = machines.call("get_execution_history", executionArn=execution)["events"]
    assert "TaskTimedOut" in {event["type"] for event in history}


def test_a_heartbeat_that_comes_too_late_ends_the_task_by_itself(machines: Machines) -> None:
    machines.start(asking(HeartbeatSeconds=10, TimeoutSeconds=100))
    message = machines.asked()
    machines.now = 10
    assert machines.beat(message)["__type"] == "TaskTimedOut"


def test_heartbeats_keep_a_task_waiting_until_its_time_out(machines: Machines) -> None:
    execution = machines.start(asking(HeartbeatSeconds=10, TimeoutSeconds=25))
    message = machines.asked()
    for _ in range(3):
        machines.pass_time(8)
        assert machines.beat(message) == {}
    machines.pass_time(1)
    assert machines.beat(message)["__type"] == "TaskTimedOut"
    assert machines.ended(execution)["error"] == "States.Timeout"


@pytest.mark.parametrize(
    "fields",
    [
        {"HeartbeatSecondsPath": "$.beat", "TimeoutSecondsPath": "$.time"},
        {"QueryLanguage": "JSONata", "HeartbeatSeconds": "{% $states.input.beat %}", "TimeoutSeconds": 20},
    ],
)
def test_the_seconds_may_come_from_the_input(machines: Machines, fields: dict[str, Any]) -> None:
    definition = asking(**fields)
    if "QueryLanguage" in fields:
        del definition["States"]["ask"]["Parameters"]
        definition["States"]["ask"]["Arguments"] = {"token": "{% $states.context.Task.Token %}"}
    execution = machines.start(definition, {"beat": 7, "time": 20})
    message = machines.asked()
    machines.pass_time(6)
    assert machines.beat(message) == {}
    machines.pass_time(7)
    assert machines.ended(execution)["error"] == "States.HeartbeatTimeout"


@pytest.mark.parametrize("given", [{"beat": 0}, {"beat": "7"}, {"beat": 7.5}, {"beat": 30}, {}])
def test_seconds_that_are_no_positive_number_below_the_time_out_fail_the_execution(
    machines: Machines, given: dict[str, Any]
) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "ask"}]
    execution = machines.start(asking(HeartbeatSecondsPath="$.beat", TimeoutSeconds=30, Catch=catch), given)
    assert machines.ended(execution)["error"] == "States.Runtime"


def test_each_attempt_of_a_task_has_a_token_of_its_own(machines: Machines) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0, "MaxAttempts": 1}]
    execution = machines.start(asking(HeartbeatSeconds=10, Retry=retry))
    first = machines.asked()
    machines.pass_time(10)
    second = machines.asked()
    assert machines.succeed(first)["__type"] == "TaskTimedOut"
    assert machines.succeed(second) == {}
    assert machines.ended(execution)["status"] == "SUCCEEDED"


def test_a_task_is_answered_once_and_an_unknown_token_is_invalid(machines: Machines) -> None:
    machines.start(asking())
    message = machines.asked()
    assert machines.succeed(message) == {}
    assert machines.succeed(message)["__type"] == "TaskTimedOut"
    assert machines.succeed({"token": "nobody's"})["__type"] == "InvalidToken"


def test_an_execution_ends_at_its_time_out_with_its_maps_children(machines: Machines) -> None:
    execution = machines.start(mapping() | {"TimeoutSeconds": 60}, [1, 2, 3, 4, 5])
    asked = [machines.asked() for _ in range(3)]
    machines.pass_time(59)
    assert machines.beat(asked[0]) == {}
    machines.pass_time(1)
    assert machines.described(execution)["status"] == "TIMED_OUT"
    assert machines.beat(asked[0])["__type"] == "TaskTimedOut"
    until(machines.maps_have_ended)
    assert machines.messages.empty()


@pytest.mark.parametrize(
    ("named", "error", "matches"),
    [
        (["States.TaskFailed"], "TryLaterError", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
        (["States.ALL"], "States.HeartbeatTimeout", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
    ],
)
def test_wildcards_match_what_the_guide_says(named: list[str], error: str, matches: bool) -> None:
    assert error_matches(named, error) is matches


@pytest.mark.parametrize(
    ("fields", "count", "seconds"),
    [
        ({}, 2, 4),
        ({"IntervalSeconds": 10, "BackoffRate": 1.5}, 1, 15),
        ({"IntervalSeconds": 10, "MaxDelaySeconds": 30}, 5, 30),
        ({"IntervalSeconds": 10, "MaxDelaySeconds": 30, "JitterStrategy": "FULL"}, 5, 7.5),
    ],
)
def test_a_retry_waits_as_its_fields_say(fields: dict[str, Any], count: int, seconds: float) -> None:
    find = paced(lambda retriers, _error, _counts: (retriers[0], 0), chance=lambda least, most: least + most / 4)
    retrier, _ = find([fields], "Broken", {0: count})
    assert retrier["IntervalSeconds"] * retrier["BackoffRate"] ** count == seconds
