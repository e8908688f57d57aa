"""Aging, revenue and taxes of a month, read from the books."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.finance.aging import AGING, CREDIT, Bucket
from monthclose.domain.finance.figures import Figures, added_up, figures_of
from monthclose.domain.finance.named import MOST_NAMED, NAMED
from monthclose.domain.finance.recovery import CHARGES, ChargeSum
from monthclose.domain.finance.revenue import REVENUE
from monthclose.domain.finance.sum_files import sum_files
from monthclose.domain.finance.taxes import TAXES
from monthclose.domain.finance.ties import differences
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import Money
from monthclose.domain.register import tables
from tests.unit.finance.reading import bill, books_of, everybody, figures, rows
from tests.unit.invoices.test_taxed_invoices import TAXES as TAX_TABLE
from tests.world import OCTOBER, World


def a_world() -> World:
    """Two customers of October: one pays, one is declined."""
    world = World()
    world.tax_tables.put(TAX_TABLE)
    bill(world, "acme", "DE")
    bill(world, "late", "DE", method="declined")
    return world


def aging(found: Figures) -> dict[str, int]:
    return {row.bucket: row.open_minor for row in found.rows(AGING)}


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (0, Bucket.NOT_DUE),
        (1, Bucket.DAYS_1_30),
        (30, Bucket.DAYS_1_30),
        (31, Bucket.DAYS_31_60),
        (60, Bucket.DAYS_31_60),
        (61, Bucket.DAYS_61_90),
        (90, Bucket.DAYS_61_90),
        (91, Bucket.OVER_90),
    ],
)
def test_what_is_open_is_in_the_bucket_of_the_days_it_is_overdue(days: int, bucket: Bucket) -> None:
    world = a_world()
    world.close()
    invoice = world.month("late").invoice
    assert invoice
    at = datetime.combine(invoice.issued_on + timedelta(days), world.clock().time(), UTC)
    at = max(at, world.clock())
    assert aging(figures(world, at=at)) == {bucket: invoice.open.minor}


def test_an_aging_of_an_earlier_day_is_as_it_was_then() -> None:
    world = a_world()
    world.close()
    then = world.clock()
    world.clock.pass_time(days=40)
    world.use_cases.cashier.record("late", Money(5000, "USD"), "transfer 1")
    invoice = world.month("late").invoice
    assert invoice
    assert aging(figures(world)) == {Bucket.DAYS_31_60: invoice.open.minor}
    assert aging(figures(world, at=then)) == {Bucket.NOT_DUE: invoice.open.minor + 5000}


def test_credit_that_is_not_used_stands_beside_the_aging() -> None:
    world = a_world()
    world.close()
    world.use_cases.cashier.credit("acme", Money(700, "USD"), "an outage")
    assert [tuple(row) for row in figures(world).rows(CREDIT)] == [("USD", 700, 1)]
    acme = rows(world, "aging")[0]
    assert (acme["customer_id"], acme["open_minor"], acme["credit_minor"]) == ("acme", 0, 700)


def test_revenue_and_taxes_are_those_of_the_documents() -> None:
    world = a_world()
    world.close()
    found = figures(world)
    revenue, taxes = found.rows(REVENUE), found.rows(TAXES)
    assert [tuple(row) for row in revenue] == [("USD", "2026-10", "invoice", "usage", "droplet", 20_000)]
    assert [(row.jurisdiction, row.taxable_minor) for row in taxes] == [("DE", 20_000)]
    assert found.skus == {"droplet": "Droplet"}


def test_a_credit_note_lowers_the_revenue_of_the_month_it_is_booked_in() -> None:
    world = a_world()
    world.close()
    world.corrector.credit("INV-00000001", Money(1190, "USD"), "a mistake")
    november = OCTOBER.next
    assert [row.document for row in figures(world).rows(REVENUE)] == ["invoice"]
    [credited] = figures(world, november).rows(REVENUE)
    assert (credited.service_month, credited.document, credited.kind) == ("2026-10", "credit_note", "credit")
    assert credited.net_minor == -sum(n.total_minor - n.tax_minor for n in world.month("acme").credit_notes)


def test_who_owes_and_who_was_declined_is_named() -> None:
    world = a_world()
    world.close()
    found = figures(world)
    assert {row.why: (row.customers, row.minor) for row in found.rows(NAMED)}["declined"][0] == 1
    assert [one.customer_id for one in found.names["declined", "USD"]] == ["late"]
    assert [one.name for one in found.names["open", "USD"]] == ["late Ltd"]


def test_figures_survive_json_and_their_rows_have_the_columns_they_name() -> None:
    world = a_world()
    world.close()
    found = figures(world)
    assert Figures.from_content(json.loads(json.dumps(found.content()))) == found
    for name, table in tables.FIGURES.items():
        assert rows(world, name)
        assert all(tuple(row) == tuple(column.name for column in table.columns) for row in rows(world, name))


def test_figures_are_the_same_however_customers_are_grouped() -> None:
    world = World()
    for number in range(30):
        bill(world, f"customer{number:02}", "", method="declined", amount=str(10 + number))
    world.close()
    each = [figures_of(books_of(world, one), OCTOBER, world.clock()) for one in everybody(world)]
    whole = added_up(each)
    assert len(whole.names["open", "USD"]) == MOST_NAMED
    assert whole == added_up(reversed(each)) == added_up(each[:7]) + (added_up(each[7:20]) + added_up(each[20:]))
    assert whole + Figures() == whole


def test_what_was_carried_is_revenue_of_the_months_it_was_carried_from() -> None:
    world = World(policy=InvoicingPolicy(minimum_minor={"default": 1000}))
    for period, amount in ((OCTOBER, "3"), (OCTOBER.next, "4"), (OCTOBER.next.next, "20")):
        world.add_customer("acme")
        world.use("acme", amount, period=period, event_id=str(period))
        world.clock.now = period.end
        world.close(period)
    december = OCTOBER.next.next
    sold = {(row.service_month, row.kind): row.net_minor for row in figures(world, december).rows(REVENUE)}
    assert sold == {("2026-10", "carried"): 300, ("2026-11", "carried"): 400, ("2026-12", "usage"): 2000}


def test_a_document_that_cannot_be_read_leaves_its_sums_and_no_skus() -> None:
    world = a_world()
    world.close()
    at = world.clock()
    books = replace(books_of(world, "acme"), documents={})
    found = figures_of(books, OCTOBER, at)
    assert [(row.kind, row.sku, row.net_minor) for row in found.rows(REVENUE)] == [("unreadable", "", 10_000)]
    assert [(row.jurisdiction, row.tax_minor) for row in found.rows(TAXES)] == [("unreadable", 1_900)]
    assert differences(found) == []


def test_sums_are_written_in_minor_units_with_major_units_beside_them_for_spreadsheets() -> None:
    world = a_world()
    world.close()
    files = {file.name: file.content.decode() for file in sum_files(figures(world))}
    assert files["taxes_by_rate.csv"].splitlines() == [
        "currency,jurisdiction,name,percent,category,taxable_minor,taxable,tax_minor,tax",
        "USD,DE,VAT,19,S,20000,200.00,3800,38.00",
    ]
    assert "payouts.csv" not in files
    assert files["balances.csv"].startswith("account,currency,opening_minor,opening,debit_minor,debit,")
    assert files["charges.csv"].splitlines()[0] == "provider,card_brand,outcome,code,charges"


def test_no_sums_file_has_a_cell_that_a_spreadsheet_runs() -> None:
    sums = {CHARGES.name: CHARGES.sums([ChargeSum("stripe", "visa", "declined", "=1+1;@x", 1)])}
    (file,) = sum_files(Figures(sums=sums))
    assert file.content.decode().splitlines()[1] == "stripe,visa,declined,'=1+1;'@x,1"
