"""What a poll of the reconciler reads: at rest next to nothing, however many batches the closes have."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bench.costs.meter import metering
from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.bootstrap import Runtime
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.use_cases.batch_work import left_to_reconcile, providers_of
from tests.world import OCTOBER, World

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLOSE = Close(OCTOBER, CloseStatus.UNFINISHED, "execution", 1, NOON, NOON, providers=("gocardless", "stripe"))
BATCHES = 120
LEFT: dict[str, dict[str, Any]] = {
    "unsettled": {"unsettled": 1},
    "untold": {"totals": Totals(untold=1)},
    "waiting": {"totals": Totals(waiting=1)},
}


def progress(number: int, provider: str = "stripe", **changes: Any) -> BatchProgress:
    customers = tuple(f"customer-{number:05}-{n:02}" for n in range(100))
    usual = BatchProgress(OCTOBER, Batch(number, provider, customers), Stage.CLOSED, 1, Totals(), 0, NOON)
    return replace(usual, **changes)


@pytest.mark.parametrize("left", LEFT)
def test_batches_with_something_left_are_found_by_provider_until_they_have_nothing_left(
    world: World | Runtime, left: str
) -> None:
    closes = world.closes
    for number in range(9):
        closes.put_progress(progress(number))
    mine, other = progress(7, **LEFT[left]), progress(8, "gocardless", **LEFT[left])
    closes.put_progress(mine)
    closes.put_progress(other)
    assert list(left_to_reconcile(closes, CLOSE, "stripe")) == [mine]
    assert list(left_to_reconcile(closes, CLOSE, "gocardless")) == [other]
    closes.put_progress(progress(7))
    assert list(left_to_reconcile(closes, CLOSE, "stripe")) == []


def test_a_poll_at_rest_reads_a_few_units_however_many_batches_there_are(aws: Runtime) -> None:
    for number in range(BATCHES):
        aws.closes.put_progress(progress(number))
    with metering() as meter, meter.stage_of("a poll"):
        assert providers_of(aws.closes, CLOSE) == {"gocardless", "stripe"}
        for provider in CLOSE.providers:
            assert list(left_to_reconcile(aws.closes, CLOSE, provider)) == []
    counts = meter.counts["a poll"]
    assert counts["request:DynamoDB Query"] == 8
    assert counts["read:closes"] <= 8
    assert counts["request:DynamoDB BatchGetItem"] == 0


def test_what_is_left_of_closes_from_before_the_index_is_found(aws: Runtime) -> None:
    old, left = replace(CLOSE, providers=()), progress(3, unsettled=2)
    for number in range(5):
        aws.closes.put_progress(progress(number))
    aws.closes.put_progress(left)
    for item in ClosesItem.scan():
        item.left = None
        item.save()
    assert providers_of(aws.closes, old) == {"stripe"}
    assert list(left_to_reconcile(aws.closes, old, "stripe")) == [left]


def test_a_close_stored_before_its_providers_were_recorded_is_read(aws: Runtime) -> None:
    aws.closes.put(CLOSE)
    stored = aws.closes.get(OCTOBER)
    assert stored == replace(CLOSE, version=1)
    item = ClosesItem.get("closes", str(OCTOBER))
    del item.content["providers"]
    item.save()
    before = aws.closes.get(OCTOBER)
    assert before
    assert before.providers == ()


def test_the_plan_records_the_providers_of_the_customers() -> None:
    world = World()
    world.add_customer("a")
    world.add_customer("b", provider="gocardless")
    plan = world.planner.plan(OCTOBER, world.open())
    assert plan.close.providers == ("gocardless", "stripe")
