"""Aging of receivables: what is open, by how long ago it was due.

The buckets are those of a provision matrix (IFRS 9, illustrative example 12, IE74: current, 1-30, 31-60, 61-90, more
than 90 days past due). What is due today is not overdue yet. What is open is read from the ledger as it was at the
time, not from the invoice as it is now: so the aging of any day can be made again later, and its sum is the balance of
the receivables. Credit that a customer has not used yet stands beside it: nobody has decided yet what it pays for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.finance.customer import CustomerBooks, open_invoice, receivable_minor
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.register.tables import Value


class Bucket(StrEnum):
    """How long ago something was due; in order."""

    NOT_DUE = "not_due"
    DAYS_1_30 = "1-30"
    DAYS_31_60 = "31-60"
    DAYS_61_90 = "61-90"
    OVER_90 = "over_90"

    @classmethod
    def of(cls, due_on: date, day: date) -> Bucket:
        """Find the bucket of what was due on a day, on another day."""
        overdue = (day - due_on).days
        if overdue <= 0:
            return cls.NOT_DUE
        for last, bucket in ((30, cls.DAYS_1_30), (60, cls.DAYS_31_60), (90, cls.DAYS_61_90)):
            if overdue <= last:
                return bucket
        return cls.OVER_90


class OpenItem(NamedTuple):
    """What is open of one invoice; minor units."""

    number: str
    period: str
    currency: str
    issued_on: date
    due_on: date
    open_minor: int

    def bucket(self, day: date) -> Bucket:
        """How long ago it was due."""
        return Bucket.of(self.due_on, day)

    def row(self, day: date) -> dict[str, Value]:
        """Make a row of it."""
        return {
            "number": self.number,
            "period": self.period,
            "currency": self.currency,
            "issued_on": self.issued_on.isoformat(),
            "due_on": self.due_on.isoformat(),
            "days_overdue": max((day - self.due_on).days, 0),
            "bucket": self.bucket(day).value,
            "open_minor": self.open_minor,
        }


class AgingSum(NamedTuple):
    """What is open in a bucket, and of how many customers; minor units."""

    currency: str
    bucket: str
    open_minor: int
    customers: int


class CreditSum(NamedTuple):
    """Credit that customers have not used yet; minor units."""

    currency: str
    credit_minor: int
    customers: int


AGING = SumTable("aging", AgingSum, 2)
CREDIT = SumTable("credit", CreditSum, 1)


def open_items(books: CustomerBooks, at: datetime) -> list[OpenItem]:
    """List what a customer owed at a time, invoice by invoice, oldest first.

    An invoice whose document cannot be read, or that names no day, was due when it was issued.
    """
    items = []
    for month in books.months.values():
        minor, invoice = receivable_minor(month, at), open_invoice(month, at)
        if minor and invoice:
            document = books.documents.get(invoice.number)
            due_on = (document.due_on if document else None) or invoice.issued_on
            items.append(
                OpenItem(invoice.number, str(invoice.period), invoice.currency, invoice.issued_on, due_on, minor)
            )
    return items


def aging_of(items: Iterable[OpenItem], day: date) -> Iterator[AgingSum]:
    """Sum up what one customer owes, by bucket."""
    sums: dict[tuple[str, Bucket], int] = {}
    for item in items:
        key = (item.currency, item.bucket(day))
        sums[key] = sums.get(key, 0) + item.open_minor
    return (AgingSum(currency, bucket, minor, 1) for (currency, bucket), minor in sums.items())


def credit_of(books: CustomerBooks, at: datetime) -> list[CreditSum]:
    """Sum up the credit that one customer had not used at a time."""
    sums: dict[str, int] = {}
    for entry in books.entries_until(at):
        for leg in entry.legs:
            if leg.account is Account.CREDIT:
                sums[entry.currency] = sums.get(entry.currency, 0) - leg.minor
    return [CreditSum(currency, minor, 1) for currency, minor in sums.items() if minor]
