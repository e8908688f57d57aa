"""The limits of Step Functions strike where AWS's do, each can be switched off, and each is counted."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.strict import stepfunctions as strict
from sandbox.strict.limits import Limits
from tests.sandbox.local_step_functions import Machines, local_step_functions, until

PASS = {"StartAt": "pass", "States": {"pass": {"Type": "Pass", "End": True}}}
ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters": {"token.$": "$$.Task.Token"},
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "caught"}],
    "Next": "caught",
}
ASKING = {"StartAt": "ask", "States": {"ask": ASK, "caught": {"Type": "Succeed"}}}


class StrictMachines:
    """A local Step Functions with limits, whose time passes when told."""

    def __init__(self, machines: Machines) -> None:
        self.machines, self.limits = machines, Limits()
        self.paused: list[float] = []
        strict.install(self.limits, clock=lambda: machines.now, sleep=self.paused.append)

    def lower(self, **values: float) -> None:
        for name, value in values.items():
            self.limits.change(f"stepfunctions.{name}", value=value)

    def struck(self, name: str) -> int:
        return self.limits.counts()[f"stepfunctions.{name}"]


@pytest.fixture
def aws() -> Iterator[StrictMachines]:
    with local_step_functions() as machines:
        yield StrictMachines(machines)


def ended(aws: StrictMachines, definition: dict[str, Any], given: Any = None) -> dict[str, Any]:
    return aws.machines.ended(aws.machines.start(definition, given))


def test_every_limit_is_documented_and_none_strikes_at_a_small_load(aws: StrictMachines) -> None:
    assert ended(aws, PASS)["status"] == "SUCCEEDED"
    assert not any(aws.limits.counts().values())


def test_executions_start_as_fast_as_the_bucket_fills(aws: StrictMachines) -> None:
    aws.lower(start_execution=2, start_execution_burst=3)
    machine = aws.machines.call("create_state_machine", definition="{}", name="many", roleArn="arn:r")
    aws.machines.now = 100

    def started() -> str | None:
        return aws.machines.call("start_execution", stateMachineArn=machine["stateMachineArn"]).get("__type")

    assert [started() for _ in range(4)] == [None] * 3 + ["ThrottlingException"]
    aws.machines.now += 1
    assert [started() for _ in range(3)] == [None] * 2 + ["ThrottlingException"]
    assert aws.struck("start_execution") == 2
    aws.limits.change("stepfunctions.start_execution", on=False)
    assert started() is None


def test_each_call_that_answers_a_task_has_a_bucket_of_its_own(aws: StrictMachines) -> None:
    aws.lower(send_task=1, send_task_burst=1)
    aws.machines.now = 100
    aws.machines.start(ASKING)
    message = aws.machines.asked()
    assert aws.machines.beat(message) == {}
    assert aws.machines.beat(message)["__type"] == "ThrottlingException"
    assert aws.machines.succeed(message) == {}


def test_a_state_whose_input_is_too_large_fails_and_nothing_catches_it(aws: StrictMachines) -> None:
    aws.lower(payload=100)
    ask = ASK | {"Parameters": {"token.$": "$$.Task.Token", "many": "x" * 100}}
    found = ended(aws, {"StartAt": "ask", "States": {**ASKING["States"], "ask": ask}})  # type: ignore[dict-item]
    assert found["error"] == "States.DataLimitExceeded"
    assert aws.machines.messages.empty()


def test_a_state_whose_output_is_too_large_fails(aws: StrictMachines) -> None:
    aws.lower(payload=100)
    large = {"Type": "Pass", "Result": "x" * 100, "End": True}
    assert ended(aws, {"StartAt": "large", "States": {"large": large}})["error"] == "States.DataLimitExceeded"


def test_a_caller_with_too_much_is_refused(aws: StrictMachines) -> None:
    aws.machines.start(ASKING)
    token = aws.machines.asked()["token"]
    aws.lower(payload=10)
    answer = aws.machines.call("send_task_success", taskToken=token, output='"ääääää"')
    assert answer["__type"] == "ValidationException"
    assert aws.machines.succeed({"token": token}) == {}


def test_an_execution_with_a_full_history_fails(aws: StrictMachines) -> None:
    aws.lower(history=20)
    endless = {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Pass", "Next": "a"}}}
    found = ended(aws, endless)
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert "history" in found["cause"]


def mapping(concurrency: int) -> dict[str, Any]:
    child = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **ASKING}
    return {
        "StartAt": "map",
        "States": {"map": {"Type": "Map", "MaxConcurrency": concurrency, "ItemProcessor": child, "End": True}},
    }


def test_a_maps_children_start_one_after_the_other(aws: StrictMachines) -> None:
    aws.lower(child_starts=2)
    aws.machines.now = 100
    execution = aws.machines.start(mapping(5), [1, 2, 3, 4, 5])
    for _ in range(5):
        aws.machines.succeed(aws.machines.asked())
    assert aws.machines.ended(execution)["status"] == "SUCCEEDED"
    assert sorted(aws.paused) == [0.5, 1.0, 1.5]
    assert aws.struck("child_starts") == 3


def test_a_map_runs_no_more_children_at_once_than_may(aws: StrictMachines) -> None:
    aws.lower(children=2)
    execution = aws.machines.start(mapping(5), [1, 2, 3, 4, 5])
    asked = [aws.machines.asked() for _ in range(2)]
    assert aws.machines.messages.empty()
    for _ in range(3):
        aws.machines.succeed(asked.pop())
        asked.append(aws.machines.asked())
    for message in asked:
        aws.machines.succeed(message)
    assert aws.machines.ended(execution)["status"] == "SUCCEEDED"


def test_states_wait_for_a_transition(aws: StrictMachines) -> None:
    aws.lower(state_transitions=1)
    aws.machines.now = 100
    chain = {name: {"Type": "Pass", "Next": following} for name, following in zip("abc", "bcd", strict=True)}
    found = ended(aws, {"StartAt": "a", "States": {**chain, "d": {"Type": "Succeed"}}})
    assert found["status"] == "SUCCEEDED"
    until(lambda: aws.paused == [1.0, 2.0])
