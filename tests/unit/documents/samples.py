"""Documents as customers get them, for the renderers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monthclose.domain.invoices.credit_note import draft_credit_note
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Seller
from monthclose.domain.money import Money
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Rounding, Taxation, TaxCategory, TaxRate
from tests.unit.any import OCTOBER, TODAY

SELLER = Seller(
    "Example Cloud GmbH",
    ("Lindenallee 12",),
    "10115",
    "Berlin",
    "DE",
    "DE136695976",
    "HRB 12345 B, Amtsgericht Charlottenburg",
    "billing@example.com",
    "+49 30 1234567",
    "example.com",
    "Deutsche Beispielbank",
    "DE89370400440532013000",
    "COBADEFFXXX",
    "Payable within 14 days without deduction.",
    "Managing director: Erika Mustermann",
)
POLE = Buyer(
    "C-1001",
    "Zażółć Gęślą Jaźń Sp. z o.o.",
    "billing@zazolc.example",
    "PL",
    "",
    ("ul. Świętokrzyska 1", "00-001 Warszawa"),
    "PL5260001246",
)
VAT = TaxRate("VAT", Decimal(19))
REDUCED = TaxRate("VAT", Decimal(7))
REVERSE = TaxRate("VAT", Decimal(0), TaxCategory.REVERSE_CHARGE, "Reverse charge: the recipient owes the VAT.")


TIERS = (
    {"kind": "tier", "from": "0", "up_to": "500", "quantity": "500", "unit_price": "0.01", "amount": "5"},
    {"kind": "tier", "from": "500", "up_to": "1000", "quantity": "500", "unit_price": "0.008", "amount": "4"},
)


def lines(count: int) -> tuple[DocumentLine, ...]:
    """Lines with a price, and every fourth one with tiers instead."""
    return tuple(
        DocumentLine(
            "s-1vcpu-2gb",
            f"Droplet {number}",
            Decimal(1000) if number % 4 == 3 else Decimal(672),
            (number * 7919) % 12_000 + 1,
            "hour",
            None if number % 4 == 3 else Decimal("0.00893"),
            resource=f"web-{number:04}",
            model="graduated" if number % 4 == 3 else "per_unit",
            steps=TIERS if number % 4 == 3 else (),
        )
        for number in range(count)
    )


def sample(
    count: int = 2,
    *,
    rates: tuple[TaxRate, ...] = (VAT,),
    classes: Mapping[str, tuple[TaxRate, ...]] | None = None,
    rounding: Rounding = Rounding.SUM,
    inclusive: bool = False,
    currency: str = "EUR",
    discounts: tuple[Deduction, ...] = (),
    negative: bool = False,
    **more: Any,
) -> InvoiceDocument:
    """Make a document whose sums are right; its lines have the tax classes in turn, beginning with none."""
    content, named = lines(count), ("", *(classes or {}))
    content = tuple(replace(x, tax_class=named[place % len(named)]) for place, x in enumerate(content))
    if negative:
        content = tuple(replace(x, amount_minor=-x.amount_minor, quantity=-x.quantity) for x in content)
    taxation = Taxation(rates, inclusive, classes or {}, rounding)
    sums = taxed(amounts_of(content, discounts, currency), taxation, currency)
    said: dict[str, Any] = {
        "number": "INV-00000042",
        "period": OCTOBER,
        "issued_on": TODAY,
        "currency": currency,
        "seller": SELLER,
        "customer": POLE,
        "lines": content,
        "total_minor": sums.total.minor,
        "due_on": TODAY + timedelta(days=14),
        "discounts": discounts,
        "taxes": sums.lines,
        "prices_include_tax": inclusive,
    }
    return InvoiceDocument(**said | more)


def credit_note(**more: Any) -> InvoiceDocument:
    """Make the credit note of an invoice."""
    return sample(negative=True, kind=DocumentKind.CREDIT_NOTE, corrects="INV-00000007", **more)


def credit_note_for(document: InvoiceDocument, before: int = 0, minor: int = 0) -> InvoiceDocument:
    """Credit an invoice as a correction does: a part of it, or everything."""
    said, amount = Money(before, document.currency), Money(minor or document.total_minor, document.currency)
    draft = draft_credit_note(document, said, amount, "Billed twice.", "id", TODAY)
    return InvoiceDocument.of({**draft, "number": "CN-00000001"})
