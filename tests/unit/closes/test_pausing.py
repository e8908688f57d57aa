"""Pausing the charging of a close or of a provider: what stops, what goes on, and that nothing comes of it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from monthclose.assembly.limiting import known_pauses
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import return_seconds
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.payments.throttle import Limit
from monthclose.errors import ChargingPausedError, ConflictError, ProviderPausedError
from monthclose.names import LimitScope
from monthclose.ports import PaymentGateway
from monthclose.settings import CloseSettings
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.limiter import PacedLimiter
from monthclose.use_cases.payments.paced_requests import LANES
from monthclose.use_cases.payments.throttled_gateway import ThrottledGateway
from tests.fakes.gateway import FakeGateway
from tests.fakes.throttle import VirtualTime, log_normal
from tests.world import OCTOBER, World

CUSTOMERS = 90


def generated(customers: int = 3, **settings: Any) -> World:
    """Make a world whose close has generated its invoices and is about to charge."""
    world = World(**settings)
    for number in range(customers):
        world.use(world.add_customer(f"customer-{number}"), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(OCTOBER, batch, 1)
    return world


@dataclass
class Timed:
    """A provider whose answers take their time; it writes down when it was asked to charge."""

    gateway: FakeGateway
    time: VirtualTime
    latency: Callable[[], float]
    charges: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        wrapped = getattr(self.gateway, name)
        if name not in ("register", "prepare", "collect", "look_up"):
            return wrapped
        calls = self.reads if name == "look_up" else self.charges

        def call(*arguments: Any) -> Any:
            calls.append(self.time.now)
            self.time.sleep(self.latency())
            return wrapped(*arguments)

        return call


def test_pausing_at_thirty_percent_ends_the_charges_within_five_seconds_and_resuming_charges_everybody_once() -> None:
    time = VirtualTime()
    world = generated(CUSTOMERS)
    world.clock.now = time.clock()
    provider = Timed(world.gateway, time, log_normal(7, 0.8))
    left = [PaymentKey(f"customer-{number}", OCTOBER) for number in range(CUSTOMERS)]
    happened: dict[str, float] = {}

    def worker() -> Iterator[Callable[[], None]]:
        """Give the threads of a worker, which share its limiter and what it knows of pauses, as in its process."""
        limiter = PacedLimiter(
            "stripe", Limit(10, burst=3), world.limits, time.clock, patience_seconds=15, sleep=time.sleep
        )
        pauses = known_pauses(world.limits, world.closes, time.clock)
        made: Any = provider
        gateway: PaymentGateway = ThrottledGateway(made, limiter, LANES[LimitScope.ENDPOINT], pauses=pauses)
        charger = Charger(world.books, gateway, time.clock, pauses=pauses)
        yield from [partial(charge, charger)] * 12

    def charge(charger: Charger) -> None:
        while left:
            key = left.pop(0)
            try:
                state = charger.charge(key)
            except ProviderPausedError as error:
                left.append(key)
                time.sleep(error.seconds)
            else:
                assert state is PaymentState.PAID

    def operate() -> None:
        while len(world.gateway.money_moved) < 0.3 * CUSTOMERS:
            time.sleep(0.1)
        world.clock.now = time.clock()
        world.use_cases.pause_close(OCTOBER, "ada", "wrong prices?")
        happened["paused"] = time.now
        time.sleep(7_200)
        happened["moved"] = len(world.gateway.money_moved)
        world.clock.now = time.clock()
        world.use_cases.resume_close(OCTOBER, "bob")
        happened["resumed"] = time.now

    time.run([*worker(), *worker(), operate])

    paused, resumed = happened["paused"], happened["resumed"]
    assert [at for at in provider.charges if paused + 5 < at < resumed] == []
    assert 0.3 * CUSTOMERS <= happened["moved"] < 0.6 * CUSTOMERS
    assert min(at for at in provider.charges if at >= resumed) < resumed + 60
    assert sorted(name for name, _ in world.gateway.money_moved) == sorted(
        f"2026-10/customer-{number}" for number in range(CUSTOMERS)
    )


def test_a_close_stays_paused_through_every_round_and_parks_nobody_because_of_it() -> None:
    world = generated(close_settings=CloseSettings(max_rounds=2))
    world.use_cases.pause_close(OCTOBER, "ada", "")
    waits = []
    for _ in range(20):  # each is a day: the batches' tasks have timed out
        world.clock.pass_time(days=1)
        plan = world.planner.plan(OCTOBER, 1)
        assert plan.rounds_left
        waits.append(plan.wait_seconds)
        for batch in read_batches(world.documents, plan.round_key):
            world.close_batch(OCTOBER, batch, plan.close.round)
    assert world.gateway.money_moved == []
    assert waits == sorted(waits)  # no tight loop, and room in the execution's history
    assert (waits[0], waits[-1]) == (60, 900)

    world.use_cases.resume_close(OCTOBER, "bob")
    world.clock.pass_time(days=1)
    plan = world.planner.plan(OCTOBER, 1)
    for batch in read_batches(world.documents, plan.round_key):
        world.close_batch(OCTOBER, batch, plan.close.round)
    assert world.planner.plan(OCTOBER, 1).unfinished == 0
    report = world.reporter.report(OCTOBER, 1)
    assert report["status"] == CloseStatus.COMPLETED
    assert len(world.gateway.money_moved) == 3


def test_the_bound_on_rounds_counts_again_once_nothing_is_paused() -> None:
    world = generated(close_settings=CloseSettings(max_rounds=2))
    world.use_cases.pause_provider("stripe", "ada", "")
    world.clock.pass_time(days=1)
    assert world.planner.plan(OCTOBER, 1).rounds_left
    world.use_cases.resume_provider("stripe", "ada")
    world.clock.pass_time(hours=1)
    assert [world.planner.plan(OCTOBER, 1).rounds_left for _ in range(3)] == [True, True, False]


def test_invoices_go_on_being_generated_while_charging_is_paused() -> None:
    world = World()
    for name in ("a", "b"):
        world.use(world.add_customer(name), "10")
    run = world.open()
    world.use_cases.pause_close(OCTOBER, "ada", "")
    plan = world.planner.plan(OCTOBER, run)
    for batch in read_batches(world.documents, plan.round_key):
        world.close_batch(OCTOBER, batch, plan.close.round)
    assert all(world.month(name).invoice for name in ("a", "b"))
    assert [world.month(name).payment.state for name in ("a", "b")] == [PaymentState.READY] * 2  # type: ignore[union-attr]
    assert world.gateway.money_moved == []
    assert world.mailer.sent == []


def test_what_is_under_way_is_looked_up_and_nothing_new_is_charged_while_a_provider_is_paused() -> None:
    world = World()
    world.use(world.add_customer("debit", method="debit"), "10")
    world.use(world.add_customer("lost"), "20")
    world.gateway.failures["collect", "after"] = [ConflictError("never answered")]
    with suppress(ConflictError):
        world.close()
    world.use_cases.pause_provider("stripe", "ada", "an incident")
    world.clock.pass_time(days=1)
    before = len(world.gateway.money_moved)
    settled = world.settle(everyone=True)
    assert not settled.paused
    assert not settled.time_was_up
    assert len(world.gateway.money_moved) == before
    with pytest.raises(ChargingPausedError, match=r"charging through stripe was paused by ada .*an incident"):
        world.use_cases.charger("stripe").pauses.check("stripe")


def test_a_pause_by_a_person_and_the_automatic_one_end_apart_from_each_other() -> None:
    world = generated(1)
    world.use_cases.pause_provider("stripe", "ada", "")
    limiter = PacedLimiter("stripe", Limit(25), world.limits, world.clock, sleep=lambda _: None)
    for _ in range(5):
        limiter.failed("collect")
    assert world.limits.state("stripe").health.pause_seconds
    world.clock.pass_time(seconds=60)
    limiter.acquire("read")  # the probe
    limiter.succeeded("read")
    state = world.limits.state("stripe")
    assert not state.health.pause_seconds
    assert state.paused
    world.use_cases.resume_provider("stripe", "ada")
    assert world.limits.state("stripe").paused is None


def test_a_pause_that_came_too_late_for_a_close_holds_up_no_later_run() -> None:
    world = generated(1)
    for batch in read_batches(world.documents, world.closes.get(OCTOBER).snapshot_key):  # type: ignore[union-attr]
        world.close_batch(OCTOBER, batch, 1)
    world.use_cases.pause_close(OCTOBER, "ada", "")
    world.reporter.report(OCTOBER, 1)
    world.workflow.running.clear()
    with pytest.raises(UserMistakeError, match="it has ended"):
        world.use_cases.resume_close(OCTOBER, "bob")
    world.open(execution="execution-2")
    close = world.closes.get(OCTOBER)
    assert close
    assert close.paused is None


def test_a_close_that_was_stopped_while_paused_is_still_paused_when_it_continues() -> None:
    world = generated(1)
    world.use_cases.pause_close(OCTOBER, "ada", "")
    world.use_cases.note_stop(OCTOBER, "", "bob")
    world.workflow.running.clear()
    world.open(execution="execution-2")
    close = world.closes.get(OCTOBER)
    assert close
    assert close.paused


def test_of_two_who_resume_at_once_one_wins_and_the_other_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = generated(1)
    world.use_cases.pause_close(OCTOBER, "ada", "")
    put, raced = world.closes.put, list[str]()

    def after_another(close: Any) -> Any:
        if not raced:
            raced.append("bob")
            world.use_cases.resume_close(OCTOBER, "bob")
        return put(close)

    monkeypatch.setattr(world.closes, "put", after_another)
    with pytest.raises(UserMistakeError, match="2026-10 is not paused: it was resumed by bob on 2026-11-01 00:00 UTC"):
        world.use_cases.resume_close(OCTOBER, "ada")
    assert [pause.ended_by for pause in world.closes.get(OCTOBER).pauses] == ["bob"]  # type: ignore[union-attr]


def test_of_two_who_pause_a_provider_at_once_one_wins_and_the_other_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    put, raced = world.limits.put_pause, list[str]()

    def after_another(*given: Any) -> None:
        if not raced:
            raced.append("bob")
            world.use_cases.pause_provider("stripe", "bob", "an incident")
        put(*given)

    monkeypatch.setattr(world.limits, "put_pause", after_another)
    with pytest.raises(UserMistakeError, match=r"stripe is paused already, by bob on .*: an incident"):
        world.use_cases.pause_provider("stripe", "ada", "")


@pytest.mark.parametrize("first", ["pause", "stop"])
def test_of_pausing_and_stopping_at_once_neither_gets_lost(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    world = generated(1)
    steps: dict[str, Callable[[], object]] = {
        "pause": lambda: world.use_cases.pause_close(OCTOBER, "ada", "look"),
        "stop": lambda: world.use_cases.note_stop(OCTOBER, "wrong", "bob"),
    }
    [second] = steps.keys() - {first}
    put, raced = world.closes.put, list[str]()

    def after_the_other(close: Any) -> Any:
        if not raced:
            raced.append(first)
            steps[first]()
        return put(close)

    monkeypatch.setattr(world.closes, "put", after_the_other)
    steps[second]()
    close = world.closes.get(OCTOBER)
    assert close
    assert close.paused
    assert close.stopped == (world.clock(), "wrong", "bob")


def test_of_two_who_stop_at_once_one_wins_and_the_other_is_told() -> None:
    world = generated(1)
    world.use_cases.note_stop(OCTOBER, "wrong prices", "ada")
    with pytest.raises(UserMistakeError, match="it was stopped by ada on 2026-11-01 00:00 UTC: wrong prices"):
        world.use_cases.note_stop(OCTOBER, "", "bob")
    close = world.closes.get(OCTOBER)
    assert close
    assert len(close.stops) == 1


def test_paused_batches_come_back_at_the_pace_of_charging_however_many_there_are() -> None:
    """Requests an hour while paused: 10,000 batches of a close of eleven hours, and 60 of a small one."""
    large = [return_seconds(40_000, batch) for batch in range(10_000)]
    assert (min(large), max(large)) == (10, 900)
    assert sum(3600 / seconds for seconds in large) < 200_000
    arrivals = [sum(low <= seconds < low + 60 for seconds in large) for low in range(60, 840, 60)]
    assert max(arrivals) - min(arrivals) <= 20
    small = [return_seconds(8, batch) for batch in range(60)]
    assert max(small) <= 20


def test_paused_collections_leave_what_is_due_to_the_next_run() -> None:
    world = World()
    world.use(world.add_customer("broke", method="declined"), "10")
    world.close()
    world.add_customer("broke", method="ok")
    world.use_cases.pause_provider("stripe", "ada", "")
    world.clock.pass_time(days=10)
    world.collect()
    assert world.gateway.money_moved == []
    world.use_cases.resume_provider("stripe", "ada")
    world.clock.pass_time(seconds=5)
    world.collect()
    assert len(world.gateway.money_moved) == 1


def test_the_pause_is_known_within_two_seconds_without_asking_the_stores_for_each_customer() -> None:
    world = generated(1)
    reads = list[str]()

    class Counted(type(world.limits)):  # type: ignore[misc]
        def state(self, provider: str) -> Any:
            reads.append(provider)
            return super().state(provider)

    limits = Counted()
    pauses = known_pauses(limits, world.closes, world.clock)
    for _ in range(100):
        pauses.check("stripe", OCTOBER)
    assert len(reads) == 1
    world.use_cases.pause_close(OCTOBER, "ada", "")
    world.clock.now += timedelta(seconds=2)
    with pytest.raises(ChargingPausedError, match="monthclose resume 2026-10"):
        pauses.check("stripe", OCTOBER)
    pauses.check("stripe")
