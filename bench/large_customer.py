"""Invoices one customer with very many usage events from the local DynamoDB: peak memory, and where the time goes.

The invoice is generated in a process of its own, so that its peak memory is the function's and not the loader's.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.httpsession import URLLib3Session

from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, CustomerItem, UsageItem, UsagePackItem
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.domain.pricing import PerUnit, Price, PriceBook
from monthclose.domain.usage import UsageEvent
from monthclose.ports import PriceBooks
from sandbox.aws.local_aws import REGION, LocalAws
from tests.fakes import FakeLog
from tests.world import SETTINGS, STRIPE

PERIOD = Period(2026, 10)
SKUS, RESOURCES = 20, 500


def events(count: int) -> Iterator[UsageEvent]:
    step = (PERIOD.end - PERIOD.start) / count
    for number in range(count):
        time_of_use = PERIOD.start + step * number
        sku, machine = f"sku-{number % SKUS}", f"web-{number % RESOURCES}"
        yield UsageEvent(
            f"evt-{number:09}",
            "acme",
            sku,
            Decimal(number % 97) / 8,
            time_of_use,
            resource=machine,
            received_at=PERIOD.end,
        )


def load(count: int) -> None:
    """Put the customer, the prices and the usage into the store."""
    boto3.client("s3").create_bucket(Bucket=SETTINGS.documents_bucket)
    ports = Runtime(replace(SETTINGS, providers={"stripe": STRIPE}), REGION, FakeLog())
    for model in (CustomerItem, UsageItem, UsagePackItem, BillingItem, ClosesItem):
        model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
    ports.directory.put_profiles([("acme", Profile("Acme", "a@acme.example", "USD", "stripe", "pm_card_visa"))])
    capped = PerUnit(Decimal("0.00893"), monthly_cap=Decimal(6))
    ports.price_books.merge(PriceBook.of(Price(f"sku-{number}", "USD", capped, "h") for number in range(SKUS)))
    began = time.monotonic()
    ports.usage.put(events(count))
    print(f"stored {count:,} events in {time.monotonic() - began:.0f} s")


def invoice(count: int) -> None:
    """Invoice the customer, and say what it took."""
    waited = 0.0
    session: Any = URLLib3Session
    real = session.send

    def timed(self: Any, request: Any) -> Any:
        nonlocal waited
        began = time.monotonic()
        answer = real(self, request)
        waited += time.monotonic() - began
        return answer

    session.send = timed
    ports = Runtime(replace(SETTINGS, providers={"stripe": STRIPE}), REGION, FakeLog())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ports.price_books = _Pinned(ports.price_books)
    generator = UseCases(ports).invoice_generator
    began = time.monotonic()
    generator.generate(PERIOD, Batch(0, "stripe", ("acme",)), 1)
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    issued = ports.books.month("acme", PERIOD).invoice
    print(f"invoice {issued.number} for {issued.total}" if issued else "no invoice")
    print(f"{count:,} events in {took:.1f} s: {count / took:,.0f} events/s, {waited:.1f} s of it waiting for the store")
    print(f"without the waiting: {count / (took - waited):,.0f} events/s")
    print(f"peak memory {peak / 1024:.0f} MB, of which {before / 1024:.0f} MB before the first event")


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
    """Load in this process, invoice in another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--only-invoice", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_invoice:
        invoice(arguments.events)
        return
    with tempfile.TemporaryDirectory(prefix="monthclose-bench-") as folder, LocalAws(Path(folder)) as running:
        os.environ |= running.environment
        load(arguments.events)
        again = [sys.executable, "-m", "bench.large_customer", "--only-invoice", "--events", str(arguments.events)]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
