"""What the figures of a month are computed from: one customer's books, as they are read for a report pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.accounts.posting import is_posted_in, posting_day
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period

type Issued = Invoice | CreditNote


@dataclass(frozen=True, slots=True)
class CustomerBooks:
    """A customer's records: all of their months, and the documents that a month's figures need.

    Parameters
    ----------
    months : mapping
        By period, oldest first, as `Books.months` returns them.
    documents : mapping
        By number: at least those that `documents_needed` names, unless they cannot be read.
    """

    customer_id: str
    name: str
    profile: Profile
    months: Mapping[Period, CustomerMonth]
    documents: Mapping[str, InvoiceDocument] = field(default_factory=dict)

    @property
    def entries(self) -> Iterator[Entry]:
        """All entries of the customer, month by month."""
        return (entry for month in self.months.values() for entry in month.entries)

    def entries_until(self, at: datetime) -> Iterator[Entry]:
        """All entries that were booked until a time."""
        return (entry for entry in self.entries if entry.time <= at)

    def posted_in(self, period: Period, at: datetime) -> Iterator[Entry]:
        """The entries of a month's journal, of those that were booked until a time."""
        return (entry for entry in self.entries_until(at) if is_posted_in(entry, period))

    def issued_in(self, period: Period, at: datetime) -> Iterator[Issued]:
        """The invoices and credit notes that a month's journal has, of those that were booked until a time."""
        for month in self.months.values():
            days = {entry.entry_id: posting_day(entry) for entry in month.entries if entry.time <= at}
            documents: list[Issued] = [*month.invoices, *month.credit_notes]
            for issued in documents:
                day = days.get(issued.entry_id) or _day_without_entry(issued, at)
                if day and period.first_day <= day < period.end_day:
                    yield issued


def _day_without_entry(issued: Issued, at: datetime) -> date | None:
    """When an invoice for zero, which has no entry, counts: never a sum, but its lines."""
    if isinstance(issued, CreditNote) or issued.total_minor or issued.tax_minor or issued.issued_on > at.date():
        return None
    return issued.issued_on if issued.replaces else issued.period.last_day


def open_invoice(month: CustomerMonth, at: datetime) -> Invoice | None:
    """Find the month's invoice that was in force at a time: the one that was booked last."""
    booked = {entry.entry_id: entry.time for entry in month.entries if entry.time <= at}
    issued = [invoice for invoice in month.invoices if invoice.entry_id in booked]
    return max(issued, key=lambda invoice: booked[invoice.entry_id], default=None)


def documents_needed(months: Mapping[Period, CustomerMonth], period: Period, at: datetime) -> tuple[Issued, ...]:
    """Name the documents that a month's figures need: those posted in it, and those of invoices still open."""
    books = CustomerBooks("", "", _NOBODY, months)
    needed: dict[str, Issued] = {issued.number: issued for issued in books.issued_in(period, at)}
    for month in months.values():
        invoice = open_invoice(month, at)
        if invoice and receivable_minor(month, at):
            needed.setdefault(invoice.number, invoice)
    return tuple(needed.values())


def receivable_minor(month: CustomerMonth, at: datetime) -> int:
    """What was open of a month's invoices at a time, by the ledger: minor units."""
    return sum(
        leg.minor
        for entry in month.entries
        if entry.time <= at
        for leg in entry.legs
        if leg.account is Account.RECEIVABLE
    )


_NOBODY = Profile("", "", "", "")
