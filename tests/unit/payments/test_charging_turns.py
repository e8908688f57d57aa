"""How a worker charges the batches that it is given together: what is read, what is begun, what goes back."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError
from monthclose.handlers import charge_customers
from monthclose.names import Env
from monthclose.settings import CloseSettings, Provider
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.payments.turns import Turns
from monthclose.use_cases.payments.waiting_task import WaitingTask
from tests import fakes
from tests.fakes import CountingBooks
from tests.world import OCTOBER, STRIPE, World

SECONDS = 300
"""The function's time: three quarters of it are for charging."""
MESSAGES_AT_ONCE = 10


@dataclass
class Worker:
    """A worker whose time passes with each charge, at its share of the provider's limit."""

    world: World
    seconds_a_charge: float
    function_name = "charge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:charge"
    aws_request_id = "request-1"
    charged_before: int = 0

    def get_remaining_time_in_millis(self) -> int:
        passed = (len(self.world.gateway.money_moved) - self.charged_before) * self.seconds_a_charge
        return round((SECONDS - passed) * 1000)

    def take(self, messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Charge what the messages name, and return those that went back."""
        self.charged_before = len(self.world.gateway.money_moved)
        self.world.queue.messages.clear()
        assert charge_customers.handler(delivered(messages), self) == {"batchItemFailures": []}
        return [dict(message) for message, _ in self.world.queue.messages]


def delivered(messages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": str(number),
                "body": json.dumps(message),
                "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, message in enumerate(messages)
        ]
    }


def generated(monkeypatch: pytest.MonkeyPatch, provider: Provider, *, batches: int, size: int) -> World:
    """A close whose batches wait to be charged."""
    settings = CloseSettings(max_batches=batches)
    world = World(books=CountingBooks(), close_settings=settings, providers={"stripe": provider})
    for number in range(batches * size):
        world.use(world.add_customer(f"c{number:05}"), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    for batch in read_batches(world.documents, plan.round_key):
        assert len(batch.customer_ids) == size
        world.generator.generate(OCTOBER, batch, 1)
    monkeypatch.setenv(Env.PROVIDER, "stripe")
    monkeypatch.setattr(charge_customers, "_charger", lambda: world.batch_charger)
    monkeypatch.setattr(charge_customers, "_charge_once", charge_customers._charge)
    monkeypatch.setattr(charge_customers, "runtime", lambda: world)
    monkeypatch.setattr(charge_customers, "use_cases", lambda: world.use_cases)
    return world


def messages(batches: int) -> list[dict[str, Any]]:
    return [{"period": "2026-10", "round": 1, "batch": n, "task_token": f"token-{n}"} for n in range(batches)]


def share(provider: Provider) -> float:
    return provider.limit.usable() / provider.maximum_concurrency


MILLION = replace(STRIPE, requests_per_second=25, maximum_concurrency=10)
TEN_MILLION = replace(STRIPE, requests_per_second=350, maximum_concurrency=60)


@pytest.mark.parametrize(
    ("provider", "batches", "size", "reads_per_charge"),
    [
        (MILLION, 10, 100, 2.1),
        pytest.param(TEN_MILLION, 2, 1_000, 2.1, marks=pytest.mark.long),
        pytest.param(MILLION, 1, 1_000, 4.1, marks=pytest.mark.long),  # a batch does not fit into a worker's time
    ],
)
def test_a_charge_costs_few_reads_however_large_the_batches_are(
    monkeypatch: pytest.MonkeyPatch, provider: Provider, batches: int, size: int, reads_per_charge: float
) -> None:
    world = generated(monkeypatch, provider, batches=batches, size=size)
    assert isinstance(world.books, CountingBooks)
    before, worker, left = world.books.read, Worker(world, 1 / share(provider)), messages(batches)
    while left:
        left = worker.take(left[:MESSAGES_AT_ONCE]) + left[MESSAGES_AT_ONCE:]
    charged = len(world.gateway.money_moved)
    assert charged == batches * size
    assert set(world.workflow.answers) == {f"token-{n}" for n in range(batches)}
    assert (world.books.read - before) / charged < reads_per_charge


def test_a_batch_that_goes_back_half_done_is_not_through_with_charging_and_its_sums_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = generated(monkeypatch, STRIPE, batches=1, size=8)
    worker = Worker(world, seconds_a_charge=SECONDS / 4)  # time for three
    assert worker.take(messages(1)) == messages(1)
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert (progress.stage, progress.totals.payments) == (Stage.GENERATED, {"paid": 4, "ready": 4})
    assert worker.take(messages(1)) == []
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert (progress.stage, progress.totals.payments) == (Stage.CHARGED, {"paid": 8})
    assert world.workflow.answers == {"token-0": {"paid": 8, "unsettled": 0}}


def test_of_a_message_that_has_no_turn_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = replace(STRIPE, requests_per_second=1)  # 110 customers in a worker's time
    world = generated(monkeypatch, slow, batches=10, size=100)
    progress, read = world.closes.progress, list[int]()

    def reading(period: Period, number: int) -> BatchProgress | None:
        read.append(number)
        return progress(period, number)

    monkeypatch.setattr(world.closes, "progress", reading)
    left = Worker(world, 0).take(messages(10))
    assert len(left) == 9
    assert not {message["batch"] for message in left} & set(read)


def test_in_an_outage_the_rest_of_a_batch_and_the_other_messages_go_back_untried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = generated(monkeypatch, STRIPE, batches=3, size=20)
    world.gateway.failures["register", "before"] = [ProviderPausedError("the provider is down", 42)] * 60
    left = Worker(world, 0.1).take(messages(3))
    assert sorted(message["batch"] for message in left) == [0, 1, 2]
    assert {seconds for _, seconds in world.queue.messages} == {42}
    assert len(world.gateway.failures["register", "before"]) >= 57  # one customer a batch, at most


def test_a_stopped_closes_messages_are_dropped_before_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    world = generated(monkeypatch, STRIPE, batches=3, size=2)
    world.workflow.gone |= {"token-0", "token-1", "token-2"}
    assert Worker(world, 1).take(messages(3)) == []
    assert world.gateway.money_moved == []


def task(seconds: float = SECONDS) -> WaitingTask:
    return WaitingTask(fakes.FakeWorkflow(), "token", lambda: round(seconds * 1000))


def test_batches_of_one_customer_are_charged_side_by_side() -> None:
    turns = Turns(threads=12, per_second=2.5)
    with ExitStack() as under_way:
        for _ in range(MESSAGES_AT_ONCE):
            turn = under_way.enter_context(turns.turn(task()))
            assert turn
            turn.expects(1)
        # None of them has begun its customer yet, and all have their turns.


def test_what_a_worker_has_no_time_for_goes_back_at_once() -> None:
    turns = Turns(threads=30, per_second=5.7)  # 1,282 customers in 225 seconds
    with turns.turn(task()) as first:
        assert first
        first.expects(1_000)
        with turns.turn(task()) as second:
            assert second is None
