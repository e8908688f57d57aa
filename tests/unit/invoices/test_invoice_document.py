"""Drafts and numbers: documents that never change, numbered without gaps."""

import hashlib
import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.draft import draft_invoice, number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.money import Money
from monthclose.domain.pricing import InvoiceLine
from monthclose.domain.tax.tax import UNTAXED
from tests.unit.any import OCTOBER, TODAY, a_customer


def a_line(amount: int, quantity: str = "1", unit_price: str = "1", currency: str = "USD") -> InvoiceLine:
    return InvoiceLine(
        "droplet", "Dröplet, hourly", "h", Decimal(quantity), Decimal(unit_price), Money(amount, currency)
    )


def a_draft(customer_id: str = "C-1", *amounts: int) -> Draft:
    return draft_invoice(
        a_customer(customer_id), OCTOBER, [a_line(amount) for amount in amounts], UNTAXED, TODAY, Seller("Northwind")
    )


any_drafts = st.lists(st.lists(st.integers(-(10**6), 10**6), max_size=3), max_size=5).map(
    lambda totals: [a_draft(f"C-{i}", *amounts) for i, amounts in enumerate(totals)]
)


def test_a_draft_holds_everything_about_the_invoice_but_its_number() -> None:
    assert draft_invoice(a_customer(), OCTOBER, [a_line(250, "2.50", "1E+2")], UNTAXED, TODAY, Seller("Northwind")) == {
        "period": "2026-10",
        "issued_on": "2026-11-01",
        "seller": "Northwind",
        "customer": {"customer_id": "C-1", "name": "Ada Ltd", "email": "ada@example.com", "country": "GB"},
        "currency": "USD",
        "lines": [
            {
                "sku": "droplet",
                "description": "Dröplet, hourly",
                "model": "rated",
                "unit": "h",
                "quantity": "2.5",
                "unit_price": "100",
                "amount_minor": 250,
            }
        ],
        "total_minor": 250,
    }


def test_decimals_are_written_as_text_with_every_digit() -> None:
    written = draft_invoice(
        a_customer(), OCTOBER, [a_line(0, "9" * 50, "0." + "0" * 27 + "1")], UNTAXED, TODAY, Seller("Northwind")
    )
    assert written["lines"][0]["quantity"] == "9" * 50
    assert written["lines"][0]["unit_price"] == "0." + "0" * 27 + "1"


@given(any_drafts, st.integers(1, 10**7))
def test_numbers_follow_each_other_without_gaps_in_the_order_of_the_drafts(drafts: list[Draft], first: int) -> None:
    invoices, _ = number_drafts(drafts, first, "key")
    assert [invoice.number for invoice in invoices] == [f"INV-{first + i:08}" for i in range(len(drafts))]
    assert [invoice.customer_id for invoice in invoices] == [d["customer"]["customer_id"] for d in drafts]
    assert [invoice.total_minor for invoice in invoices] == [d["total_minor"] for d in drafts]


@given(any_drafts)
def test_each_invoice_points_to_its_own_document_and_hash(drafts: list[Draft]) -> None:
    invoices, content = number_drafts(drafts, 7, "invoices/x.jsonl")
    for invoice, written in zip(invoices, drafts, strict=True):
        place = invoice.document
        document = content[place.offset : place.offset + place.length]
        assert json.loads(document) == {"number": invoice.number, **written}
        assert hashlib.sha256(document).hexdigest() == place.sha256
        assert place.key == "invoices/x.jsonl"
    assert content.count(b"\n") == len(drafts)


@given(any_drafts)
def test_drafts_read_back_from_storage_give_the_same_bytes(drafts: list[Draft]) -> None:
    stored: list[Any] = [dict(reversed(json.loads(json.dumps(written)).items())) for written in drafts]
    assert number_drafts(stored, 7, "key") == number_drafts(drafts, 7, "key")


def test_a_new_invoice_has_nothing_settled() -> None:
    (invoice,), _ = number_drafts([a_draft("C-1", 100, 23)], 1, "key")
    assert (invoice.total, invoice.open) == (Money(123, "USD"), Money(123, "USD"))
    assert (invoice.period, invoice.issued_on, invoice.version) == (OCTOBER, TODAY, 0)
