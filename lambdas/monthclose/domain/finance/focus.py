"""What a customer was billed, as cost tools read it: FOCUS 1.2, the FinOps Open Cost and Usage Specification.

A row for each line, discount and tax of the invoices and credit notes that are in a month's journal; the columns are
those that FOCUS requires of every provider, and those for usage, units, SKUs and resources
(https://focus.finops.org/focus-specification/v1-2/). Costs are without tax, which has rows of its own. The cost after
discounts is the cost: a discount is a row (category Credit), not a lower price, so list, contracted, effective and
billed cost are the same. A customer under a payer is a sub account of the payer's. Columns of our own begin with `x_`.

An invoice that replaces another, a credit note, and late usage correct what an earlier month has billed: such rows have
the class Correction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.finance.customer import CustomerBooks
from monthclose.domain.finance.taxes import document_taxes
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.line import LineKind

VERSION = "1.2"
_SERVICE = {"ServiceCategory": "Other", "ServiceSubcategory": "Other (Other)"}
"""Of everything: the price book says nothing about categories."""


class Category(StrEnum):
    """What a charge is, in FOCUS's words."""

    USAGE = "Usage"
    TAX = "Tax"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"


class Frequency(StrEnum):
    """How often a charge comes."""

    ONE_TIME = "One-Time"
    RECURRING = "Recurring"
    USAGE_BASED = "Usage-Based"


_CHARGES = {
    LineKind.USAGE: (Category.USAGE, Frequency.USAGE_BASED),
    LineKind.ADJUSTMENT: (Category.USAGE, Frequency.USAGE_BASED),
    # No purchase: those cover future charges (EffectiveCost-C-005-C), and a fee is for its own month.
    LineKind.FEE: (Category.USAGE, Frequency.RECURRING),
    LineKind.DISCOUNT: (Category.CREDIT, Frequency.RECURRING),
    LineKind.COMMITMENT: (Category.ADJUSTMENT, Frequency.RECURRING),
    LineKind.OVERAGE: (Category.ADJUSTMENT, Frequency.RECURRING),
    LineKind.MAXIMUM: (Category.CREDIT, Frequency.RECURRING),
    LineKind.BILLED: (Category.ADJUSTMENT, Frequency.ONE_TIME),
    LineKind.CARRIED: (Category.ADJUSTMENT, Frequency.ONE_TIME),
}
_EARLIER = frozenset({LineKind.ADJUSTMENT, LineKind.BILLED})
"""Kinds of lines about what an earlier invoice has billed, or has missed."""

COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *(
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "CommitmentDiscountStatus",
        "ConsumedQuantity",
        "ConsumedUnit",
        "ContractedCost",
    ),
    *("EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity"),
    *("PricingUnit", "ProviderName", "PublisherName", "ResourceId", "ServiceCategory", "ServiceName"),
    *("ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceId", "SubAccountId", "SubAccountName"),
    *("x_CorrectedInvoiceId", "x_LineKind"),
)
"""In FOCUS's order, by the alphabet; our own last. Of commitments nothing is said, but rules of other columns ask."""


class _Line(NamedTuple):
    """A line of a document and what of it is not tax, in minor units."""

    document: InvoiceDocument
    line: DocumentLine
    minor: int

    @property
    def kind(self) -> LineKind:
        return LineKind(self.line.kind or LineKind.USAGE)

    @property
    def charge(self) -> tuple[Category, Frequency]:
        part = self.document.kind is DocumentKind.CREDIT_NOTE and not self.line.sku and self.kind is LineKind.USAGE
        return (Category.CREDIT, Frequency.ONE_TIME) if part else _CHARGES[self.kind]


def focus_rows(
    books: CustomerBooks, period: Period, at: datetime, calendar: BillingCalendar = IN_UTC
) -> Iterator[dict[str, str]]:
    """Make the rows of what a customer was billed in a month, of what was booked until a time.

    A text that is empty stands for null. Documents that cannot be read have no rows.
    """
    billing = _times("Billing", calendar.start(period), calendar.end(period))
    for issued in books.issued_in(period, at):
        document = books.documents.get(issued.number)
        if document:
            yield from ({name: row.get(name, "") for name in COLUMNS} for row in _rows(document, billing))


def _rows(document: InvoiceDocument, billing: dict[str, str]) -> Iterator[dict[str, str]]:
    discounts = [
        DocumentLine("", d.description, Decimal(1), d.amount_minor, kind="discount") for d in document.discounts
    ]
    lines = [*document.lines, *discounts]
    for line, minor in zip(lines, document.net_items, strict=True):
        yield _document(document) | billing | _charge(_Line(document, line, minor))
    for tax in document_taxes(document):
        text = f"{tax.name} {tax.percent} % on {Money(tax.taxable_minor, document.currency)}"
        category = {"ChargeCategory": Category.TAX.value, "ChargeFrequency": Frequency.ONE_TIME.value}
        of_line = {"ChargeDescription": text, "ServiceName": tax.name or "Tax", "x_LineKind": "tax"}
        charged = _times("Charge", *document.served(document.period))
        yield _document(document) | billing | category | of_line | charged | _costs(tax.tax_minor, document.currency)


def _document(document: InvoiceDocument) -> dict[str, str]:
    """What all rows of a document say."""
    corrects = document.corrects or document.replaces
    return {
        "BillingAccountId": document.customer.customer_id,
        "BillingAccountName": document.customer.name,
        "BillingCurrency": document.currency,
        "ChargeClass": "Correction" if corrects else "",
        "InvoiceId": document.number,
        "InvoiceIssuerName": document.seller.name,
        "ProviderName": document.seller.name,
        "PublisherName": document.seller.name,
        "x_CorrectedInvoiceId": corrects,
        **_SERVICE,
    }


def _charge(of: _Line) -> dict[str, str]:
    line, kind = of.line, of.kind
    category, frequency = of.charge
    described = line.description or line.sku
    served = Period.parse(line.period) if line.period else of.document.period
    first, end = of.document.served(served)
    begins = datetime.fromisoformat(line.starts) if line.starts else first
    ends = datetime.fromisoformat(line.ends) if line.ends else end
    return (
        {
            "ChargeCategory": category.value,
            "ChargeDescription": described,
            "ChargeFrequency": frequency.value,
            "ResourceId": line.resource,
            "ServiceName": described,
            "SkuId": line.sku,
            "SkuMeter": described if line.sku else "",
            "SkuPriceId": line.sku,
            "SubAccountId": line.customer_id,
            "SubAccountName": next(
                (one.name for one in of.document.sections if one.customer_id == line.customer_id), ""
            ),
            "x_LineKind": kind.value,
        }
        | ({"ChargeClass": "Correction"} if kind in _EARLIER else {})
        | _quantities(line, category)
        | _times("Charge", begins, ends)
        | _costs(of.minor, of.document.currency)
    )


def _quantities(line: DocumentLine, category: Category) -> dict[str, str]:
    if category is not Category.USAGE:
        return {}
    quantity, unit = _decimal(plain(line.quantity)), line.unit or "Units"
    priced = {"PricingCategory": "Standard", "PricingQuantity": quantity, "PricingUnit": unit}
    return priced | {"ConsumedQuantity": quantity, "ConsumedUnit": unit}


def _costs(minor: int, currency: str) -> dict[str, str]:
    cost = _decimal(f"{Money(minor, currency).major:f}")
    return dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost)


def _decimal(number: str) -> str:
    """Write a number so that readers that guess types, as the validator does, take it for a decimal."""
    return number if "." in number else f"{number}.0"


def _times(of: str, start: datetime, end: datetime) -> dict[str, str]:
    """Say from when until when, the end exclusive, as FOCUS's DateTimeFormat has it."""
    return {
        f"{of}PeriodStart": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"{of}PeriodEnd": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
