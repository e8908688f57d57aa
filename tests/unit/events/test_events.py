"""What other systems hear, in a world of fakes; the bus checks every event against its schema."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from monthclose.adapters.dynamo.changes import read_change
from monthclose.adapters.dynamo.records import to_item
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.events import Change, events_of
from monthclose.domain.money import Money
from monthclose.domain.month import HoldAction, HoldChange
from monthclose.domain.payments.payment import TRANSITIONS, Payment, PaymentState, Transition
from monthclose.errors import TryLaterError
from monthclose.ports import Collected, Refused
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.events.publish_events import EventPublisher
from stacks.events import BILLING_FILTERS
from tests.event_patterns import lets_through
from tests.event_schemas import schemas
from tests.fakes import FakeEventBus, reversed_by_the_bank
from tests.world import OCTOBER, World

S = PaymentState
STAGES = ["generated", "charged", "notified", "closed"]


def closed(method: str, policy: HoldPolicy | None = None) -> World:
    """A world whose October is closed, with one customer who was charged 100.00."""
    world = World(hold_policy=policy or HoldPolicy(grace_days=10))
    world.use(world.add_customer("acme", method=method), "100")
    world.close()
    return world


def heard(world: World) -> list[str]:
    """The kinds of events beside those of the close itself."""
    return [event.kind for event in world.event_bus.sent if not event.kind.startswith("Month close")]


def reference(world: World) -> str:
    payment = world.month("acme").payment
    assert payment
    return payment.provider_ref


def test_a_charge_that_is_paid_at_once_is_the_closes_business_alone() -> None:
    assert heard(closed("ok")) == []
    assert heard(closed("declined")) == []


def test_a_bank_debit_is_announced_once_it_has_settled() -> None:
    world = closed("debit")
    assert heard(world) == []
    world.gateway.settle(reference(world), Collected(Money(10_000, "USD")))
    world.clock.pass_time(days=1)
    world.settle()
    [event] = world.event_bus.of("Payment settled late")
    assert heard(world) == ["Payment settled late"]
    assert event.detail["payment"] == "2026-10/acme"
    assert (event.detail["before"], event.detail["state"]) == ("pending", "paid")
    assert (event.detail["collected_minor"], event.detail["currency"], event.detail["exponent"]) == (10_000, "USD", 2)


def test_a_bank_debit_is_announced_once_it_has_failed() -> None:
    world = closed("debit")
    world.gateway.settle(reference(world), Refused("insufficient_funds"))
    world.clock.pass_time(days=1)
    world.settle()
    [event] = world.event_bus.of("Payment failed late")
    assert (event.detail["state"], event.detail["code"]) == ("declined", "insufficient_funds")


def test_money_that_the_bank_reverses_is_announced() -> None:
    world = closed("ok")
    world.gateway.settle(reference(world), reversed_by_the_bank(Money(10_000, "USD")))
    world.reconcile()
    [event] = world.event_bus.of("Payment failed late")
    assert (event.detail["before"], event.detail["state"]) == ("paid", "reversed")
    assert event.detail["reversed_minor"] == 10_000


def test_a_retry_that_collects_is_announced_and_so_is_the_hold_that_it_lifts() -> None:
    world = closed("declined", HoldPolicy(grace_days=0))
    assert heard(world) == ["Customer held"]
    profile = replace(world.customer("acme").profile, payment_method="ok")
    world.change("acme", profile=profile)
    world.clock.pass_time(days=1)
    world.collect()
    assert Counter(heard(world)) == Counter(["Customer held", "Payment settled late", "Customer released"])
    held, released = world.event_bus.of("Customer held")[0], world.event_bus.of("Customer released")[0]
    assert held.detail["by"] == released.detail["by"] == "policy"
    assert held.detail["id"] != released.detail["id"]
    assert world.event_bus.of("Payment settled late")[0].detail["attempt"] == 2


def test_an_event_has_no_word_of_a_person() -> None:
    world = closed("declined")
    world.use_cases.hold_desk.hold("acme", "Ada Lovelace does not answer", by="grace@example.com")
    [event] = world.event_bus.of("Customer held")
    assert event.detail["by"] == "person"
    text = json.dumps(event.detail)
    assert "Ada" not in text
    assert "grace" not in text
    assert "acme Ltd" not in text


def test_a_close_announces_its_start_and_each_stage_once_all_batches_have_passed_it() -> None:
    world = World()
    for name in ("a", "b", "c"):
        world.use(world.add_customer(name), "10")
    world.close()
    kinds = [(e.kind, e.detail.get("stage")) for e in world.event_bus.sent]
    assert kinds == [("Month close started", None), *(("Month close stage passed", stage) for stage in STAGES)]
    passed = {e.detail["stage"]: e.detail for e in world.event_bus.of("Month close stage passed")}
    assert passed["closed"]["money"] == {"USD": {"invoiced": 3_000, "collected": 3_000, "open": 0}}
    assert passed["closed"]["batches"] == world.closes.all()[0].batches


def test_a_stage_waits_for_the_last_batch() -> None:
    world = World()
    for name in ("a", "b", "c"):
        world.use(world.add_customer(name), "10")
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    *most, last = read_batches(world.documents, plan.round_key)
    for batch in most:
        world.close_batch(OCTOBER, batch, plan.close.round)
    assert world.event_bus.of("Month close stage passed") == []
    world.close_batch(OCTOBER, last, plan.close.round)
    assert [event.detail["stage"] for event in world.event_bus.of("Month close stage passed")] == STAGES


def test_another_run_announces_itself_as_another() -> None:
    world = closed("ok")
    world.close(execution="execution-2")
    runs = [event.detail["run"] for event in world.event_bus.of("Month close started")]
    assert runs == [1, 2]
    ids = [event.detail["id"] for event in world.event_bus.sent]
    assert len(ids) == len(set(ids))


def test_what_the_bus_does_not_accept_is_sent_with_the_next_try_under_the_same_id() -> None:
    world, bus = closed("ok"), FakeEventBus()
    hold = HoldChange("acme", OCTOBER, HoldAction.PLACED, "unpaid", world.clock())
    publisher, changes = EventPublisher(bus, world.closes), [Change(None, hold)]
    bus.refuses = True
    with pytest.raises(TryLaterError):
        publisher.publish(changes)
    bus.refuses = False
    assert publisher.publish(changes) == publisher.publish(changes) == 1  # delivered twice
    assert len({event.detail["id"] for event in bus.sent}) == 1


def payment(state: PaymentState, *, attempt: int = 1, reversed_minor: int = 0) -> Payment:
    step = Transition(World().clock(), S.READY, state, "")
    return Payment(
        "acme",
        OCTOBER,
        "stripe",
        "USD",
        state=state,
        amount_minor=100,
        attempt=attempt,
        reversed_minor=reversed_minor,
        history=(step,),
    )


def stream_record(before: Payment | None, after: Any) -> dict[str, Any]:
    """A record of the billing table's stream, as Lambda delivers it."""
    images = {"NewImage": to_item(after).serialize()}
    if before:
        images["OldImage"] = to_item(before).serialize()
    return {"eventName": "MODIFY" if before else "INSERT", "dynamodb": images}


def reads(record: dict[str, Any]) -> bool:
    return any(lets_through(pattern, record) for pattern in BILLING_FILTERS)


STEPS = [(before, after) for before, afters in TRANSITIONS.items() for after in sorted(afters | {before})]


@pytest.mark.parametrize(("step", "attempt"), product(STEPS, (0, 1, 2)))
def test_the_event_source_reads_each_commit_that_announces_something(
    step: tuple[PaymentState, PaymentState], attempt: int
) -> None:
    before = payment(step[0], attempt=attempt)
    after = payment(step[1], attempt=attempt, reversed_minor=100 if step[1] is S.REVERSED else 0)
    record = stream_record(before, after)
    change = read_change(record)
    assert change
    announced = list(events_of(change))
    assert not announced or reads(record)
    assert [event.kind for event in announced] == [event.kind for event in events_of(Change(before, after))]


@pytest.mark.parametrize(
    "steps",
    [(S.READY, S.CHARGING, S.PAID), (S.READY, S.CHARGING, S.DECLINED), (S.READY, S.CHARGING, S.PENDING)],
)
def test_the_event_source_skips_what_an_ordinary_charge_commits(steps: tuple[PaymentState, ...]) -> None:
    for before, after in pairwise(steps):
        assert not reads(stream_record(payment(before), payment(after)))
    assert not reads(stream_record(None, payment(S.READY)))


def test_the_event_source_reads_holds() -> None:
    hold = HoldChange("acme", OCTOBER, HoldAction.LIFTED, "paid", World().clock())
    record = stream_record(None, hold)
    assert reads(record)
    assert read_change(record) == Change(None, replace(hold, version=1))


def test_a_removed_item_announces_nothing() -> None:
    record = stream_record(None, payment(S.PAID))
    removed = {"eventName": "REMOVE", "dynamodb": {"OldImage": record["dynamodb"]["NewImage"]}}
    assert read_change(removed) is None


def test_every_schema_is_a_schema_and_says_which_version_it_is() -> None:
    for kind, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(":1"), kind
        assert "description" in schema, kind
