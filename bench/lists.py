"""How long the dashboard's lists take, and what they read: `python -m bench.lists [--customers 100000] [--months 3]`.

The register's objects are made of records as a close leaves them, and kept in memory: what a fetch takes beyond that is
the network's. Every page is asked for three times; the slowest counts.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cli.dashboard.register.cache import Cache
from cli.dashboard.register.catalog import LISTS, ListSpec
from cli.dashboard.register.lists import Lists, Query
from cli.dashboard.register.sync import Sync
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.closes.batching import batch_size
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange, Notice, NoticeState, Parking
from monthclose.domain.payments.payment import Payment, PaymentState, Transition
from monthclose.domain.period import Period
from monthclose.domain.register.objects import RegisterObject, batch_object, complete_object, customers_object
from monthclose.ports import ListedObject
from tests.fakes import FakeAuditTrail, FakeCloses, FakeDocuments

_FIRST, _SCANNED_AT_ONCE, _TIMES = Period(2026, 8), 5_000, 3
_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KWD")
_WORDS = ("Acme", "Nordwind", "Müller", "Kraków", "Blue", "Harbor", "Data", "Labs", "Works", "Studio", "Media", "Cloud")


@dataclass
class Objects:
    """The register in memory; counts requests."""

    stored: dict[str, bytes] = field(default_factory=dict)
    lists: int = 0
    gets: int = 0

    def put(self, made: RegisterObject) -> None:
        self.stored[made.key] = made.content

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        found = [key for key in self.stored if key.startswith(prefix)]
        self.lists += max(-(-len(found) // 1000), 1)
        at = datetime.now(UTC)
        return (ListedObject(key, hashlib.md5(self.stored[key]).hexdigest(), at) for key in sorted(found))

    def content(self, key: str) -> bytes:
        self.gets += 1
        return self.stored[key]


@dataclass
class _Ports:
    register: Objects
    closes: FakeCloses
    documents: FakeDocuments = field(default_factory=FakeDocuments)
    audit: FakeAuditTrail = field(default_factory=FakeAuditTrail)


def main() -> None:
    """Make the register, bring a copy up to date, and ask for every list."""
    asked = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    asked.add_argument("--customers", type=int, default=100_000, help="in the register (100,000)")
    asked.add_argument("--months", type=int, default=3, help="that were closed (3)")
    arguments = asked.parse_args()
    register, closes = Objects(), FakeCloses()
    customers = [_customer(number) for number in range(arguments.customers)]
    periods = [_FIRST]
    while len(periods) < arguments.months:
        periods.append(periods[-1].next)
    _register_customers(register, customers, periods[0].end - timedelta(hours=1))
    for period in periods:
        _register_close(register, closes, customers, period)
    size = sum(map(len, register.stored.values()))
    print(f"{arguments.customers:,} customers, {len(periods)} months: {len(register.stored):,} objects, {size:,} bytes")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.duckdb"
        cache = Cache(path)
        sync, lists = Sync(cache, _Ports(register, closes)), Lists(cache)
        _synced("first copy", register, sync)
        _synced("nothing changed", register, sync)
        _change(register, customers, periods[-1], arguments.customers)
        _synced("1 batch in 20 changed", register, sync)
        print(f"the file: {path.stat().st_size:,} bytes")
        _ask(lists)
        cache.close()


def _synced(what: str, register: Objects, sync: Sync) -> None:
    before = register.lists, register.gets
    took = _timed(lambda: sync.refresh(at_once=True))
    print(f"{what}: {took:6.2f} s, {register.lists - before[0]} LISTs, {register.gets - before[1]} GETs")


def _ask(lists: Lists) -> None:
    for spec in LISTS.values():
        queries = {"first page": Query(), "search": Query("muller 00"), "last page": Query(page=10**9)}
        took = {what: max(_times(lists, spec, query)) for what, query in queries.items()}
        pages = ", ".join(f"{what} {1000 * seconds:4.0f} ms" for what, seconds in took.items())
        choices = sum(_timed(partial(lists.choices, spec, each)) for each in spec.filters)
        export = _timed(partial(_export, lists, spec))
        print(f"{spec.name:13} {pages}, filters' values {1000 * choices:4.0f} ms, CSV {export:5.2f} s; no request")


def _export(lists: Lists, spec: ListSpec) -> int:
    return sum(map(len, lists.export(spec, Query())))


def _times(lists: Lists, spec: ListSpec, query: Query) -> list[float]:
    return [_timed(partial(lists.page, spec, query)) for _ in range(_TIMES)]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _customer(number: int) -> Customer:
    words = [_WORDS[(number * factor) % len(_WORDS)] for factor in (1, 7)]
    name, currency = f"{' '.join(words)} {number}", _CURRENCIES[number % len(_CURRENCIES)]
    provider = "gocardless" if number % 4 == 0 else "stripe"
    profile = Profile(
        name, f"billing@customer-{number}.example", currency, provider, "pm", ("DE", "US", "PL")[number % 3]
    )
    return Customer(f"cust-{number:07}", profile)


def _register_customers(register: Objects, customers: list[Customer], at: datetime) -> None:
    for begin in range(0, len(customers), _SCANNED_AT_ONCE):
        register.put(customers_object(customers[begin : begin + _SCANNED_AT_ONCE], at))
    register.put(complete_object(at + timedelta(minutes=5)))


def _register_close(register: Objects, closes: FakeCloses, customers: list[Customer], period: Period) -> None:
    size = batch_size({"all": len(customers)})
    numbers = range(0, len(customers), size)
    for batch, begin in enumerate(numbers):
        _register_batch(register, customers[begin : begin + size], period, batch, size)
    at = period.end
    closes.put(
        Close(
            period,
            CloseStatus.COMPLETED,
            "arn",
            1,
            at,
            at,
            customers=len(customers),
            batches=len(numbers),
            completed_at=at,
        )
    )


def _register_batch(
    register: Objects, some: list[Customer], period: Period, number: int, size: int, late: int = 0
) -> None:
    batch = Batch(number, "stripe", tuple(each.customer_id for each in some))
    at = period.end + timedelta(seconds=number, minutes=late)
    progress = BatchProgress(period, batch, Stage.CLOSED, 1, Totals(), 0, at)
    months = [_month(each, period, number * size + place, at, paid_late=bool(late)) for place, each in enumerate(some)]
    register.put(batch_object(progress, months, (), at))


def _change(register: Objects, customers: list[Customer], period: Period, count: int) -> None:
    size = batch_size({"all": count})
    for batch, begin in list(enumerate(range(0, count, size)))[::20]:
        _register_batch(register, customers[begin : begin + size], period, batch, size, late=90)


def _month(customer: Customer, period: Period, number: int, at: datetime, *, paid_late: bool) -> CustomerMonth:
    name, currency, total = customer.customer_id, customer.profile.currency, 1000 + number * 7919 % 1_000_000
    declined = number % 25 == 0 and not paid_late
    key = (name, period)
    if number % 997 == 0:
        return CustomerMonth(parking=Parking(*key, "no_price", "no price for SKU gpu-h100 in 2026-08", at))
    serial = (period.year * 12 + period.month) * 10_000_000 + number
    invoice = Invoice(
        f"INV-{serial:010}", *key, currency, total, at.date(), DocumentPlace("invoices/x.jsonl", 0, 100, "0" * 64),
        tax_minor=total // 6, collected_minor=0 if declined else total,
    )  # fmt: skip
    state = PaymentState.DECLINED if declined else PaymentState.PAID
    history = (
        Transition(at, PaymentState.READY, PaymentState.CHARGING, "attempt 1"),
        Transition(at + timedelta(seconds=1), PaymentState.CHARGING, state, "answered"),
    )
    payment = Payment(
        *key, customer.profile.payment_provider, currency, batch=0, state=state, amount_minor=total,
        collected_minor=invoice.collected_minor, attempt=1, provider_ref=f"pi_{serial}", history=history,
        code="insufficient_funds" if declined else "",
    )  # fmt: skip
    bounced = number % 211 == 0
    sent, kind = NoticeState.BOUNCED if bounced else NoticeState.SENT, "declined" if declined else "receipt"
    notice = Notice(*key, kind, sent, at, f"m-{serial}", why="550 no such mailbox" if bounced else "")
    placed = HoldChange(*key, HoldAction.PLACED, f"invoice {invoice.number}: insufficient_funds", at)
    return CustomerMonth(invoice, payment, notice, (placed,) * declined, entries=tuple(_entries(invoice, at)))


def _entries(invoice: Invoice, at: datetime) -> Iterable[Entry]:
    about = (invoice.customer_id, invoice.period, invoice.currency, at)
    total, paid = invoice.total_minor, invoice.collected_minor
    yield Entry("invoice", *about, entry_legs({Account.RECEIVABLE: total, Account.REVENUE: -total}))
    if paid:
        yield Entry("payment/1", *about, entry_legs({Account.CLEARING: paid, Account.RECEIVABLE: -paid}))


if __name__ == "__main__":
    main()
