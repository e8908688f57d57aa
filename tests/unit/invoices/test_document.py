"""A document says everything once, in one form: canonical bytes that read back to itself, whatever it holds."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.invoices.document import InvoiceDocument, amounts_of, canonical
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Seller
from monthclose.domain.invoices.draft import draft_invoice, number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine
from monthclose.domain.pricing.line import LineKind
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import UNTAXED, Taxation, TaxRate
from tests.unit.any import OCTOBER, TODAY, any_document

STEPS = (
    {"kind": "allowance", "free": "10", "quantity": "12.5", "billable": "2.5", "amount": "0"},
    {"kind": "units", "quantity": "2.5", "unit_price": "0.5", "amount": "1.25"},
)
LINES = (
    DocumentLine("droplet", "Droplet", Decimal(672), 600, "hour", Decimal("0.00893")),
    DocumentLine("egress", "", Decimal("12.5"), 125, "GB", None, steps=STEPS),
)
DOCUMENT = InvoiceDocument(
    "INV-00000042",
    OCTOBER,
    TODAY,
    "EUR",
    Seller("Example Cloud GmbH", ("Lindenallee 12",), "10115", "Berlin", "DE"),
    Buyer("acme", "Zażółć Sp. z o.o."),
    LINES,
    725,
)


@given(any_document())
def test_what_is_written_is_read_back_and_written_again_to_the_byte(document: InvoiceDocument) -> None:
    written = document.canonical()
    read = InvoiceDocument.parse(written)
    assert read == document
    assert read.canonical() == written
    assert read.sha256 == hashlib.sha256(written).hexdigest()
    assert json.loads(written) == document.content()


@given(any_document())
def test_due_is_the_total_less_credits_and_the_total_is_net_and_taxes(document: InvoiceDocument) -> None:
    assert document.total_minor == document.net_minor + document.tax_minor
    assert document.due_minor == document.total_minor + sum(credit.amount_minor for credit in document.credits)


def test_what_generating_invoices_writes_is_read_and_keeps_its_bytes() -> None:
    customer = Customer("acme", Profile("Acme", "billing@acme.example", "EUR", "stripe", country="PL"))
    noon = OCTOBER.start.replace(hour=12)
    lines = [
        InvoiceLine("droplet", "Droplet", "hour", Decimal(672), Decimal("0.00893"), Money(600, "EUR")),
        InvoiceLine(
            "egress",
            "Egress",
            "GB",
            Decimal("12.5"),
            None,
            Money(125, "EUR"),
            kind=LineKind.ADJUSTMENT,
            model="graduated",
            resource="web-1",
            starts=noon,
            ends=noon.replace(day=20),
            period=OCTOBER.previous,
            steps=STEPS,
        ),
    ]
    more = {"price_book": "", "usage_until": noon.isoformat(), "late_usage": {"2026-09": "x"}, "usage_left": True}
    content = draft_invoice(customer, OCTOBER, lines, UNTAXED, TODAY, Seller("Example Cloud"), more=more)
    [invoice], written = number_drafts([content], 42, "key")
    stored = written[: invoice.document.length]
    read = InvoiceDocument.parse(stored)
    assert read.canonical() == stored
    assert read.sha256 == invoice.document.sha256
    assert (read.number, read.seller, read.customer.name) == (invoice.number, Seller("Example Cloud"), "Acme")
    assert read.lines[1].explanation == ("10 of 12.5 are free, 2.5 are billed", "2.5 x 0.5 = 1.25")
    assert (read.lines[1].period, read.lines[1].kind) == ("2026-09", "adjustment")


def test_a_document_of_the_first_release_is_read_and_keeps_its_bytes() -> None:
    line = {"amount_minor": 600, "description": "", "quantity": "6", "sku": "s", "unit": "h", "unit_price": "1"}
    customer = {"country": "", "customer_id": "acme", "email": "", "name": "Acme"}
    content: dict[str, object] = {"currency": "EUR", "customer": customer, "issued_on": "2026-11-01", "lines": [line]}
    content |= {"number": "INV-00000001", "period": "2026-10", "seller": "Example Cloud", "total_minor": 600}
    assert InvoiceDocument.of(cast("Draft", content)).canonical() == canonical(content)


def test_a_draft_has_everything_but_a_number() -> None:
    unnumbered = replace(DOCUMENT, number="").content()
    assert "number" not in unnumbered
    assert {"number": DOCUMENT.number, **unnumbered} == DOCUMENT.content()


def test_taxes_are_added_and_the_total_follows() -> None:
    taxation = Taxation((TaxRate("VAT", Decimal(19)),))
    result = taxed(amounts_of(LINES, (), "EUR"), taxation, "EUR")
    document = DOCUMENT.with_taxes(result, inclusive=False)
    assert (document.total_minor, document.tax_minor, document.net_minor) == (863, 138, 725)


@pytest.mark.parametrize(
    "change",
    [
        {"total_minor": 726},
        {"discounts": (Deduction("Partner", -1),)},
        {"lines": LINES[:1]},
    ],
)
def test_a_document_whose_lines_do_not_add_up_cannot_be_made(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="INV-00000042: lines and taxes do not add up to its total"):
        replace(DOCUMENT, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"period": "2026-10"}', '{"currency": 1}'])
def test_anything_but_a_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an invoice's document|Expecting value"):
        InvoiceDocument.parse(text)


def test_a_buyer_is_recorded_with_their_address_line_by_line() -> None:
    profile = Profile("Acme", "a@acme.example", "EUR", "stripe", "", "FR", region="IDF", tax_id="FR40303265045")
    buyer = Buyer.of(Customer("acme", replace(profile, address=" 1 rue de la Paix \n\n75002 Paris")))
    assert buyer == Buyer(
        "acme", "Acme", "a@acme.example", "FR", "IDF", ("1 rue de la Paix", "75002 Paris"), "FR40303265045"
    )


def test_numbers_are_written_plainly() -> None:
    line = replace(LINES[0], quantity=Decimal("1E+3"), unit_price=Decimal("0.00000001"))
    content = replace(DOCUMENT, lines=(line,), total_minor=600).content()["lines"][0]
    assert (content["quantity"], content["unit_price"]) == ("1000", "0.00000001")


def test_a_late_line_says_its_own_period() -> None:
    late = replace(LINES[0], period=str(Period(2026, 9)))
    assert replace(DOCUMENT, lines=(late,), total_minor=600).content()["lines"][0]["period"] == "2026-09"
