"""The pack's figures on the report's page: the same figures as the pack's, in each currency's own decimals."""

import json
import re
from datetime import timedelta
from typing import Any, cast

import pytest

from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_page import render_report
from tests.unit.finance.reading import bill, figures
from tests.unit.invoices.test_taxed_invoices import TAXES
from tests.unit.proof.test_report_page import text_of
from tests.world import OCTOBER, World


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


def _fields(world: World) -> dict[str, str]:
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
