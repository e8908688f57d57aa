"""Measures how much of a provider's limit is used, and how often it is exceeded, with the limiter and without.

Real processes: the Stripe sandbox, which enforces 25 requests a second on each endpoint with a token bucket and answers
after a log-normal time; MiniStack's DynamoDB; and workers with a pool of threads each, as Lambda would run them, that
charge (create a PaymentIntent, confirm it) for as long as it lasts. README.md says how to read the table.
"""

import argparse
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from monthclose.adapters.dynamo.limits import DynamoProviderLimits
from monthclose.adapters.dynamo.models import LimitItem, bind
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.assembly.limiting import Limiting
from monthclose.bootstrap import utc_now
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError
from monthclose.names import LimitScope
from monthclose.ports import ChargeOrder, PaymentGateway
from monthclose.settings import Provider
from sandbox.aws.local_aws import REGION, LocalAws, Running
from tests.world import SETTINGS

RATE = 25
ENDPOINTS = ("payment_intents.create", "payment_intents.confirm")
MODES = ("limiter", "one call at a time", "threads only")
WARM_UP_SECONDS = 10
_KEY = "sk_test_sandbox"
_PROJECT = Path(__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class Cell:
    """One measurement."""

    mode: str
    workers: int
    median_ms: int
    bucket: float
    seconds: int

    @property
    def provider(self) -> Provider:
        return Provider("stripe", "", "", "", RATE, self.workers, LimitScope.ENDPOINT, 0.0, 5)

    @property
    def threads(self) -> int:
        return 1 if self.mode == MODES[1] else self.provider.threads


def work(cell: Cell, sandbox: str) -> None:
    """Be a worker: charge until the time that stdin says, then print the DynamoDB requests made meanwhile."""
    calls: list[tuple[float, str]] = []
    connection = bind(SETTINGS, REGION)
    connection.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append((time.time(), model.name))
    )
    gateway: PaymentGateway = StripeGateway(_KEY, sandbox)
    if cell.mode == MODES[0]:
        provider = cell.provider
        gateway = Limiting(DynamoProviderLimits(), utc_now, patience_seconds=60).limited(gateway, provider)
    name = f"worker-{os.getpid()}"
    payer = StripeGateway(_KEY, sandbox).register(Customer(name, Profile(name, "a@b.example", "USD", "stripe", "")))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin, end = map(float, sys.stdin.readline().split())
    numbers = itertools.count()
    threads = [
        threading.Thread(target=charge_until, args=(end, gateway, payer, name, numbers)) for _ in range(cell.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(Counter(call for at, call in calls if begin <= at < end)) + "\n")


def charge_until(end: float, gateway: PaymentGateway, payer: str, name: str, numbers: Iterator[int]) -> None:
    while time.time() < end:
        order = ChargeOrder(
            payment_id=f"2026-10/{name}-{next(numbers)}",
            attempt=1,
            amount=Money(1000, "USD"),
            invoice_number="INV-1",
            period=Period(2026, 10),
            customer_id=name,
            provider_customer_id=payer,
            payment_method="pm_card_visa",
            since=datetime.now(UTC),
        )
        try:
            gateway.collect(dataclasses.replace(order, reference=gateway.prepare(order)))
        except TryLaterError:
            continue  # with the next payment: what became of this one doesn't matter here


@contextmanager
def workers(cell: Cell, running: Running) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "bench.throttle", "--worker", json.dumps(dataclasses.asdict(cell))]
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                subprocess.Popen(
                    [*command, running.sandbox_url],
                    cwd=_PROJECT,
                    env={**os.environ, **running.environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(cell.workers)
        ]


def measure(cell: Cell, running: Running, http: httpx.Client) -> Sequence[str]:
    http.put("/_sandbox/limits", json={"stripe": {"rate": RATE, "burst": cell.bucket}}).raise_for_status()
    http.put("/_sandbox/latency", json={"median_ms": cell.median_ms}).raise_for_status()
    LimitItem("limits#stripe", "circuit").delete()  # the cell before may have been slowed down
    with workers(cell, running) as processes:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        begin = time.time() + WARM_UP_SECONDS
        end = begin + cell.seconds
        for process in processes:
            assert process.stdin
            process.stdin.write(f"{begin} {end}\n")
            process.stdin.flush()
        time.sleep(max(begin - time.time(), 0))
        before, started = _counts(http), time.time()
        time.sleep(max(end - time.time(), 0))
        after, took = _counts(http), time.time() - started
        dynamo = sum((Counter(json.loads(process.communicate()[0])) for process in processes), Counter[str]())
    done = [after[endpoint, "200"] - before[endpoint, "200"] for endpoint in ENDPOINTS]
    refused = sum(after[endpoint, "429"] - before[endpoint, "429"] for endpoint in ENDPOINTS)
    return (
        f"{cell.median_ms / 1000:g} s",
        str(cell.workers),
        str(cell.threads),
        cell.mode,
        f"{cell.bucket:g}",
        " + ".join(map(str, done)),
        f"{min(done) / took / RATE:.1%}",
        f"{max(done) / took / RATE:.1%}",
        str(refused),
        f"{refused / (sum(done) + refused):.1%}",
        f"{dynamo['UpdateItem'] / cell.seconds:.1f}",
        f"{dynamo['Query'] / cell.seconds:.1f}",
    )


HEADER = (
    "latency",
    "workers",
    "threads each",
    "mode",
    "bucket",
    "created + confirmed",
    "used, least",
    "used, most",
    "429s",
    "share",
    "DynamoDB writes/s",
    "reads/s",
)


def _counts(http: httpx.Client) -> Counter[tuple[str, str]]:
    endpoints: dict[str, dict[str, int]] = http.get("/_sandbox/requests").json()["stripe"]
    return Counter({(name, status): n for name, statuses in endpoints.items() for status, n in statuses.items()})


def main() -> None:
    """Measure every combination and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.throttle", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20, help="measured in each cell, after a warm-up (%(default)s)")
    parser.add_argument("--latency-ms", type=int, nargs="+", default=[400, 1500], help="medians (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 5, 10], help="processes (%(default)s)")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES[:2])
    parser.add_argument("--bucket", type=float, default=RATE, help="requests the provider takes at once (%(default)s)")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(Cell(**json.loads(options.worker[0])), options.worker[1])
        return
    cells = [
        Cell(mode, count, median, options.bucket, options.seconds)
        for median, mode, count in itertools.product(options.latency_ms, options.modes, options.workers)
    ]
    table = Table(*HEADER, title=f"{RATE} requests a second allowed on each endpoint")
    with (
        tempfile.TemporaryDirectory() as home,
        LocalAws(Path(home)) as running,
        httpx.Client(base_url=running.sandbox_url, trust_env=False, timeout=30) as http,
    ):
        os.environ.update(running.environment)
        bind(SETTINGS, REGION)
        LimitItem.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        for number, cell in enumerate(cells, 1):
            print(f"{number} of {len(cells)}: {cell}", file=sys.stderr)
            table.add_row(*measure(cell, running, http))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
