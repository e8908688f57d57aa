"""Invoices are generated no faster than the tables take them, and every batch is in flight all the same."""

import json
from collections import Counter
from functools import cache

import pytest

from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.close import Batch
from monthclose.domain.closes.pacing import (
    COLD_READS,
    COLD_WRITES,
    WRITES_PER_CUSTOMER,
    generated_per_second,
    seconds_to_wait,
    warm_reads,
    warm_writes,
)
from monthclose.settings import CloseSettings
from tests.cutting import cut_into_batches
from tests.world import OCTOBER, World


@cache
def alike(customers: int) -> list[Batch]:
    """Cut customers of whom the same is expected into batches."""
    return cut_into_batches(Planned(f"c{n:07}", "stripe", 0) for n in range(customers))


def writes_by_second(customers: int, expected: int) -> Counter[int]:
    """Write units of the billing table: the Map starts a hundred batches a second, and a batch takes ten seconds."""
    batches = alike(customers)
    used = Counter[int]()
    for number, (batch, wait) in enumerate(zip(batches, waits(batches, expected), strict=True)):
        begun = number // 100 + wait
        for second in range(10):
            used[begun + second] += len(batch.customer_ids) * WRITES_PER_CUSTOMER // 10
    return used


def waits(batches: list[Batch], expected: int) -> list[int]:
    return list(seconds_to_wait(batches, generated_per_second(expected)))


@pytest.mark.parametrize(("customers", "expected"), [(100_000, 0), (1_000_000, 0), (1_000_000, 1_000_000)])
def test_the_tables_take_what_is_generated_each_second(customers: int, expected: int) -> None:
    used = writes_by_second(customers, expected)
    assert max(used.values()) <= warm_writes(expected)
    assert max(used) <= 3000  # a million in less than an hour, even on new tables; charging takes half a day


def test_a_small_close_waits_for_nothing() -> None:
    batches = cut_into_batches(Planned(f"c{n}", "stripe", 0) for n in range(300))
    assert set(waits(batches, 0)) == {0}


def test_the_largest_amounts_come_first() -> None:
    batches = cut_into_batches(Planned(f"c{n}", "stripe", n) for n in range(50_000))
    assert waits(batches, 0) == sorted(waits(batches, 0))


def test_tables_are_made_for_more_only_if_more_customers_are_expected_than_new_tables_take() -> None:
    assert (warm_writes(0), warm_reads(0)) == (COLD_WRITES, COLD_READS)
    assert warm_writes(500_000) == COLD_WRITES
    assert warm_writes(1_000_000) == 5_556
    assert warm_writes(10**9) == 40_000


def test_the_plan_tells_each_batch_how_long_to_wait() -> None:
    world = World(close_settings=CloseSettings(generated_per_second=0.5))
    for name in ("a", "b", "c"):
        world.add_customer(name)
    plan = world.planner.plan(OCTOBER, world.open())
    assert [row["wait_seconds"] for row in json.loads(world.documents.get(plan.round_key))] == [0, 1, 3]
