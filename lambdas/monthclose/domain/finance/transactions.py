"""The journal as an accountant reads it: transactions with their lines, each in one currency, and balanced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import NamedTuple

from monthclose.domain.accounts.posting import EntryKind
from monthclose.domain.finance.journal import Posting
from monthclose.domain.period import Period

_TEXTS = {
    EntryKind.INVOICE: "Invoices",
    EntryKind.CREDIT_NOTE: "Credit notes",
    EntryKind.PAYMENT: "Payments collected",
    EntryKind.REFUND: "Refunds",
    EntryKind.REVERSAL: "Reversals by banks",
    EntryKind.CREDIT_USED: "Credit used",
    EntryKind.GATHERED: "Small amounts paid with later ones",
    EntryKind.RECEIVED: "Transfers received",
    EntryKind.GRANTED: "Credit granted",
    EntryKind.EXPIRED: "Credit expired",
    EntryKind.WRITE_OFF: "Write-offs",
    EntryKind.OTHER: "Other entries",
}


class Line(NamedTuple):
    """A line of a transaction: a debit or a credit, in minor units."""

    account: str
    debit_minor: int
    credit_minor: int


class Transaction(NamedTuple):
    """All that is posted of one kind on a day, in one currency.

    Parameters
    ----------
    number : str
        `2026-10-0001`, in the order of day, currency and kind: it is final once the month's journal is.
    """

    number: str
    day: date
    kind: EntryKind
    currency: str
    postings: tuple[Posting, ...]

    @property
    def text(self) -> str:
        """What it is, in words."""
        return _TEXTS[self.kind]

    @property
    def lines(self) -> list[Line]:
        """Its lines: the debits, then the credits, one for each account."""
        debits, credited = dict[str, int](), dict[str, int]()
        for posting in self.postings:
            debits[posting.debit] = debits.get(posting.debit, 0) + posting.minor
            credited[posting.credit] = credited.get(posting.credit, 0) + posting.minor
        return [
            *(Line(account, minor, 0) for account, minor in sorted(debits.items())),
            *(Line(account, 0, minor) for account, minor in sorted(credited.items())),
        ]


def transactions(postings: Iterable[Posting], period: Period) -> list[Transaction]:
    """Put a month's postings together."""
    ordered = sorted(postings, key=_group)
    groups = [(key, tuple(group)) for key, group in groupby(ordered, key=_group)]
    return [
        Transaction(f"{period}-{number:04}", date.fromisoformat(day), EntryKind(kind), currency, group)
        for number, ((day, currency, kind), group) in enumerate(groups, 1)
    ]


def _group(posting: Posting) -> tuple[str, str, str]:
    return posting.day, posting.currency, posting.kind
