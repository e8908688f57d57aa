"""The checks that prove a close: their names, what their two sides are, and what one of them has found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Check(StrEnum):
    """A check, by its stable code. docs/proof.md says what each compares and what to do when it fails."""

    RECORDS = "records"
    CUSTOMERS = "customers"
    ENTRIES = "entries"
    BALANCES = "balances"
    EQUATION = "equation"
    LEDGER = "ledger"
    CREDIT_NOTES = "credit_notes"
    PAYMENTS = "payments"
    PROVIDER = "provider"
    NUMBERS = "numbers"
    CREDIT_NOTE_NUMBERS = "credit_note_numbers"
    DOCUMENTS = "documents"
    NOTICES = "notices"
    HOLDS = "holds"
    STATUS = "status"


class Text(NamedTuple):
    """What a check says, and what its two sides are called."""

    title: str
    left: str
    right: str


TEXTS: Mapping[Check, Text] = {
    Check.RECORDS: Text("Every record can be read", "customers", "readable"),
    Check.CUSTOMERS: Text("Every customer of the snapshot has an outcome", "snapshot", "with an outcome"),
    Check.ENTRIES: Text("Every ledger entry balances", "debits", "credits"),
    Check.BALANCES: Text("Accounts equal their ledgers", "accounts", "ledgers"),
    Check.EQUATION: Text("Opening + invoiced - credited - collected - written off = closing", "invoices", "ledger"),
    Check.LEDGER: Text("Invoices are in the ledger", "invoices", "ledger"),
    Check.CREDIT_NOTES: Text("Credit notes are in the ledger", "credit notes", "ledger"),
    Check.PAYMENTS: Text("Payments are in the ledger", "payments", "ledger"),
    Check.PROVIDER: Text("The provider's record has the same money", "our payments", "the provider"),
    Check.NUMBERS: Text("Invoice numbers have no gap and no double", "reserved", "issued"),
    Check.CREDIT_NOTE_NUMBERS: Text("Credit note numbers have no gap and no double", "reserved", "issued"),
    Check.DOCUMENTS: Text("Documents are what was drafted and issued", "in the records", "found unchanged"),
    Check.NOTICES: Text("One notice per outcome", "outcomes", "notices"),
    Check.HOLDS: Text("Nobody is on hold who has paid or whose payment is undecided", "on hold", "with a reason"),
    Check.STATUS: Text("The status has the sums of the records", "status", "records"),
}
"""In the order of the page."""

AT_THE_END = frozenset({Check.BALANCES, Check.DOCUMENTS, Check.HOLDS})
"""Checks that need more than the month's records: made at the end of each close and by `monthclose prove`, not by the
reconciler every day."""


class State(StrEnum):
    """What came of a check."""

    FAILED = "failed"
    NOT_CHECKED = "not_checked"
    PASSED = "passed"


class Row(NamedTuple):
    """A check's two sides: amounts in minor units of `currency`, or counts if that is empty."""

    what: str
    currency: str
    left: int
    right: int

    @property
    def difference(self) -> int:
        """Left less right."""
        return self.left - self.right


class Failure(NamedTuple):
    """Whom a check fails for, and how; the customer is empty if it is nobody in particular."""

    customer_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Parameters
    ----------
    subject : str
        What it is about, if there are several of it: a provider.
    why : str
        Why it was not made, or only in part.
    parts : mapping
        By currency: what the left side is made of, in minor units.
    failures : tuple of Failure
        The first ones; `failures_in_all` counts them.
    """

    check: Check
    state: State
    checked_at: datetime
    subject: str = ""
    rows: tuple[Row, ...] = ()
    parts: Mapping[str, Mapping[str, int]] | None = None
    failures: tuple[Failure, ...] = ()
    failures_in_all: int = 0
    why: str = ""

    @property
    def title(self) -> str:
        """What it says."""
        text = TEXTS[self.check].title
        return f"{self.subject}: {text[0].lower()}{text[1:]}" if self.subject else text
