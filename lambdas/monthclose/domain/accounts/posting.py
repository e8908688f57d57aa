"""When an entry of the ledger is posted in the general ledger, and what it books.

The invoice of a close is revenue of the month whose services it bills, so it is posted on the last day of that month:
revenue is recognised when the service is rendered (IFRS 15.31; German accruals, HGB § 252 (1) No. 5), not when the
invoice is written. Everything else (credit notes, replacements, money, credit) is posted on the day it was booked, by
the company's time zone of then, which the entry keeps.

What comes late: books are not kept open for ever. An invoice that is booked more than `CUT_OFF_DAYS` days after its
month has ended is posted on the day it was booked. So a month's journal is final from then on. Both days depend on the
entry alone, which never changes: no setting and no second run can move it into another journal, so each entry is in
exactly one.

An invoice that replaces another is posted on the day it was booked, as the credit note is that cancels the other one:
both are in the same journal, and what it shows is their difference.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum

from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.period import Period

CUT_OFF_DAYS = 10
"""Days after the end of a month in which its invoices can still be posted in it: as long as books are usually open."""


class EntryKind(StrEnum):
    """What an entry books, by the first part of its id."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    CREDIT_USED = "credit_used"
    """Credit that covered an open invoice, or a rest that was written off with it."""
    GATHERED = "gathered"
    """Money of another invoice's payment, for an invoice too small for a charge of its own."""
    RECEIVED = "received"
    """Money received outside the payment providers."""
    GRANTED = "granted"
    EXPIRED = "expired"
    WRITE_OFF = "write_off"
    OTHER = "other"


_KINDS = {
    "credit": EntryKind.CREDIT_USED,
    "used": EntryKind.CREDIT_USED,
    **{kind.value: kind for kind in EntryKind if kind is not EntryKind.CREDIT_USED},
}


def kind_of(entry: Entry) -> EntryKind:
    """Say what an entry books."""
    return _KINDS.get(entry.entry_id.partition("/")[0], EntryKind.OTHER)


def posting_day(entry: Entry) -> date:
    """Say on which day an entry is posted."""
    if entry.entry_id == EntryKind.INVOICE and entry.time < books_end(entry.period):
        return entry.period.last_day
    return entry.booked_on


def is_posted_in(entry: Entry, period: Period) -> bool:
    """Whether an entry belongs to a month's journal."""
    return period.first_day <= posting_day(entry) < period.end_day


def books_end(period: Period) -> datetime:
    """Say from when on a month's journal is final."""
    return period.end + timedelta(days=CUT_OFF_DAYS)
