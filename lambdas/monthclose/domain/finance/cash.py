"""Cash: what came in and went out again, by provider and day, and how fast a month's invoices were paid.

Two views, which are not the same sums. `CASH` is the calendar month: all money booked in it, whatever it was for; it is
what the journal has on the clearing and bank accounts, and what the providers' payouts are held against. `COLLECTED` is
the money for the month's own invoices, which mostly comes after the month: the collection rate by day is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.accounts.posting import EntryKind, kind_of, posting_day
from monthclose.domain.finance.customer import CustomerBooks, open_invoice
from monthclose.domain.finance.journal import UNKNOWN, payment_of
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period

BANK = "bank"
"""In the place of a provider: money received outside the providers."""


class CashSum(NamedTuple):
    """Money through a provider on a day, as it was booked; minor units.

    Parameters
    ----------
    returned_minor : int
        Refunded, or reversed by banks, less what came back of that.
    payments : int
        How many were collected.
    """

    provider: str
    currency: str
    day: str
    collected_minor: int
    returned_minor: int
    payments: int


class CollectedSum(NamedTuple):
    """What of the month's invoices was paid with money on a day, less what went back; minor units."""

    currency: str
    day: str
    provider: str
    paid_minor: int


class InvoicedSum(NamedTuple):
    """The month's invoices in force that charge something, less the credit notes on them; minor units."""

    currency: str
    invoiced_minor: int
    invoices: int


class PaidSum(NamedTuple):
    """What was paid in the calendar month, and for how long each amount had been invoiced.

    Parameters
    ----------
    minor_days : int
        The sum of each amount times its days: divided by `paid_minor` it is the average time to pay.
    """

    currency: str
    paid_minor: int
    minor_days: int


CASH = SumTable("cash", CashSum, 3)
COLLECTED = SumTable("collected", CollectedSum, 3)
INVOICED = SumTable("invoiced", InvoicedSum, 1)
PAID = SumTable("paid", PaidSum, 1)


def cash_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[CashSum]:
    """List the movements of money that are posted in a month."""
    for entry in books.posted_in(period, at):
        provider, minor = _money(entry, books.months[entry.period])
        if minor:
            back = kind_of(entry) in (EntryKind.REFUND, EntryKind.REVERSAL) or minor < 0
            collected, returned = (0, -minor) if back else (minor, 0)
            day = posting_day(entry).isoformat()
            yield CashSum(provider, entry.currency, day, collected, returned, payments=int(not back))


def collected_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[CollectedSum]:
    """List what of a month's invoices was paid."""
    month = books.months.get(period, CustomerMonth())
    for entry in month.entries:
        paid = paid_by(entry) if entry.time <= at else 0
        if paid:
            provider, minor = _money(entry, month)
            source = provider if minor else _source(entry, month)
            yield CollectedSum(entry.currency, entry.booked_on.isoformat(), source, paid)


def invoiced_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[InvoicedSum]:
    """List what a month's invoice asks for, if it was issued by a time: less the credit notes on it."""
    month = books.months.get(period, CustomerMonth())
    invoice = open_invoice(month, at)
    if invoice is None:
        return
    booked = {entry.entry_id for entry in month.entries if entry.time <= at}
    credited = sum(note.total_minor for note in month.notes_on(invoice.number) if note.entry_id in booked)
    if invoice.total_minor > credited:
        yield InvoicedSum(invoice.currency, invoice.total_minor - credited, 1)


def paid_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[PaidSum]:
    """List what was paid in a calendar month, of whatever invoice."""
    for entry in books.posted_in(period, at):
        paid, invoice = paid_by(entry), open_invoice(books.months[entry.period], entry.time)
        if paid > 0 and invoice:
            days = max((posting_day(entry) - invoice.issued_on).days, 0)
            yield PaidSum(entry.currency, paid, paid * days)


def paid_by(entry: Entry) -> int:
    """Say what of an invoice an entry has paid with money: minor units; below zero if money went back.

    Money that was collected with another invoice's payment, or received at the bank before, is money; credit is not.
    """
    legs = dict.fromkeys(Account, 0) | {leg.account: leg.minor for leg in entry.legs}
    money, owed = legs[Account.CLEARING] + legs[Account.BANK], -legs[Account.RECEIVABLE]
    if entry.entry_id.startswith(("gathered/", f"used/{EntryKind.RECEIVED}/")):
        return owed - max(legs[Account.WRITE_OFF], 0)
    return max(min(money, owed), 0) if money > 0 else min(max(money, owed), 0)


def _money(entry: Entry, month: CustomerMonth) -> tuple[str, int]:
    """Say through whom an entry moved money, and how much."""
    for leg in entry.legs:
        if leg.account is Account.BANK:
            return BANK, leg.minor
        if leg.account is Account.CLEARING:
            payment = payment_of(entry, month)
            return payment.provider if payment else UNKNOWN, leg.minor
    return "", 0


def _source(entry: Entry, month: CustomerMonth) -> str:
    if entry.entry_id.startswith("used/"):
        return BANK
    return month.payment.provider if month.payment else UNKNOWN
