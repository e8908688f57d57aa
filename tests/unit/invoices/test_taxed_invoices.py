"""Taxes in a close: on the invoice, in the ledger, in the report, and carried amounts that are taxed once."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Buyer, Deduction, Seller
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.period import Period
from monthclose.domain.tax.tax import TaxCategory
from monthclose.use_cases.invoices.company_logo import import_logo
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

TAXES = b"""
seller = "DE"
[[rate]]
countries = ["DE"]
name = "VAT"
percent = "19"
until = 2026-11-01
[[rate]]
countries = ["DE"]
name = "VAT"
percent = "20"
from = 2026-11-01
[[rate]]
countries = ["GB"]
name = "VAT"
percent = "20"
inclusive = true
[[rate]]
countries = ["JP"]
name = "JCT"
percent = "10"
[[reverse_charge]]
countries = ["AT"]
note = "Reverse charge."
"""
AUSTRIA = b'[[rate]]\ncountries = ["AT"]\nname = "VAT"\npercent = "20"\n'
LOGO = b"\x89PNG\r\n\x1a\n"


def settle_in(world: World, customer_id: str, country: str, *, tax_id: str = "", currency: str = "USD") -> str:
    world.add_customer(customer_id, currency=currency)
    profile = replace(world.customer(customer_id).profile, country=country, tax_id=tax_id)
    world.change(customer_id, profile=profile)
    return customer_id


def document_of(world: World, customer_id: str, period: Period = OCTOBER) -> InvoiceDocument:
    invoice = world.month(customer_id, period).invoice
    assert invoice
    content = world.issued.content(invoice)
    document = InvoiceDocument.parse(content)
    assert document.canonical() == content
    return document


def close(world: World, period: Period) -> Report:
    world.clock.now = max(world.clock.now, period.end)
    report = world.close(period, f"execution-{period}")
    world.clock.pass_time(hours=1)
    return report


@pytest.fixture
def world() -> World:
    world = World(policy=InvoicingPolicy({"USD": 100}))
    world.tax_tables.put(TAXES)
    return world


def test_an_invoice_is_taxed_by_the_rate_of_its_month_and_the_books_tie(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "10")
    world.use(settle_in(world, "brit", "GB"), "12")
    report = close(world, OCTOBER)

    month = world.month("acme")
    assert month.invoice
    assert (month.invoice.total_minor, month.invoice.tax_minor) == (1190, 190)
    legs = {leg.account: leg.minor for leg in month.entries[0].legs}
    assert legs == {Account.RECEIVABLE: 1190, Account.REVENUE: -1000, Account.TAX: -190}
    british = world.month("brit").invoice
    assert british
    assert (british.total_minor, british.tax_minor) == (1200, 200)
    assert report["proof"]["ties"], report["proof"]


def test_a_negative_invoice_credits_its_tax(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "-10")
    report = close(world, OCTOBER)
    assert world.customer("acme").credit_minor == 1190
    legs = {leg.account: leg.minor for leg in world.month("acme").entries[0].legs}
    assert legs == {Account.CREDIT: -1190, Account.REVENUE: 1000, Account.TAX: 190}
    assert report["proof"]["ties"], report["proof"]


def test_a_customer_whose_country_is_not_covered_is_parked_and_not_billed_untaxed(world: World) -> None:
    world.use(settle_in(world, "acme", "FR"), "10")
    assert close(world, OCTOBER)["parked"] == {"tax_not_covered": 1}
    assert world.month("acme").invoice is None


def test_a_customer_without_usage_is_not_parked_for_their_country(world: World) -> None:
    settle_in(world, "acme", "FR")
    assert close(world, OCTOBER)["customers"]["nothing_to_bill"] == 1


def test_a_carried_amount_is_taxed_once_by_the_month_that_invoices_it(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "0.80")
    close(world, OCTOBER)
    assert world.customer("acme").carried_minor == 80
    world.use("acme", "10", period=OCTOBER.next)
    close(world, OCTOBER.next)
    invoice = world.month("acme", OCTOBER.next).invoice
    assert invoice
    assert (invoice.total_minor, invoice.tax_minor) == (1296, 216)


def test_the_minimum_is_compared_with_the_amount_before_tax(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "0.99")
    world.use(settle_in(world, "more", "DE"), "1")
    close(world, OCTOBER)
    assert world.customer("acme").carried_minor == 99
    assert document_of(world, "more").total_minor == 119


def test_the_document_shows_the_taxes_of_both_kinds_of_prices(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "10")
    world.use(settle_in(world, "brit", "GB"), "12")
    close(world, OCTOBER)

    german, british = document_of(world, "acme"), document_of(world, "brit")
    assert (german.prices_include_tax, german.net_minor, german.tax_minor, german.total_minor) == (
        False,
        1000,
        190,
        1190,
    )
    assert (british.prices_include_tax, british.net_minor, british.tax_minor, british.total_minor) == (
        True,
        1000,
        200,
        1200,
    )


def test_a_business_abroad_owes_the_tax_itself_and_its_invoice_says_so(world: World) -> None:
    world.use(settle_in(world, "alps", "AT", tax_id="ATU12345675"), "10")
    report = close(world, OCTOBER)

    (tax,) = document_of(world, "alps").taxes
    assert (tax.rate.category, tax.rate.note, tax.amount.minor) == (TaxCategory.REVERSE_CHARGE, "Reverse charge.", 0)
    legs = {leg.account: leg.minor for leg in world.month("alps").entries[0].legs}
    assert legs == {Account.RECEIVABLE: 1000, Account.REVENUE: -1000}
    assert report["proof"]["ties"], report["proof"]


def test_a_customer_not_covered_is_billed_by_the_next_run_with_the_corrected_table(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "10")
    world.use(settle_in(world, "alps", "AT"), "10")
    first = close(world, OCTOBER)
    assert first["parked"] == {"tax_not_covered": 1}
    parking = world.month("alps").parking
    assert parking
    assert "the tax table has no rate for AT" in parking.detail

    world.tax_tables.put(TAXES + AUSTRIA)
    again = world.close(OCTOBER, "execution-again")

    invoice = world.month("alps").invoice
    assert invoice
    assert (invoice.number, invoice.total_minor, invoice.tax_minor) == ("INV-00000002", 1200, 200)
    assert document_of(world, "alps").more["tax_table"] == again["tax_table"] != first["tax_table"]
    assert document_of(world, "acme").more["tax_table"] == first["tax_table"]
    assert (again["parked"], again["money"]["USD"]["tax"]) == ({}, 390)
    assert again["proof"]["ties"], again["proof"]


def test_a_table_imported_while_a_close_runs_counts_from_the_next_run(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "10")
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    world.tax_tables.put(TAXES.replace(b'"19"', b'"7"'))
    assert world.planner.plan(OCTOBER, run).close.tax_table == plan.close.tax_table != world.tax_tables.latest()


def test_a_currency_without_decimals_is_taxed_in_whole_units(world: World) -> None:
    world.use(settle_in(world, "nippon", "JP", currency="JPY"), "1005")
    report = close(world, OCTOBER)
    assert document_of(world, "nippon").tax_minor == 101  # 100.5, half away from zero
    assert (report["money"]["JPY"]["invoiced"], report["money"]["JPY"]["tax"]) == (1106, 101)
    assert report["proof"]["ties"], report["proof"]


def test_without_a_table_neither_the_document_nor_the_report_mentions_tax() -> None:
    world = World()
    world.use(settle_in(world, "acme", "DE"), "10")
    report = close(world, OCTOBER)
    assert b"tax" not in document_of(world, "acme").canonical()
    assert "tax_table" not in report
    assert "tax" not in report["money"]["USD"]
    assert set(report["proof"]) == {"ties", "findings", "findings_in_all", "checks"}
    assert {row["what"] for entry in report["proof"]["checks"] for row in entry["rows"]}.isdisjoint({"tax"})


def test_the_document_has_the_buyer_the_company_the_logo_and_when_it_is_due() -> None:
    seller = Seller(
        "Example Cloud GmbH", ("Road 1",), "10115", "Berlin", "DE", tax_id="DE136695976", terms="14 days net."
    )
    world = World(company=Company(seller, payment_days=14))
    logo = import_logo(LOGO, documents=world.documents)
    world.use(settle_in(world, "acme", "DE", tax_id="DE136695976"), "10")
    close(world, OCTOBER)

    document = document_of(world, "acme")
    assert document.seller == replace(seller, logo=logo)
    assert document.customer == Buyer.of(world.customer("acme"))
    assert (document.issued_on, document.due_on) == (date(2026, 11, 1), date(2026, 11, 15))


def test_the_document_says_what_credit_covers_and_what_is_then_due(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "-5")
    close(world, OCTOBER)
    assert document_of(world, "acme").credits == ()
    world.use("acme", "10", period=OCTOBER.next)
    report = close(world, OCTOBER.next)

    document, invoice = document_of(world, "acme", OCTOBER.next), world.month("acme", OCTOBER.next).invoice
    assert invoice
    assert document.credits == (Deduction("Your credit on 1 December 2026", -595),)
    assert (document.total_minor, document.tax_minor, document.due_minor) == (1200, 200, 605)
    assert (invoice.total_minor, invoice.credited_minor, invoice.collected_minor) == (1200, 595, 605)
    assert report["proof"]["ties"], report["proof"]


def test_credit_beyond_the_total_covers_the_total_and_no_more(world: World) -> None:
    settle_in(world, "acme", "DE")
    world.change("acme", credit_minor=99_999, account_currency="USD")
    world.use("acme", "10")
    close(world, OCTOBER)
    assert document_of(world, "acme").due_minor == 0


_AMOUNTS = st.decimals(-1000, 1000, places=2)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["DE", "GB", "AT", "FR"]), _AMOUNTS, _AMOUNTS), min_size=1, max_size=4))
def test_whatever_is_taxed_the_books_tie_and_documents_invoices_and_ledger_agree(customers: list[Any]) -> None:
    world = World()
    world.tax_tables.put(TAXES)
    names = [
        settle_in(world, f"{country}-{number}", country, tax_id="ATU12345675" if country == "AT" else "")
        for number, (country, *_) in enumerate(customers)
    ]
    for month, period in enumerate((OCTOBER, OCTOBER.next), 1):
        for name, amounts in zip(names, customers, strict=True):
            world.use(name, str(amounts[month]), period=period)
        report = close(world, period)
        assert report["proof"]["ties"], report["proof"]
        taxes = 0
        for name in names:
            record = world.month(name, period)
            if record.invoice:
                document = document_of(world, name, period)
                legs = {leg.account: leg.minor for entry in record.entries[:1] for leg in entry.legs}
                assert -legs.get(Account.TAX, 0) == document.tax_minor == record.invoice.tax_minor
                assert -legs.get(Account.REVENUE, 0) == document.net_minor
                taxes += document.tax_minor
        assert sum(sums["tax"] for sums in report["money"].values()) == taxes
