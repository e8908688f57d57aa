"""A failed execution is redriven: it continues where it failed, and its Map with the children that failed."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.local_step_functions import Machines, local_step_functions

ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters": {"token.$": "$$.Task.Token", "state.$": "$$.State.Name", "given.$": "$"},
    "ResultPath": "$.answer",
}


@pytest.fixture
def machines() -> Iterator[Machines]:
    with local_step_functions() as machines:
        yield machines


def fail(machines: Machines, message: dict[str, Any]) -> None:
    machines.call("send_task_failure", taskToken=message["token"], error="Broken", cause="")


def test_it_continues_with_the_state_that_failed_and_that_states_input(machines: Machines) -> None:
    definition = {
        "StartAt": "a",
        "States": {"a": ASK | {"Next": "b"}, "b": ASK | {"Next": "c"}, "c": ASK | {"End": True}},
    }
    execution = machines.start(definition, {"n": 1})
    machines.succeed(machines.asked())
    fail(machines, machines.asked())
    assert machines.ended(execution)["redriveStatus"] == "REDRIVABLE"

    machines.call("redrive_execution", executionArn=execution)

    message = machines.asked()
    assert (message["state"], message["given"]) == ("b", {"n": 1, "answer": {}})
    machines.succeed(message)
    fail(machines, machines.asked())
    machines.ended(execution)
    machines.call("redrive_execution", executionArn=execution)
    message = machines.asked()
    assert message["state"] == "c"
    machines.succeed(message)
    ended = machines.ended(execution)
    assert (ended["status"], ended["redriveCount"], ended["redriveStatus"]) == ("SUCCEEDED", 2, "NOT_REDRIVABLE")


def test_an_execution_that_runs_or_succeeded_cannot_be_redriven(machines: Machines) -> None:
    execution = machines.start({"StartAt": "a", "States": {"a": ASK | {"End": True}}}, {})
    message = machines.asked()
    assert machines.call("redrive_execution", executionArn=execution)["__type"] == "ExecutionNotRedrivable"
    machines.succeed(message)
    machines.ended(execution)
    assert machines.call("redrive_execution", executionArn=execution)["__type"] == "ExecutionNotRedrivable"
    assert machines.call("redrive_execution", executionArn="none")["__type"] == "ExecutionDoesNotExist"


def test_a_redriven_map_runs_only_the_children_that_failed_from_where_they_failed(machines: Machines) -> None:
    child = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "first",
        "States": {"first": ASK | {"Next": "second"}, "second": ASK | {"End": True}},
    }
    each = {"Type": "Map", "MaxConcurrency": 1, "ItemSelector": {"n.$": "$$.Map.Item.Value"}, "ItemProcessor": child}
    states = {"each": each | {"ResultPath": None, "Next": "after"}, "after": {"Type": "Succeed"}}
    execution = machines.start({"StartAt": "each", "States": states}, [1, 2, 3])
    for number in (1, 2, 3):
        machines.succeed(machines.asked())
        message = machines.asked()
        if number == 2:
            fail(machines, message)
        else:
            machines.succeed(message)
    assert machines.ended(execution)["error"] == "States.ExceedToleratedFailureThreshold"

    machines.call("redrive_execution", executionArn=execution)

    message = machines.asked()
    assert (message["state"], message["given"]) == ("second", {"n": 2, "answer": {}})
    machines.succeed(message)
    assert machines.ended(execution)["status"] == "SUCCEEDED"
    assert machines.messages.empty()
    [run] = machines.call("list_map_runs", executionArn=execution)["mapRuns"]
    assert run["executionArn"] == execution
