"""The statement of account: what a customer owed at the start of some days, what changed it, and what they owe then.

It is made from the ledger alone, so it ties with it: opening + movements = closing = the balance at the end. What an
entry did for the customer is the other side of its legs on RECEIVABLE and CREDIT, account by account: credit that
covers an invoice leaves the balance as it is, and is no movement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.invoices.document_parts import Buyer, Seller
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period

type Months = Mapping[Period, CustomerMonth]


class MovementKind(StrEnum):
    """What changed a balance."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    """Collected by a payment provider, or collected again after it had gone back."""
    TRANSFER = "transfer"
    """Received outside the payment providers."""
    REFUND = "refund"
    REVERSAL = "reversal"
    """By the customer's bank."""
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    """Of credit that was granted."""
    EXPIRED = "expired"
    """Of credit, granted or paid."""
    WAIVED = "waived"
    """Given up, or refunded although it had been owed."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Something that changed what a customer owes.

    Parameters
    ----------
    number : str
        The invoice's or credit note's that it is about; empty if it is about none.
    minor : int
        By how much, in minor units: what they owe more is positive, what they owe less negative.
    """

    day: date
    kind: MovementKind
    number: str
    minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's account over some days, in one currency; amounts in minor units.

    Parameters
    ----------
    seller, buyer
        As they are today.
    first, last : date
        The days, by the company's time zone, both included.
    opening_minor : int
        What they owed before; negative if it was they who were owed.
    language : str
        What it is written in, as a tag (BCP 47).
    """

    seller: Seller
    buyer: Buyer
    currency: str
    first: date
    last: date
    opening_minor: int
    movements: tuple[Movement, ...]
    language: str = ""

    @property
    def charged_minor(self) -> int:
        """What the movements add to the balance."""
        return sum(movement.minor for movement in self.movements if movement.minor > 0)

    @property
    def settled_minor(self) -> int:
        """What they take off it; positive."""
        return -sum(movement.minor for movement in self.movements if movement.minor < 0)

    @property
    def closing_minor(self) -> int:
        """What they owe at the end; negative if they are owed."""
        return self.opening_minor + self.charged_minor - self.settled_minor


_THEIRS = (Account.RECEIVABLE, Account.CREDIT)
_SALES = (Account.REVENUE, Account.TAX)
_KINDS = {
    (Account.REVENUE, True): MovementKind.INVOICE,
    (Account.REVENUE, False): MovementKind.INVOICE,
    (Account.CLEARING, True): MovementKind.REFUND,
    (Account.CLEARING, False): MovementKind.PAYMENT,
    (Account.BANK, True): MovementKind.REFUND,
    (Account.BANK, False): MovementKind.TRANSFER,
    (Account.ALLOWANCE, True): MovementKind.WITHDRAWN,
    (Account.ALLOWANCE, False): MovementKind.GRANTED,
    (Account.BREAKAGE, True): MovementKind.EXPIRED,
}
"""By the account on the other side, and whether they owe more; the rest was waived."""
_KINDS_OF_ENTRIES = {
    ("credit_note", Account.REVENUE, False): MovementKind.CREDIT_NOTE,
    ("reversal", Account.CLEARING, True): MovementKind.REVERSAL,
    ("expired", Account.ALLOWANCE, True): MovementKind.EXPIRED,
}
"""The same for entries of some kinds, where it is something else."""
_OF_PAYMENTS = frozenset({"payment", "refund", "reversal", "credit"})
"""Entries whose ids go on with the sequence number of a payment."""


def movements_of(months: Months, currency: str) -> list[Movement]:
    """List everything that has ever changed a customer's balance in a currency, in order of time."""
    entries = [(entry, month) for month in months.values() for entry in month.entries if entry.currency == currency]
    return [made for entry, month in sorted(entries, key=lambda e: e[0].time) for made in _of(entry, month)]


def between(movements: Iterable[Movement], first: date, last: date) -> tuple[int, tuple[Movement, ...]]:
    """Return the balance before a first day, in minor units, and the movements from then to a last day."""
    known = list(movements)
    opening = sum(movement.minor for movement in known if movement.day < first)
    return opening, tuple(movement for movement in known if first <= movement.day <= last)


def days_of(period: Period) -> tuple[date, date]:
    """Return the first and the last day of a month."""
    return period.first_day, period.last_day


def currencies_of(months: Months) -> list[str]:
    """List the currencies that anything was booked in, in order of the alphabet."""
    return sorted({entry.currency for month in months.values() for entry in month.entries})


def _of(entry: Entry, month: CustomerMonth) -> Iterator[Movement]:
    by_account: dict[Account, int] = {}
    for leg in entry.legs:
        account = Account.REVENUE if leg.account in _SALES else leg.account
        by_account[account] = by_account.get(account, 0) - leg.minor
    for account, minor in by_account.items():
        if minor and account not in _THEIRS:
            kind = _kind(entry, account, minor)
            yield Movement(entry.booked_on, kind, _number(entry, month, kind), minor)


def _kind(entry: Entry, account: Account, minor: int) -> MovementKind:
    what, more = entry.entry_id.partition("/")[0], minor > 0
    return _KINDS_OF_ENTRIES.get((what, account, more)) or _KINDS.get((account, more), MovementKind.WAIVED)


def _number(entry: Entry, month: CustomerMonth, kind: MovementKind) -> str:
    """Name the document that an entry is about."""
    what, _, rest = entry.entry_id.partition("/")
    if kind is MovementKind.CREDIT_NOTE:
        return rest
    if kind in (MovementKind.TRANSFER, MovementKind.GRANTED, MovementKind.WITHDRAWN, MovementKind.EXPIRED):
        return ""
    if kind is MovementKind.INVOICE:
        return next((invoice.number for invoice in month.invoices if invoice.entry_id == entry.entry_id), "")
    sequence = rest.partition("/")[0]
    if what in _OF_PAYMENTS and sequence.isdigit():
        return invoice_paid_by(month, int(sequence))
    return month.invoice.number if month.invoice else ""


def invoice_paid_by(month: CustomerMonth, sequence: int) -> str:
    """Name the invoice of a month that a payment collects: the latest of those that were in force from it on."""
    numbers = [invoice.number for invoice in month.invoices if invoice.first_payment <= sequence]
    return numbers[-1] if numbers else ""
