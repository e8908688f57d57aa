"""What the handlers add to their stages: reading the event, answering tasks, handing back in time."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError, UserMistakeError
from monthclose.handlers import charge_customers
from monthclose.handlers.open_close import requested_period
from monthclose.stages.charge_batch import BatchCharger
from monthclose.stages.snapshot import read_batches
from tests.world import OCTOBER, World


@pytest.mark.parametrize(
    ("request_input", "period"),
    [
        ({"period": "2026-09"}, Period(2026, 9)),
        ({"time": "2026-11-01T00:00:00Z", "detail-type": "Scheduled Event"}, Period(2026, 10)),
        ({"time": "2026-01-01T00:00:03+00:00"}, Period(2025, 12)),
        ({"time": "2026-11-01T00:30:00+01:00"}, Period(2026, 9)),  # 23:30 of October 31 in UTC
    ],
)
def test_the_period_is_the_operators_or_the_month_before_the_events(request_input: Any, period: Period) -> None:
    assert requested_period(request_input) == period


@pytest.mark.parametrize("request_input", [{}, [], None, {"period": 10}, {"time": "soon"}, {"period": "October"}])
def test_an_input_that_names_no_period_is_a_users_mistake(request_input: Any) -> None:
    with pytest.raises(UserMistakeError, match="period"):
        requested_period(request_input)


@dataclass
class FakeContext:
    """A Lambda context whose time runs out after so many looks at it."""

    looks: int = 10**6
    function_name = "charge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:charge"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 300_000 if self.looks > 0 else 1_000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A batch of three generated, and the handler wired to it without Powertools' table."""
    world = World()
    for name in ("a", "b", "c"):
        world.use(world.add_customer(name), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(OCTOBER, batch, 1)
    charger = BatchCharger(world.charger, world.books, world.closes, world.clock, world.log)
    monkeypatch.setattr(charge_customers, "_charger", lambda: charger)
    monkeypatch.setattr(charge_customers, "_charge_once", charge_customers._charge)
    monkeypatch.setattr(charge_customers, "runtime", lambda: world)
    return world


def delivered(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"message-{n}", "body": json.dumps(body), "eventSource": "aws:sqs"}
            for n, body in enumerate(bodies)
        ]
    }


MESSAGE = {"period": "2026-10", "round": 1, "batch": 0, "task_token": "token-1"}


def test_a_charged_batch_answers_its_task(world: World) -> None:
    answer = charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers == {"token-1": {"paid": 1, "unsettled": 0}}


def test_a_message_that_comes_twice_charges_once_and_answers_both(world: World) -> None:
    charge_customers.handler(delivered(MESSAGE, {**MESSAGE, "task_token": "token-2"}), FakeContext())
    assert len(world.gateway.money_moved) == 1
    assert set(world.workflow.answers) == {"token-1", "token-2"}


def test_what_time_does_not_suffice_for_is_told_to_the_task_which_sends_it_again(world: World) -> None:
    charge_customers.handler(delivered(MESSAGE), FakeContext(looks=2))
    assert world.workflow.answers["token-1"][0] == "TryLaterError"
    assert world.gateway.money_moved == []
    charge_customers.handler(delivered({**MESSAGE, "task_token": "token-2"}), FakeContext())
    assert world.workflow.answers["token-2"] == {"paid": 1, "unsettled": 0}


def test_a_provider_that_refuses_us_is_told_to_the_task_by_name(world: World) -> None:
    world.gateway.failures["register", "before"] = [ProviderRefusedError("no such key")]
    answer = charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers["token-1"][0] == "ProviderRefusedError"


def test_one_broken_message_does_not_take_the_others_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def charge(message: dict[str, Any], context: Any) -> dict[str, Any]:
        if message["batch"] == 0:
            raise IdempotencyAlreadyInProgressError("somebody else is at it")
        return charge_customers._charge(message, context)

    monkeypatch.setattr(charge_customers, "_charge_once", charge)
    answer = charge_customers.handler(delivered(MESSAGE, {**MESSAGE, "batch": 1, "task_token": "t"}), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers["t"] == {"paid": 1, "unsettled": 0}
    assert world.workflow.answers["token-1"][0] == "IdempotencyAlreadyInProgressError"
