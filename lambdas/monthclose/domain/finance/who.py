"""Which reasons a customer is named for, from their books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from monthclose.domain.finance.aging import Bucket, OpenItem
from monthclose.domain.finance.customer import CustomerBooks
from monthclose.domain.finance.named import Named, Why
from monthclose.domain.month import HoldAction, HoldChange
from monthclose.domain.payments.payment import REFUSED
from monthclose.domain.period import Period


def named_of(books: CustomerBooks, items: Iterable[OpenItem], period: Period, at: datetime) -> Iterator[Named]:
    """Name a customer for each reason there is, once in each currency."""
    items = list(items)
    overdue = [item for item in items if item.bucket(at.date()) is not Bucket.NOT_DUE]
    for why, theirs in ((Why.OPEN, items), (Why.OVERDUE, overdue)):
        for currency, minor in _by_currency(theirs).items():
            oldest = min(item.due_on for item in theirs if item.currency == currency)
            yield Named(why, currency, books.customer_id, books.name, minor, oldest.isoformat())
    open_minor = _by_currency(items)
    yield from _of_month(books, period, open_minor)
    if held := _hold(books, at):
        currency = max(open_minor, key=lambda of: open_minor[of], default=books.profile.currency)
        detail = f"{held.time:%Y-%m-%d} {held.reason}".strip()
        yield Named(Why.HELD, currency, books.customer_id, books.name, open_minor.get(currency, 0), detail)


def _by_currency(items: Iterable[OpenItem]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for item in items:
        sums[item.currency] = sums.get(item.currency, 0) + item.open_minor
    return sums


def _of_month(books: CustomerBooks, period: Period, open_minor: dict[str, int]) -> Iterator[Named]:
    month = books.months.get(period)
    if month is None:
        return
    currency = month.invoice.currency if month.invoice else books.profile.currency
    if month.parking and month.parked:
        minor = open_minor.get(currency, 0)
        yield Named(Why.PARKED, currency, books.customer_id, books.name, minor, month.parking.reason)
    payment = month.collecting
    if month.invoice and month.invoice.open and payment and payment.state in REFUSED:
        minor = month.invoice.open.minor
        yield Named(Why.DECLINED, currency, books.customer_id, books.name, minor, payment.code)


def _hold(books: CustomerBooks, at: datetime) -> HoldChange | None:
    """Find the change that put the customer on hold, if they still were at a time."""
    changes = [change for month in books.months.values() for change in month.holds if change.time <= at]
    last = max(changes, key=lambda change: (change.time, change.period, change.number), default=None)
    return last if last and last.action is HoldAction.PLACED else None
