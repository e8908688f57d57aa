"""Imports one customer's very many usage events into the local DynamoDB and invoices them: memory, and where time goes.

Both are done in processes of their own, so that their peak memory is that of the import and of the function. One half
of the events is there already when the other half is imported: an import that read the month again for each of its
chunks would take ever longer.
"""

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.httpsession import URLLib3Session

from bench.costs.deployment import create_tables
from bench.costs.usage_files import OCTOBER, SKUS, UsageFiles, name_of
from monthclose.adapters.dynamo.direct import DirectCalls
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch
from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.pricing import PerUnit, Price, PriceBook
from monthclose.ports import PriceBooks
from monthclose.use_cases.imports.dropped_file import HINTS
from monthclose.use_cases.imports.tables import read_table
from sandbox.aws.local_aws import REGION, LocalAws
from tests.fakes import FakeLog
from tests.world import SETTINGS, STRIPE

CUSTOMER = name_of(0)
_HALVES = 2


def connect() -> Runtime:
    return Runtime(replace(SETTINGS, providers={"stripe": STRIPE}), REGION, FakeLog())


def prepare() -> None:
    """Put the customer and the prices into the store."""
    boto3.client("s3").create_bucket(Bucket=SETTINGS.documents_bucket)
    ports = connect()
    create_tables()
    ports.directory.put_profiles([(CUSTOMER, Profile("Acme", "a@acme.example", "USD", "stripe", "pm_card_visa"))])
    capped = PerUnit(Decimal("0.00893"), monthly_cap=Decimal(6))
    ports.price_books.merge(PriceBook.of(Price(f"sku-{number}", "USD", capped, "h") for number in range(SKUS)))


class Waiting:
    """The time that requests take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        for sender, name in ((URLLib3Session, "send"), (DirectCalls, "send")):
            setattr(sender, name, self._timed(getattr(sender, name)))

    def _timed(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began = time.monotonic()
            answer = real(*arguments)
            self.seconds += time.monotonic() - began
            return answer

        return timed


def measured(what: str, count: int, work: Callable[[], object]) -> None:
    """Do something with many events, and say what it took."""
    waiting, before, began, worked = Waiting(), _peak(), time.monotonic(), time.process_time()
    work()
    took, cpu = time.monotonic() - began, time.process_time() - worked
    rates = f"{count / took:,.0f} events/s, {count / cpu:,.0f} for each second of our CPU"
    print(f"{what}: {count:,} events in {took:.1f} s: {rates}; requests took {waiting.seconds:.1f} s, some at once")
    print(f"{what}: peak memory {_peak():.0f} MB, of which {before:.0f} MB before the first event", flush=True)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Lines(io.RawIOBase):
    """A file that is made while it is read: it takes no memory."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines, self._rest = lines, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._lines, b"")
        size = min(len(buffer), len(data))
        buffer[:size], self._rest = data[:size], data[size:]
        return size


def load(count: int, half: int) -> None:
    """Import one half of the events."""
    ports = connect()
    ports.patience.endless(print)
    lines = UsageFiles(1, count, _HALVES).lines(half)
    table = read_table("usage.csv", io.BufferedReader(_Lines(lines), 1 << 20))
    mapping = ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS)
    importer = UseCases(ports).usage_importer

    def work() -> None:
        tally = importer.load(table.rows, mapping, f"usage-{half}.csv", lambda row, why: print(row.number, why))
        assert tally.new == count // _HALVES, tally

    measured(f"import {half + 1}", count // _HALVES, work)


def invoice(count: int) -> None:
    """Invoice the customer, and say what it took."""
    ports = connect()
    ports.price_books = _Pinned(ports.price_books)
    generator = UseCases(ports).invoice_generator
    measured("invoice", count, lambda: generator.generate(OCTOBER, Batch(0, "stripe", (CUSTOMER,)), 1))
    issued = ports.books.month(CUSTOMER, OCTOBER).invoice
    print(f"invoice {issued.number} for {issued.total}" if issued else "no invoice")


class _Pinned:
    """The latest price book, whichever version is asked for: there is no close here that pins one."""

    def __init__(self, books: PriceBooks) -> None:
        self._books = books

    def latest(self) -> str:
        return self._books.latest()

    def get(self, version: str) -> PriceBook:
        return self._books.get(version or self._books.latest())

    def merge(self, additions: PriceBook) -> PriceBook:
        return self._books.merge(additions)


def main() -> None:
    """Prepare in this process, import and invoice in others."""
    parser = argparse.ArgumentParser(prog="python -m bench.large_customer", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the customer (1,000,000)")
    parser.add_argument("--only", choices=("half-0", "half-1", "invoice"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "invoice":
        invoice(options.events)
    elif options.only:
        load(options.events, int(options.only.removeprefix("half-")))
    else:
        with tempfile.TemporaryDirectory(prefix="monthclose-bench-") as folder, LocalAws(Path(folder)) as running:
            os.environ |= running.environment
            prepare()
            for part in ("half-0", "half-1", "invoice"):
                command = [sys.executable, "-m", "bench.large_customer", "--only", part]
                subprocess.run([*command, "--events", str(options.events)], check=True)


if __name__ == "__main__":
    main()
