"""Counts the requests that a close makes per paying customer: the use cases on moto and the Stripe sandbox.

The state machine's own transitions and Powertools' two writes per stage and batch come on top; see README.md.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
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
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.ports import PaymentGateway
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from tests.fakes import FakeLog, FakeMailer
from tests.world import SETTINGS, STRIPE

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
        ports = Runtime(replace(SETTINGS, providers={"stripe": STRIPE}), "us-east-1", FakeLog())
        for model in (CustomerItem, UsageItem, BillingItem, ClosesItem):
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        names = tuple(f"customer-{number:04}" for number in range(size))
        profile = Profile("Example Ltd", "billing@customer.example", "USD", "stripe", "pm_card_visa")
        ports.directory.put_profiles((name, profile) for name in names)
        ports.usage.put(
            UsageEvent(f"event-{n}", name, f"sku-{n % 8}", Decimal(3), PERIOD.start, Decimal("1.25"), "Something used")
            for name in names
            for n in range(50)
        )
        with counted() as counts:
            _run_close(ports, StripeGateway("sk_test_sandbox", sandbox), Batch(0, "stripe", names))
        endpoints = httpx.get(f"{sandbox}/_sandbox/requests", trust_env=False).json()["stripe"]
        for endpoint, statuses in endpoints.items():
            counts[f"Stripe {endpoint}"] = sum(statuses.values())
    return counts


class _Measured:
    """A deployment's ports with the sandbox as the provider, and one thread; mails go nowhere."""

    def __init__(self, ports: Runtime, gateway: PaymentGateway) -> None:
        self._ports, self._threads = ports, ThreadPoolExecutor(1)
        self.gateways = {"stripe": lambda: gateway}
        self.mailer, self.link_secrets = FakeMailer(), None

    def executor(self, _name: str, _threads: int) -> Executor:
        return self._threads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports, name)


def _run_close(ports: Runtime, gateway: PaymentGateway, batch: Batch) -> None:
    measured: Any = _Measured(ports, gateway)
    use_cases = UseCases(measured)
    use_cases.invoice_generator.generate(PERIOD, batch, 1)
    use_cases.batch_charger("stripe").charge(PERIOD, 0, 1)
    use_cases.notice_sender.send(PERIOD, 0, 1)
    use_cases.hold_keeper.apply(PERIOD, 0, 1)


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
