"""A rehearsal as a page and as JSON: what is to be accepted first, exact sums, nothing loaded from elsewhere."""

import json
import re
from dataclasses import replace
from html import unescape

from monthclose.domain.period import Period
from monthclose.domain.rehearsals.billed import Billed, Outcome
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.use_cases.rehearsals.rehearsal_page import render_rehearsal
from monthclose.use_cases.rehearsals.rehearsal_report import RehearsalReport
from tests.unit.any import OCTOBER
from tests.unit.rehearsals.months import crowd, invoiced
from tests.unit.rehearsals.stories import REHEARSAL, approved_rehearsal, report_of, wrong_fee


def page_of(report: RehearsalReport) -> str:
    return render_rehearsal(report).decode()


def text_of(report: RehearsalReport) -> str:
    body = re.sub(r"(?s)<style>.*?</style>", "", page_of(report))
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_opens_with_what_has_to_be_accepted() -> None:
    text = text_of(report_of(*wrong_fee()))
    assert "Rehearsal October 2026 ! 3 findings to accept before a close may charge" in text
    assert "231 of 234 customers would be invoiced, 3 are parked. Nobody was charged or mailed." in text
    assert (
        "everybody_percent fee 'Support' (support) names no customers, and is due from 230 of 230 customers; "
        "last month from nobody: 2,300.00 EUR"
    ) in text


def test_the_page_shows_the_money_and_what_moved_it() -> None:
    text = text_of(report_of(*wrong_fee()))
    assert "EUR 13,470.00 last month 10,507.00 +28.2%" in text
    assert "billed more EUR +3,080.00 229 13,440.00 10,360.00" in text
    assert "gone EUR -12.00 1 0.00 12.00" in text
    assert "parked: no_price EUR -135.00 3 0.00 135.00" in text
    assert "fee 'Support' (support) EUR 2,300.00 0.00 +2,300.00 230 0" in text
    assert "acme EUR +800.00 900.00 100.00 billed more" in text
    assert "no_price 3 0" in text


def test_a_currencys_bar_is_cut_into_last_months_customers_and_new_ones() -> None:
    last, now = crowd(3, 100), {**crowd(1, 100), "c0001": invoiced("c0001", 200), "n": invoiced("n", 100)}
    found = re.findall(
        r'<rect x="([\d.]+)%" width="([\d.]+)%" height="18" class="(\w+)">', page_of(report_of(now, last))
    )
    assert found == [("0.0", "25.0", "written_off"), ("25.0", "50.0", "pending"), ("75.0", "25.0", "collected")]


def test_the_page_says_where_a_close_differs_from_what_was_approved() -> None:
    now, last = wrong_fee()
    approved = {**now, "acme": invoiced("acme", 80_000, sku_vm=79_000, fee_support=1000)}
    again = replace(approved_rehearsal(), number=3, run=1)
    assert "usage or prices 1 EUR 900.00 800.00 +100.00 acme" in text_of(report_of(now, last, again, approved))
    assert "differs from what was approved" not in text_of(report_of(now, last))


def test_the_page_of_an_approved_rehearsal_says_who_approved_it() -> None:
    text = text_of(report_of(*wrong_fee(), approved_rehearsal()))
    assert "✓ Approved by ada" in text
    assert "Note: checked with sales." in text


def test_the_page_of_an_incomplete_rehearsal_never_looks_as_if_all_were_well() -> None:
    incomplete = replace(REHEARSAL, status=RehearsalStatus.INCOMPLETE, undrafted=2)
    text = text_of(report_of(crowd(3, 100), crowd(3, 100), incomplete))
    assert "Incomplete: 2 batches could not be drafted" in text
    assert "No rule of the gate" not in text


def test_a_first_month_is_compared_with_nothing() -> None:
    text = text_of(report_of(crowd(3, 100), {}, replace(REHEARSAL, last_period=None)))
    assert "Compared with no earlier month" in text
    assert "last month" not in text.lower()


def test_a_month_without_customers_can_be_shown() -> None:
    assert "Nothing would be billed for October 2026." in text_of(report_of({}, {}))


def test_a_page_needs_nothing_else_and_cannot_be_injected_into() -> None:
    evil = "<script>alert(1)</script>"
    months = {evil: Billed(evil, Outcome.INVOICED, "EUR", 100_000, {f"sku:{evil}": 100_000})}
    page = page_of(report_of(months, {evil: invoiced(evil, 10)}))
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=|url\(", page)


def test_many_customers_of_a_finding_are_named_behind_its_line() -> None:
    last = {name: invoiced(name, 100) for name in crowd(10, 0)}
    text = text_of(report_of({name: invoiced(name, 100_000) for name in last}, last))
    assert "the first 10 customers c0000 1,000.00 (last month 1.00), c0001" in text


def test_the_report_has_everything_as_json() -> None:
    report = json.loads(json.dumps(report_of(*wrong_fee())))
    assert report["money"]["EUR"]["now_minor"] == 1_347_000
    assert report["money"]["EUR"]["groups"][0] == {
        "group": "up",
        "customers": 229,
        "now_minor": 1_344_000,
        "last_minor": 1_036_000,
    }
    assert (report["parked"], report["parked_last"]) == ({"no_price": 3}, {})
    assert [finding["rule"] for finding in report["findings"]] == [
        "total_percent",
        "customer_times",
        "everybody_percent",
    ]
    assert report["entries"]["EUR"][0]["name"] == "fee 'Support' (support)"
    assert (report["last_period"], report["approval"]) == (str(Period(2026, 9)), None)
    assert report["period"] == str(OCTOBER)


def test_the_report_stays_small_however_many_customers_and_skus_there_are() -> None:
    skus = {f"sku:{number:04}": number for number in range(1000)}
    now = {f"c{n}": Billed(f"c{n}", Outcome.INVOICED, "EUR", n, skus) for n in range(300)}
    report = report_of(now, {})
    assert len(json.dumps(report)) < 60_000
    assert (len(report["entries"]["EUR"]), report["entries_in_all"]["EUR"]) == (100, 1000)
    assert "and 960 more that moved less." in text_of(report)
