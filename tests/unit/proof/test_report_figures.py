"""The pack's figures on the report's page: the same figures as the pack's, in each currency's own decimals."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any, cast

import pytest

from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.payouts import PAYOUTS, PayoutSum
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_page import render_report
from tests.unit.finance.reading import bill, figures
from tests.unit.invoices.test_taxed_invoices import TAXES
from tests.unit.proof import test_report_page
from tests.world import OCTOBER, World


def text_of(page: str) -> str:
    """Read a page, with dashes where there is nothing."""
    return test_report_page.text_of(page).replace("\N{EN DASH}", "-")


@pytest.fixture
def world() -> World:
    world = World()
    world.tax_tables.put(TAXES)
    bill(world, "acme", "DE")
    bill(world, "late", "DE", method="declined")
    bill(world, "tokyo", "JP", currency="JPY", amount="9000", method="declined")
    return world


def a_page(world: World, **days: int) -> str:
    """Make the report's page as the end of a pack does, some days after the close."""
    report = world.close()
    at = world.clock() + timedelta(**days)
    content = json.loads(json.dumps(figures(world, at=at).content()))
    entries: dict[str, Any] = {**report, "figures": content, "pack": {"as_of": at.isoformat(), "files": 24}}
    return render_report(cast("Report", entries)).decode()


def test_what_is_open_is_laid_out_by_how_long_ago_it_was_due(world: World) -> None:
    page = a_page(world, days=40)
    text = text_of(page)
    assert "JPY 9,900 open 100% overdue" in text
    assert "USD 0.00 0.00 119.00 1 customer 0.00 0.00 119.00 0.00" in text
    assert 'aria-label="31 to 60 days 119.00 USD"' in page
    assert "as of 2026-12-11 00:00:00 UTC" in text


def test_aging_says_what_the_receivables_account_says(world: World) -> None:
    text = text_of(a_page(world))
    assert "Receivable open on invoices 9,900 119.00" in text
    assert "JPY 9,900 open" in text
    assert "USD 119.00 open" in text


def test_who_owes_the_most_is_named_with_their_share(world: World) -> None:
    bill(world, "huge", "DE", method="declined", amount="300")
    text = text_of(a_page(world))
    most = re.search(r"Who owes the most .*? In USD Open Share Oldest due (.*?) Payments", text)
    assert most
    assert most[1].startswith("huge Ltd huge 357.00 75.0% 2026-11-01 late Ltd late 119.00 25.0% 2026-11-01")


def test_of_many_who_owe_the_rest_are_counted_and_their_sum_is_said(world: World) -> None:
    for number in range(12):
        bill(world, f"small-{number:02}", "DE", method="declined", amount="10")
    text = text_of(a_page(world))
    assert "3 other customers 35.70 13.6%" in text


def test_revenue_is_listed_by_sku_and_taxes_by_jurisdiction_and_rate(world: World) -> None:
    text = text_of(a_page(world))
    assert "In USD Net Share Droplet droplet 200.00 100% Total 200.00" in text
    assert "DE VAT 19% USD 200.00 38.00" in text
    assert "JP JCT 10% JPY 9,000 900" in text


def test_a_report_without_a_pack_has_no_sections_of_figures(world: World) -> None:
    world.close()
    text = text_of(world.documents.get(f"reports/{OCTOBER}/report.html").decode())
    assert "Aging" not in text
    assert "Revenue by" not in text


def test_no_name_of_a_customer_or_sku_becomes_markup(world: World) -> None:
    evil = "<script>alert(1)</script>"
    world.add_customer(evil, method="declined")
    world.change(evil, profile=world.customer("late").profile.__class__(**{**_fields(world), "name": evil}))
    world.use(evil, "10")
    assert "<script" not in a_page(world)


def _fields(world: World) -> dict[str, Any]:
    profile = world.customer("late").profile
    return {name: getattr(profile, name) for name in profile.__dataclass_fields__}


def test_links_at_the_top_lead_to_each_part_of_the_page(world: World) -> None:
    page = a_page(world)
    links = re.findall(r'<a href="#([\w-]+)">', page)
    assert {"money", "aging", "owing", "customers", "revenue", "taxes", "ledger", "proof"} <= set(links)
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in links)


def test_the_page_says_what_the_pack_has_and_why_the_last_one_could_not_be_made(world: World) -> None:
    assert "Report pack 24 files, as of 2026-11-01 00:00:00 UTC" in text_of(a_page(world))
    failure = {"time": "2026-11-02T01:00:00+00:00", "why": "S3 was unavailable"}
    report = cast("Report", {**world.reporter.report(OCTOBER, 1), "pack_failure": failure})
    failed = text_of(render_report(report).decode())
    assert "the report pack of 2026-11-02 01:00:00 UTC could not be made: S3 was unavailable" in failed


def test_the_collection_rate_is_drawn_by_day_and_said_with_the_days_of_sales_outstanding(world: World) -> None:
    page = a_page(world, days=5)
    text = text_of(page)
    assert "JPY 9,900 0 0.0% 31.0" in text, "nothing is paid, and the whole month is outstanding"
    assert "USD 238.00 119.00 50.0% 15.5 -" in text, "half is open: half a month"
    assert "Share of the month's invoices that is paid: JPY from 0% to 0%; USD from 0% to 50%" in unescape(page)
    assert "2026-11-01 - 119.00 50.0%" in text, "day by day"


def test_days_of_sales_outstanding_are_left_out_once_later_months_invoices_are_open_too(world: World) -> None:
    early, late = (text_of(a_page(world, days=days)) for days in (29, 30))
    assert "JPY 9,900 0 0.0% 31.0" in early
    assert "JPY 9,900 0 0.0% 31.0" not in late
    assert "JPY 9,900 0 0.0%" in late
    assert "Days of sales outstanding are left out" in late


def test_cash_is_by_provider_and_day_beside_the_payouts() -> None:
    world = World()
    world.use(world.add_customer("early"), "10", period=OCTOBER.previous)
    world.at(OCTOBER.start).close(OCTOBER.previous)
    world.at(OCTOBER.end)
    world.use("early", "5")
    report = world.close()
    paid_out = PayoutSum("stripe", "USD", "2026-10-03", 650, 700, 0, 30, -20, 1)
    found = figures(world) + Figures({PAYOUTS.name: PAYOUTS.sums([paid_out])})
    page = text_of(render_report(cast("Report", {**report, "figures": found.content()})).decode())
    assert "USD 10.00 came in, less what went back" in page
    assert "Stripe USD 10.00 0.00 1 6.50 0.30 -0.20 3.00" in page, "3.00 are not paid out yet"
    assert "2026-10-01 Stripe USD 10.00 0.00 0.00 2026-10-03 Stripe USD 0.00 0.00 6.50" in page


def test_refusals_have_what_dunning_has_recovered_and_the_codes_by_card_brand(world: World) -> None:
    world.close()
    world.change("late", profile=replace(world.customer("late").profile, payment_method="ok"))
    world.clock.pass_time(days=1)
    world.collect()
    report = world.reporter.report(OCTOBER, 1)
    text = text_of(render_report(cast("Report", {**report, "figures": figures(world).content()})).decode())
    assert "In USD Attempts Successes Amount Share Refused at first 1 - 119.00 -" in text
    assert "Retry 1 after “Declined” 1 1 119.00 100%" in text
    assert "Recovered 119.00 100%" in text
    assert "Declines by card brand" in text
    assert "Insufficient funds 3 3 Charges 5 5 Declined 60.0% 60.0%" in text


def test_a_month_in_which_nothing_was_refused_has_no_recovery_and_no_declines() -> None:
    world = World()
    world.use(world.add_customer("acme"), "10")
    text = text_of(a_page(world))
    assert "Recovery" not in text
    assert "Declines by" not in text


def test_the_page_in_a_pack_says_of_which_time_its_figures_are(world: World) -> None:
    report = cast("Report", {**world.close(), "figures": figures(world).content()})
    assert "how long ago it was due." in text_of(render_report(report).decode())
    page = text_of(render_report(report, world.clock()).decode())
    assert "how long ago it was due; as of 2026-11-01 00:00:00 UTC." in page
