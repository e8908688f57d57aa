"""A batch of a thousand customers is generated in portions: what it takes of memory, and what a crash leaves."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from monthclose.domain.closes.batching import MAX_BATCH_SIZE
from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.ports import Record
from monthclose.use_cases.invoices import generate_invoices
from tests import fakes
from tests.world import OCTOBER, World

KB = 2**10


@dataclass
class ManyServers(fakes.FakeUsageStore):
    """A usage store in which every customer has used many servers, each of which is a line of the invoice."""

    servers: int = 0

    def events(self, customer_id: str, period: Period, *args: Any, **options: Any) -> Iterator[UsageEvent]:
        for number in range(self.servers):
            what = f"Server {customer_id}-{number:04} in Frankfurt, by the hour"
            yield UsageEvent(f"{number}", customer_id, f"server-{number}", Decimal(1), period.start, Decimal(2), what)


@dataclass
class Sizes(fakes.FakeDocuments):
    """An object store that keeps how large the objects are."""

    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        self.sizes[key] = len(content)

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        self.put(key, content)
        return True


def batch_of(world: World, customers: int) -> Batch:
    world.open()
    return Batch(0, "stripe", tuple(world.add_customer(f"c{number:04}") for number in range(customers)))


def test_the_memory_of_a_batch_is_that_of_a_portion_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 128 * KB  # in place of 16 MB
    monkeypatch.setattr(generate_invoices, "MOST_BYTES", most)
    world = World(usage=ManyServers(servers=50), documents=Sizes())
    batch = batch_of(world, 100)
    tracemalloc.start()
    try:
        world.generator.generate(OCTOBER, batch, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(world.documents, Sizes)
    documents = [size for key, size in world.documents.sizes.items() if key.startswith("invoices/")]
    assert sum(documents) > 5 * most
    assert max(documents) <= most * 1.1  # numbers and the documents' key are longer than rehearsed
    assert peak < 14 * most, f"{peak / most:.1f}"


def test_a_thousand_customers_have_ten_runs_of_numbers_in_a_row_and_a_crash_costs_one_portion() -> None:
    world = World()
    batch = batch_of(world, MAX_BATCH_SIZE)
    for name in batch.customer_ids:
        world.use(name, "10")
    commit, commits = world.books.commit, count()

    def dying(*records: Record) -> tuple[Record, ...]:
        if next(commits) == 350:
            raise KilledError
        return commit(*records)

    world.books.commit = dying  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        world.generator.generate(OCTOBER, batch, 1)
    assert [(run.first, run.count) for run in world.closes.reservations(OCTOBER, 0)] == [
        (first, 100) for first in (1, 101, 201, 301)
    ]
    world.generator.generate(OCTOBER, batch, 1)
    runs = world.closes.reservations(OCTOBER, 0)
    assert [(run.first, run.count) for run in runs] == [(first, 100) for first in range(1, 1001, 100)]
    numbers = {invoice.number for name in batch.customer_ids if (invoice := world.month(name).invoice)}
    assert numbers == {f"INV-{number:08}" for number in range(1, 1001)}
    assert world.generator.generate(OCTOBER, batch, 2).progress.totals.customers == {"invoiced": 1000}
    assert world.closes.reservations(OCTOBER, 0) == runs


class KilledError(BaseException):
    """The function's process is killed."""
