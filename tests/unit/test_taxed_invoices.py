"""Taxes in a close: on the invoice, in the ledger, and carried amounts that are taxed once."""

from dataclasses import replace
from typing import Any

import pytest

from monthclose.domain.invoicing import InvoicingPolicy
from monthclose.domain.ledger import Account
from monthclose.domain.period import Period
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
"""


def settle_in(world: World, customer_id: str, country: str) -> str:
    world.add_customer(customer_id)
    world.change(customer_id, profile=replace(world.customer(customer_id).profile, country=country))
    return customer_id


def close(world: World, period: Period) -> dict[str, Any]:
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


def test_a_negative_invoice_gives_its_tax_back(world: World) -> None:
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


def test_who_has_used_nothing_is_not_parked_for_their_country(world: World) -> None:
    settle_in(world, "acme", "FR")
    assert close(world, OCTOBER)["customers"]["nothing_to_bill"] == 1


def test_what_is_carried_is_taxed_once_by_the_month_that_invoices_it(world: World) -> None:
    world.use(settle_in(world, "acme", "DE"), "0.80")
    close(world, OCTOBER)
    assert world.customer("acme").carried_minor == 80
    world.use("acme", "10", period=OCTOBER.next)
    close(world, OCTOBER.next)
    invoice = world.month("acme", OCTOBER.next).invoice
    assert invoice
    assert (invoice.total_minor, invoice.tax_minor) == (1296, 216)
