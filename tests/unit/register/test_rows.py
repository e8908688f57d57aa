"""The register's rows say what the records say."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.accounts.posting import posting_day
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Deduction, DocumentLine
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.register.rows import (
    customer_row,
    entry_rows,
    invoice_state,
    line_rows,
    month_rows,
    payment_row,
    tax_rows,
)
from monthclose.domain.register.tables import MINOR, TABLES, Kind
from monthclose.domain.tax.tax import TaxLine, TaxRate
from monthclose.domain.usage import UsageEvent
from tests.world import OCTOBER, World


@pytest.fixture(scope="module")
def world() -> World:
    """A close in which one customer pays, one's card is declined, and one is parked."""
    world = World()
    for name, method in (("acme", "ok"), ("poor", "declined"), ("odd", "ok")):
        world.add_customer(name, method=method)
        world.use(name, "12.50")
    world.usage.put([UsageEvent("x", "odd", "unpriced", Decimal(1), OCTOBER.start)])
    world.close()
    return world


def _document(world: World, customer_id: str) -> InvoiceDocument:
    invoice = world.month(customer_id).invoice
    assert invoice
    return world.issued.document(invoice)


def test_every_row_has_exactly_its_tables_columns_in_their_order(world: World) -> None:
    seen = {"customers": [customer_row(world.customer("acme"))], "entries": []}
    for name in ("acme", "poor", "odd"):
        month = world.month(name)
        documents = {i.number: _document(world, name) for i in month.invoices}
        for table, row in month_rows(month, documents):
            seen.setdefault(table, []).append(row)
        seen["entries"] += [row for entry in month.entries for row in entry_rows(entry)]
    assert {"customers", "invoices", "lines", "payments", "notices", "holds", "parked", "entries"} <= seen.keys()
    for table, rows in seen.items():
        columns = {column.name: column.kind for column in TABLES[table].columns}
        for row in rows:
            assert set(row) == set(columns), table
            numbers = {name for name, value in row.items() if isinstance(value, int)}
            assert numbers <= {name for name, kind in columns.items() if kind in (Kind.MINOR, Kind.COUNT)}


def test_columns_with_amounts_are_those_whose_names_end_so() -> None:
    for table in TABLES.values():
        assert set(table.amounts) == {column.name for column in table.columns if column.name.endswith(MINOR)}


def test_an_invoice_says_how_it_stands(world: World) -> None:
    paid, declined = world.month("acme").invoice, world.month("poor").invoice
    assert paid
    assert declined
    assert invoice_state(paid) == "paid"
    assert invoice_state(declined) == "open"
    assert invoice_state(replace(declined, written_off_minor=declined.open.minor)) == "written_off"
    assert invoice_state(replace(declined, credited_minor=declined.open.minor)) == "credited"
    assert invoice_state(replace(declined, replaced_by="INV-00000009")) == "replaced"
    assert invoice_state(replace(paid, total_minor=0, collected_minor=0)) == "nothing_due"


def test_a_payment_names_the_invoice_that_it_collects_also_after_a_replacement(world: World) -> None:
    month = world.month("acme")
    assert month.invoice
    assert month.payment
    assert payment_row(month.payment, month)["number"] == month.invoice.number
    new = replace(month.invoice, number="INV-00000099", replaces=month.invoice.number, first_payment=2)
    second = replace(month.payment, sequence=2)
    replaced = CustomerMonth(invoice=new, payment=month.payment, manual=(second,), superseded=(month.invoice,))
    assert payment_row(month.payment, replaced)["number"] == month.invoice.number
    assert payment_row(second, replaced)["number"] == "INV-00000099"


def test_a_decline_has_its_code_and_when_it_was_charged_and_answered(world: World) -> None:
    month = world.month("poor")
    assert month.payment
    row = payment_row(month.payment, month)
    assert row["state"] == "declined"
    assert row["decline_code"]
    assert row["charged_at"]
    assert row["settled_at"]


def test_lines_and_discounts_add_up_to_the_subtotal_with_days_of_service_inclusive(world: World) -> None:
    document = _document(world, "acme")
    partly = DocumentLine(
        "disk", "Disk", Decimal("1.50"), 300, starts="2026-10-05T00:00:00+00:00", ends="2026-10-08T00:00:00+00:00"
    )
    late = DocumentLine("old", "Late usage", Decimal(1), 50, period="2026-08", kind="adjustment")
    more = (*document.lines, partly, late)
    amount = sum(line.amount_minor for line in more) - 100
    document = replace(document, lines=more, discounts=(Deduction("Spring", -100),), total_minor=amount)
    rows = line_rows(document)
    assert sum(int(row["amount_minor"] or 0) for row in rows) == document.subtotal_minor
    assert [row["position"] for row in rows] == [1, 2, 3, 4]
    assert [row["kind"] for row in rows] == ["usage", "usage", "adjustment", "discount"]
    assert [(row["service_from"], row["service_to"]) for row in rows] == [
        ("2026-10-01", "2026-10-31"),
        ("2026-10-05", "2026-10-07"),
        ("2026-08-01", "2026-08-31"),
        ("2026-10-01", "2026-10-31"),
    ]
    assert rows[1]["quantity"] == "1.5"


def test_taxes_name_the_place_of_the_customer(world: World) -> None:
    document = _document(world, "acme")
    tax = TaxLine(TaxRate("Sales tax", Decimal("8.875")), Money(1250, "USD"), Money(111, "USD"))
    buyer = replace(document.customer, country="US", region="NY")
    (row,) = tax_rows(replace(document, taxes=(tax,), customer=buyer, total_minor=document.total_minor + 111))
    assert (row["jurisdiction"], row["rate"], row["tax_minor"]) == ("US-NY", "8.875", 111)


def test_entries_balance_and_an_invoice_posts_on_the_last_day_of_its_month(world: World) -> None:
    entries = world.month("acme").entries
    days = {entry.entry_id: posting_day(entry).isoformat() for entry in entries}
    assert days.pop("invoice") == "2026-10-31"
    assert set(days.values()) == {world.clock().date().isoformat()}
    for entry in entries:
        assert isinstance(entry, Entry)
        assert sum(int(row["amount_minor"] or 0) for row in entry_rows(entry)) == 0
