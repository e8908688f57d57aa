"""How fast one core reads customers for a report pack and writes their tables, and the memory that takes.

The customers are one that was billed for three months, again and again, under other names: no store is in it, and what
is written goes to a folder. Each number of customers is a process of its own; peak memory must not depend on it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from monthclose.adapters.tables.duck import DuckColumnFiles
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import Batch, BatchProgress
from monthclose.domain.month import CustomerMonth
from monthclose.domain.pack.pack import MadeFor
from monthclose.domain.pack.tables import TABLES
from monthclose.domain.period import Period
from monthclose.use_cases.pack.pack_store import PackPlan, PackStore
from monthclose.use_cases.pack.read_part import PackPartReader
from monthclose.use_cases.pack.write_table import TableWriter
from tests.fakes import FakeCloses, FakeDocuments
from tests.world import OCTOBER, World

_LINES = 8
_IN_A_BATCH = 1000
_PERIODS = (Period(2026, 8), Period(2026, 9), OCTOBER)


class _Folder(FakeDocuments):
    """Objects in a folder: the memory that they take is not the reader's."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def put(self, key: str, content: bytes, _content_type: str = "") -> None:
        self.write(key, [content])

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(pieces)

    def get(self, key: str) -> bytes:
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        with (self._folder / key).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    @property
    def size(self) -> int:
        """Of all objects, in bytes."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())


class _Same:
    """Books of customers who are all the same."""

    def __init__(self, world: World, name: str) -> None:
        self._account, self._months = world.customer(name), world.books.months(name)

    def customer(self, customer_id: str) -> Customer:
        return replace(self._account, customer_id=customer_id)

    def months(self, _customer_id: str) -> Mapping[Period, CustomerMonth]:
        return self._months

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        return {name: self.customer(name) for name in customer_ids}


class _Nowhere:
    """A register that keeps nothing."""

    def put_batch(self, *_records: object, **_more: object) -> bool:
        return True


class _Batches(FakeCloses):
    """Closes whose batches are made when they are read."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._like = next(iter(world.closes.all_progress(OCTOBER)))

    def progress(self, _period: Period, batch: int) -> BatchProgress:
        names = tuple(f"customer-{batch:05}-{number:04}" for number in range(_IN_A_BATCH))
        return replace(self._like, batch=Batch(batch, "stripe", names))


def _world() -> World:
    world = World()
    name = world.add_customer("customer")
    for period in _PERIODS:
        world.clock.now = period.end
        for line in range(_LINES):
            world.use(name, f"{line + 1}.25", period=period, event_id=f"event-{line}")
        world.close(period, f"execution-{period}")
    return world


def run(customers: int) -> Iterator[str]:
    """Read one part with so many customers, and write the tables."""
    world, batches = _world(), customers // _IN_A_BATCH
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as executor:
        documents = _Folder(Path(folder))
        for key, content in world.documents.objects.items():
            documents.put(key, content)
        store, same = PackStore(documents), _Same(world, "customer")
        plan = PackPlan(OCTOBER, "bench", 1, MadeFor.PERSON, world.clock(), "", customers, batches, 1)
        stores: Any = (same, _Batches(world), documents, store, executor, _Nowhere(), world.clock)
        reader = PackPartReader(*stores)
        began = time.perf_counter()
        reader.read(plan, 0)
        read = time.perf_counter() - began
        yield f"{customers / read:,.0f} customers/s, {documents.size / customers:,.0f} bytes each, {_peak()} MB"
        writer, began = TableWriter(documents, store, DuckColumnFiles()), time.perf_counter()
        before = documents.size
        for table in TABLES.values():
            writer.write(plan, table)
        wrote = time.perf_counter() - began
        rows = sum(file.rows or 0 for table in TABLES for file in store.table(plan, table).files) // 2
        yield f"{rows / wrote:,.0f} rows/s written, {(documents.size - before) / 1e6:,.0f} MB of files, {_peak()} MB"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure several numbers of customers, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.report_pack", description=__doc__)
    parser.add_argument("--customers", type=int, nargs="*", default=[2_000, 20_000], help="(2,000 and 20,000)")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        for line in run(options.one):
            print(f"{options.one:>9,}  {line}", flush=True)
        return
    for customers in options.customers:
        subprocess.run([sys.executable, "-m", "bench.report_pack", "--one", str(customers)], check=True)


if __name__ == "__main__":
    main()
