"""Taking the snapshot of any number of customers, in constant memory and as often as time runs out."""

import json
import tracemalloc
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.cycles import cycles_for
from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.close import Batch, Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.use_cases.closes.registered_scan import Registered
from monthclose.use_cases.closes.snapshot import read_batches, write_batches
from monthclose.use_cases.closes.take_snapshot import Scan, Snapshot, SnapshotTaker
from tests.cutting import cut_into_batches
from tests.fakes import FakeDocuments
from tests.unit.any import any_planned
from tests.world import OCTOBER, World

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CLOSE = Close(OCTOBER, CloseStatus.RUNNING, "execution-1", run=1, opened_at=NOW, run_started_at=NOW)


class Customers:
    """A directory of nothing but what planning reads."""

    def __init__(self, customers: Iterable[Planned]) -> None:
        self._customers = list(customers)
        self._places = {customer.customer_id: place for place, customer in enumerate(self._customers)}

    def scan(self, after: str, registered: Registered) -> Generator[Planned]:
        yield from self._customers[self._places[after] + 1 if after else 0 :]

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a snapshot needs no {name}")


def taken(customers: Iterable[Planned], *, part: int, limit: int, always_out_of_time: bool) -> list[Batch]:
    documents, calls = FakeDocuments(), 0
    taker = SnapshotTaker(Customers(customers), documents, {}, limit, part)
    result: Snapshot | Scan = Scan()
    while isinstance(result, Scan):
        scan = Scan(**json.loads(json.dumps(asdict(result))))
        result, calls = taker.take(CLOSE, scan, lambda: always_out_of_time), calls + 1
    batches = list(read_batches(documents, result.key))
    assert result.batches == len(batches)
    assert calls == 1 or always_out_of_time
    return batches


@given(
    st.lists(any_planned(), min_size=1, max_size=100, unique_by=lambda customer: customer.customer_id),
    st.integers(1, 120),
    st.sampled_from([4, 20, 400]),
    st.booleans(),
)
def test_a_snapshot_taken_in_parts_and_calls_is_the_one_taken_at_once(
    customers: list[Planned], part: int, limit: int, interrupted: bool
) -> None:
    batches = taken(customers, part=part, limit=limit, always_out_of_time=interrupted)
    assert batches == cut_into_batches(customers, limit)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 12))
def test_a_billing_days_scan_stops_in_time_however_few_of_the_customers_it_bills(due: list[bool], part: int) -> None:
    close, documents = replace(CLOSE, period=Period.parse("2026-10-15")), FakeDocuments()
    customers = [
        Planned(f"{n:02}", "stripe", n, cycles=cycles_for(15 if is_due else 1)) for n, is_due in enumerate(due)
    ]
    taker = SnapshotTaker(Customers(customers), documents, {}, 400, part)
    result, calls = taker.take(close, Scan(), lambda: True), 1
    while isinstance(result, Scan):
        result, calls = taker.take(close, Scan(**json.loads(json.dumps(asdict(result)))), lambda: True), calls + 1

    assert calls == max(-(-len(due) // part), 1), "each call reads one part of the customers and no more"
    wanted = [customer for customer, is_due in zip(customers, due, strict=True) if is_due]
    assert list(read_batches(documents, result.key)) == cut_into_batches(wanted, 400)


def test_a_call_that_repeats_one_that_was_killed_lists_nobody_twice() -> None:
    documents = FakeDocuments()

    def take(customers: list[Planned]) -> list[Batch]:
        taker = SnapshotTaker(Customers(customers), documents, {}, 4, 2)
        result = taker.take(CLOSE, Scan(), lambda: False)
        assert isinstance(result, Snapshot)
        return list(read_batches(documents, result.key))

    before = [Planned(name, "gocardless" if name == "c" else "stripe", 1) for name in "abcdefgh"]
    take(before)
    meanwhile = [Planned(name, "stripe", 1) for name in ("new1", "new2")]  # "c" comes with the next part now
    assert take(meanwhile + before) == cut_into_batches(meanwhile + before, 4)


def test_a_providers_name_may_hold_anything() -> None:
    customers = [Planned(f"c{n}", f"a/b {n % 2}?", n) for n in range(6)]
    assert taken(customers, part=2, limit=2, always_out_of_time=True) == cut_into_batches(customers, 2)


def test_without_customers_there_is_no_snapshot() -> None:
    with pytest.raises(UserMistakeError, match="import some first"):
        taken([], part=1, limit=1, always_out_of_time=False)


def test_a_plan_out_of_time_says_where_it_continues_and_the_next_one_starts_the_round() -> None:
    world = World()
    for name in ("a", "b", "c", "d"):
        world.use(world.add_customer(name), "10")
    object.__setattr__(world.planner.snapshots, "part", 1)
    run, scan, calls = world.open(), None, 0
    while (plan := world.planner.plan(OCTOBER, run, scan, lambda: True)).scan:
        scan, calls = plan.scan, calls + 1
        assert (plan.unfinished, plan.close.round) == (0, 0)
    assert calls == 3
    assert [batch.customer_ids for batch in read_batches(world.documents, plan.round_key)] == [
        ("a",),
        ("b",),
        ("c",),
        ("d",),
    ]
    assert (plan.unfinished, plan.close.round, plan.close.customers) == (4, 1, 4)


def test_lists_of_earlier_releases_are_read() -> None:
    documents = FakeDocuments()
    rows = [
        {"batch": n, "provider": "stripe", "queue_url": "https://queue", "customers": ["{a}", "]b"]} for n in (0, 1)
    ]
    documents.put("old", json.dumps(rows).encode())
    assert list(read_batches(documents, "old")) == [Batch(n, "stripe", ("{a}", "]b")) for n in (0, 1)]


@given(st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=3), max_size=5))
def test_a_list_of_batches_is_a_json_array_with_a_batch_on_each_line(customers: list[list[str]]) -> None:
    documents = FakeDocuments()
    batches = [Batch(number, "stripe", tuple(ids)) for number, ids in enumerate(customers)]
    write_batches(documents, "list", batches, {"stripe": "https://queue"})
    assert [row["customers"] for row in json.loads(documents.get("list"))] == customers
    assert list(read_batches(documents, "list")) == batches
    assert len(documents.get("list").splitlines()) == max(len(batches), 1)


@pytest.mark.long
def test_memory_stays_within_two_parts_whatever_the_number_of_customers() -> None:
    class Endless(Customers):
        def __init__(self, number: int) -> None:
            self.number = number

        def scan(self, after: str, registered: Registered) -> Generator[Planned]:
            return (Planned(f"{n:09}", f"p{n % 2}", n * 7919 % 1000) for n in range(self.number))

    class Discarding(FakeDocuments):
        """Keeps the parts, which S3 would keep, and drops the list."""

        def write(self, key: str, pieces: Iterable[bytes]) -> None:
            if "part" in key:
                super().write(key, pieces)
            else:
                deque(pieces, maxlen=0)

    peaks = []
    for number in (10_000, 40_000):
        documents = Discarding()
        taker = SnapshotTaker(Endless(number), documents, {}, 10_000, part=5_000)
        tracemalloc.start()
        taker.take(CLOSE, Scan(), lambda: False)
        peaks.append(tracemalloc.get_traced_memory()[1] - sum(map(len, documents.objects.values())))
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
