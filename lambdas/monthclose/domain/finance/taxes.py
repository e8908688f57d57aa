"""Taxes by jurisdiction and rate, from what the documents say.

They are those of a month's journal, as its revenue is: of the invoices for the month's services, which is when tax on
services is due (VAT directive 2006/112/EC, articles 63 and 64), and of the credit notes and replacements booked in it.
The jurisdiction is the customer's place, by which the tax table chose the rate: `DE`, or `US-NY` (ISO 3166-2).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.finance.customer import CustomerBooks
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.money import EXACT
from monthclose.domain.period import Period
from monthclose.domain.tax.tax import TaxCategory

UNREADABLE = "unreadable"
"""Jurisdiction of the tax of a document that cannot be read."""


class TaxSum(NamedTuple):
    """Tax at one rate; minor units, negative where it is credited.

    Parameters
    ----------
    percent : str
        `19` for 19 %.
    category : str
        Of UNTDID 5305, as EN 16931 has it: `S` above zero, `AE` reverse charge, ...
    """

    currency: str
    jurisdiction: str
    name: str
    percent: str
    category: str
    taxable_minor: int
    tax_minor: int


TAXES = SumTable("taxes", TaxSum, 5)


def taxes_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[TaxSum]:
    """List a customer's taxes that are posted in a month, of what was booked until a time."""
    for issued in books.issued_in(period, at):
        document = books.documents.get(issued.number)
        if document:
            yield from document_taxes(document)
        elif issued.tax_minor:
            sign = -1 if isinstance(issued, CreditNote) else 1
            net, tax = sign * (issued.total_minor - issued.tax_minor), sign * issued.tax_minor
            yield TaxSum(issued.currency, UNREADABLE, "", "", "", net, tax)


def document_taxes(document: InvoiceDocument) -> Iterator[TaxSum]:
    """List the taxes of a document."""
    for tax in document.taxes:
        yield TaxSum(
            document.currency,
            jurisdiction(document.customer.country, document.customer.region),
            tax.rate.name,
            f"{tax.rate.percent.normalize(EXACT):f}",
            tax.rate.category,
            tax.base.minor,
            tax.amount.minor,
        )


def jurisdiction(country: str, region: str) -> str:
    """Write a place as ISO 3166-2 does."""
    return f"{country}-{region}" if country and region else country


CATEGORY_IN_WORDS = {
    TaxCategory.STANDARD: "standard",
    TaxCategory.ZERO: "zero",
    TaxCategory.EXEMPT: "exempt",
    TaxCategory.REVERSE_CHARGE: "reverse_charge",
    TaxCategory.EXPORT: "export",
    TaxCategory.OUTSIDE_SCOPE: "outside_scope",
}
