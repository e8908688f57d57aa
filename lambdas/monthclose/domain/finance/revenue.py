"""Revenue by SKU, customer and month of service, from what the documents say; without tax.

It is the revenue of a month's journal: the lines of the invoices and credit notes that are posted in it. So its sum is
what the journal has on the revenue account. Where prices include the tax, each line's is taken out of it, to the penny.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.finance.customer import CustomerBooks, Issued
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing.line import LineKind

CREDIT_IN_PART = "credit"
"""Kind of the one line of a credit note for a part of an invoice: it is about no SKU."""
UNREADABLE = "unreadable"
"""Kind of all of a document that cannot be read: its sum is known from the books."""


class RevenueSum(NamedTuple):
    """Revenue of one kind of line; minor units, negative where it is credited.

    Parameters
    ----------
    service_month : str
        The month whose services it is for.
    document : str
        `invoice` or `credit_note`.
    kind : str
        As a line's (`LineKind`), or `CREDIT_IN_PART`, or `UNREADABLE`.
    """

    currency: str
    service_month: str
    document: str
    kind: str
    sku: str
    net_minor: int


class RevenueLine(NamedTuple):
    """A part of a line, and what it is called."""

    of: RevenueSum
    description: str


REVENUE = SumTable("revenue", RevenueSum, 5)


def revenue_lines(books: CustomerBooks, period: Period, at: datetime) -> Iterator[RevenueLine]:
    """List a customer's revenue that is posted in a month, of what was booked until a time."""
    for issued in books.issued_in(period, at):
        document = books.documents.get(issued.number)
        yield from _lines(document, books.months) if document else [_unreadable(issued)]


def _lines(document: InvoiceDocument, months: Mapping[Period, CustomerMonth]) -> Iterator[RevenueLine]:
    deductions = [(LineKind.DISCOUNT, "", discount.description, "") for discount in document.discounts]
    said = [(line.kind or LineKind.USAGE, line.sku, line.description, line.period) for line in document.lines]
    part = document.kind is DocumentKind.CREDIT_NOTE and not any(line.sku for line in document.lines)
    for (kind, sku, description, month), minor in zip([*said, *deductions], document.net_items, strict=True):
        called = CREDIT_IN_PART if part and kind == LineKind.USAGE else str(kind)
        carried = kind == LineKind.CARRIED
        shares = carried_from(months, document.period, minor) if carried else [(month or str(document.period), minor)]
        for service_month, share in shares:
            found = RevenueSum(document.currency, service_month, document.kind, called, sku, share)
            yield RevenueLine(found, description)


def _unreadable(issued: Issued) -> RevenueLine:
    kind = DocumentKind.CREDIT_NOTE if isinstance(issued, CreditNote) else DocumentKind.INVOICE
    net = issued.total_minor - issued.tax_minor
    minor = -net if kind is DocumentKind.CREDIT_NOTE else net
    return RevenueLine(
        RevenueSum(issued.currency, str(issued.period), kind, UNREADABLE, "", minor), "A document that cannot be read"
    )


def carried_from(months: Mapping[Period, CustomerMonth], invoiced: Period, minor: int) -> list[tuple[str, int]]:
    """Share the line of what earlier months had carried over among those months, by what each of them came to.

    Parameters
    ----------
    minor : int
        The line's amount, without tax; negative on a credit note.
    """
    own: list[tuple[str, int]] = []
    last = None
    for period in sorted((p for p in months if p < invoiced), reverse=True):
        carried = months[period].carried
        if months[period].invoice or (last is not None and carried is None):
            break
        if carried is not None:
            own, last = _with_month(own, str(period), carried.amount_minor), carried
    total = sum(amount for _, amount in own)
    if total <= 0:
        return [(str(invoiced), minor)]
    shares, before, run = list[tuple[str, int]](), 0, 0
    for month, amount in reversed(own):
        run += amount
        up_to = minor * run // total
        shares.append((month, up_to - before))
        before = up_to
    return shares


def _with_month(later: list[tuple[str, int]], month: str, amount: int) -> list[tuple[str, int]]:
    """Add an earlier month: what it had carried is in the next one's amount."""
    if later:
        later[-1] = (later[-1][0], later[-1][1] - amount)
    return [*later, (month, amount)]
