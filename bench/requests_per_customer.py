"""Counts the requests that a close makes per paying customer: the use cases on moto and the Stripe sandbox.

The state machine's own transitions and Powertools' two writes per stage and batch come on top; see README.md.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import boto3
import botocore.client
import httpx
from moto import mock_aws
from rich.console import Console
from rich.table import Table

from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, CustomerItem, UsageItem
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from monthclose.use_cases.notices.send_notices import NoticeSender
from monthclose.use_cases.notices.tell_customer import CustomerTeller
from monthclose.use_cases.payments.charge_customers import BatchCharger
from monthclose.use_cases.payments.charge_payment import Charger
from sandbox.stripe import StripeSandbox
from sandbox.testing import serving
from tests.fakes import FakeLog, FakeMailer
from tests.world import SETTINGS

PERIOD = Period(2026, 10)
_BYTES_PER_WRITE_UNIT, _BYTES_PER_READ_UNIT = 1024, 4096
_PRICE_PER_MILLION = {"write units": 0.625, "read units": 0.125, "S3 PutObject": 5.0, "S3 GetObject": 0.4}
"""US dollars, us-east-1, on demand."""


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count AWS requests by operation, and DynamoDB's units by their documented rules."""
    counts: Counter[str] = Counter()
    base: Any = botocore.client.BaseClient
    real = base._make_api_call

    def counting(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        answer = real(self, operation, arguments)
        service = self.meta.service_model.service_id
        counts[f"{service} {operation}"] += 1
        if service == "DynamoDB":
            counts["write units"] += _write_units(operation, arguments)
            counts["read units"] += _read_units(operation, answer)
        return answer

    base._make_api_call = counting
    try:
        yield counts
    finally:
        base._make_api_call = real


def _write_units(operation: str, arguments: dict[str, Any]) -> int:
    if operation == "PutItem":
        return _units(arguments["Item"], _BYTES_PER_WRITE_UNIT)
    if operation == "TransactWriteItems":
        puts = [action["Put"]["Item"] for action in arguments["TransactItems"]]
        return 2 * sum(_units(item, _BYTES_PER_WRITE_UNIT) for item in puts)
    return 0


def _read_units(operation: str, answer: dict[str, Any]) -> int:
    if operation in ("GetItem", "Query"):  # strongly consistent: a unit for each 4 KB
        return _units(answer.get("Item") or answer.get("Items") or {}, _BYTES_PER_READ_UNIT)
    return 0


def _units(item: Any, size: int) -> int:
    return max(math.ceil(len(str(item)) * 0.7 / size), 1)  # the text has the types' names and quotes in it


def close_batch(size: int) -> Counter[str]:
    """Close one batch of customers who all pay, and count."""
    with mock_aws(), serving({"/v1": StripeSandbox()}) as sandbox:
        boto3.client("s3").create_bucket(Bucket="documents")
        world = Runtime(SETTINGS, "us-east-1")
        for model in (CustomerItem, UsageItem, BillingItem, ClosesItem):
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        names = tuple(f"customer-{number:04}" for number in range(size))
        profile = Profile("Example Ltd", "billing@customer.example", "USD", "stripe", "pm_card_visa")
        world.directory.put_profiles((name, profile) for name in names)
        world.usage.put(
            UsageEvent(f"event-{n}", name, f"sku-{n % 8}", Decimal(3), PERIOD.start, Decimal("1.25"), "Something used")
            for name in names
            for n in range(50)
        )
        with counted() as counts:
            _run_close(world, StripeGateway("sk_test_sandbox", sandbox), Batch(0, "stripe", names))
        endpoints = httpx.get(f"{sandbox}/_sandbox/requests", trust_env=False).json()["stripe"]
        for endpoint, statuses in endpoints.items():
            counts[f"Stripe {endpoint}"] = sum(statuses.values())
    return counts


def _run_close(world: Runtime, gateway: StripeGateway, batch: Batch) -> None:
    charger = Charger(world.books, gateway, world.clock)
    generator = InvoiceGenerator(
        world.books,
        world.closes,
        world.usage,
        world.price_books,
        world.documents,
        world.clock,
        frozenset({"stripe"}),
        world.tax_tables,
        SETTINGS.company,
    )
    generator.generate(PERIOD, batch, 1)
    with ThreadPoolExecutor(1) as executor:
        BatchCharger(charger, world.books, world.closes, world.clock, FakeLog(), executor).charge(PERIOD, 0, 1)
    keeper = HoldKeeper(world.books, world.closes, HoldPolicy(), world.clock, DunningPolicy())
    teller = CustomerTeller(world.books, FakeMailer(), NoticeTexts("Example Cloud"), world.clock, keeper)
    NoticeSender(world.books, world.closes, teller, world.clock).send(PERIOD, 0, 1)
    keeper.apply(PERIOD, 0, 1)


def main() -> None:
    """Print the table."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    sizes = (1, 10, 100)
    results = {size: close_batch(size) for size in sizes}
    table = Table("per customer, batches of", *map(str, sizes))
    for name in sorted(set().union(*results.values())):
        table.add_row(name, *(f"{results[size][name] / size:.2f}" for size in sizes))
    cost = {
        size: sum(price * results[size][name] / size for name, price in _PRICE_PER_MILLION.items()) for size in sizes
    }
    table.add_row("DynamoDB and S3, $ per million customers", *(f"{cost[size]:.2f}" for size in sizes))
    Console().print(table)


if __name__ == "__main__":
    main()
