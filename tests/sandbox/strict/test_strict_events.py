"""EventBridge delivers at least once: sometimes twice, again while the target is busy, at last to the dead letters."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.services import eventbridge, sqs, stepfunctions

from sandbox.strict import events
from sandbox.strict.limits import Limits
from tests.sandbox.local_step_functions import restored

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
RULE = {"Arn": "arn:aws:events:us-east-1:000000000000:rule/monthly"}


class Bus:
    """EventBridge with limits, in front of a state machine that may be busy."""

    def __init__(self) -> None:
        self.limits, self.now = Limits(), 0.0
        self.started: list[Any] = []
        self.errors: list[str] = []
        """What the next starts are answered with."""
        self.waiting: list[tuple[float, Callable[[], object]]] = []
        stepfunctions._start_execution = self._start
        events.install(self.limits, clock=lambda: self.now, later=lambda *todo: self.waiting.append(todo))

    def _start(self, data: dict[str, str]) -> tuple[int, dict[str, str], str]:
        error = self.errors.pop(0) if self.errors else ""
        if error:
            return 400, {}, json.dumps({"__type": error, "message": "not now"})
        self.started.append(json.loads(data["input"]))
        return 200, {}, "{}"

    def put(self, target: dict[str, Any], event: dict[str, Any] | None = None) -> None:
        eventbridge._invoke_target({"Arn": MACHINE, "Input": json.dumps(event or {})} | target, {"Detail": "{}"}, RULE)

    def pass_time(self) -> None:
        """Let the time come at which a delivery is tried again."""
        seconds, act = self.waiting.pop(0)
        self.now += seconds
        act()

    def struck(self, name: str) -> int:
        return self.limits.counts()[f"events.{name}"]


@pytest.fixture
def bus() -> Iterator[Bus]:
    with restored(eventbridge), restored(stepfunctions):
        stepfunctions._resolve_state_machine_arn = lambda arn: arn
        yield Bus()


@pytest.fixture
def dead_letters() -> Iterator[str]:
    """A queue; its ARN."""
    sqs._act_create_queue({"QueueName": "missed"}, "")
    yield "arn:aws:sqs:us-east-1:000000000000:missed"
    sqs.reset()


def letters(arn: str) -> list[dict[str, Any]]:
    return list(sqs._queue_by_arn(arn)["messages"])


def test_a_share_of_the_deliveries_is_made_twice_the_same_for_each_seed(bus: Bus) -> None:
    for number in range(200):
        bus.put({}, {"number": number})
    twice = [number for number in range(200) if bus.started.count({"number": number}) == 2]
    assert 5 < len(twice) == bus.struck("delivered_twice") < 50
    assert len(bus.started) == 200 + len(twice)
    bus.limits.change("events.delivered_twice", on=False)
    bus.started.clear()
    for _ in range(100):
        bus.put({})
    assert len(bus.started) == 100


def test_a_start_that_was_throttled_is_tried_again_until_it_succeeds(bus: Bus) -> None:
    bus.limits.change("events.delivered_twice", on=False)
    bus.errors = ["ThrottlingException"] * 3
    bus.put({}, {"month": 10})
    for _ in range(3):
        assert bus.started == []
        bus.pass_time()
    assert bus.started == [{"month": 10}]
    assert bus.waiting == []


@pytest.mark.parametrize(
    ("policy", "attempts", "why"),
    [
        ({"MaximumRetryAttempts": 2}, "2", "MaximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 60}, "5", "MaximumEventAgeInSeconds"),
    ],
)
def test_a_start_that_never_succeeds_becomes_a_dead_letter(
    bus: Bus, dead_letters: str, policy: dict[str, int], attempts: str, why: str
) -> None:
    bus.limits.change("events.delivered_twice", on=False)
    bus.errors = ["ThrottlingException"] * 200
    bus.put({"RetryPolicy": policy, "DeadLetterConfig": {"Arn": dead_letters}}, {"month": 10})
    while bus.waiting:
        bus.pass_time()
    [letter] = letters(dead_letters)
    assert json.loads(letter["body"]) == {"month": 10}
    told = {name: value["StringValue"] for name, value in letter["message_attributes"].items()}
    assert (told["TARGET_ARN"], told["ERROR_CODE"]) == (MACHINE, "ThrottlingException")
    assert (told["RETRY_ATTEMPTS"], told["EXHAUSTED_RETRY_CONDITION"]) == (attempts, why)


def test_a_machine_that_does_not_exist_is_not_tried_again(bus: Bus, dead_letters: str) -> None:
    bus.limits.change("events.delivered_twice", on=False)
    bus.errors = ["StateMachineDoesNotExist"]
    bus.put({"DeadLetterConfig": {"Arn": dead_letters}})
    assert bus.waiting == []
    assert len(letters(dead_letters)) == 1
