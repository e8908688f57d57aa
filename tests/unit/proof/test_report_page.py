"""The report's page: the verdict first, exact numbers that tie, nothing loaded from elsewhere."""

import re
from html import unescape
from itertools import pairwise
from typing import Any, cast

import pytest

from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_page import render_report

EMPTY: dict[str, Any] = {
    "period": "2026-10",
    "status": "completed",
    "company": "Northwind Cloud",
    "run": 1,
    "rounds": 1,
    "opened_at": "2026-11-01T00:00:04+00:00",
    "completed_at": "2026-11-01T01:02:03+01:00",
    "duration_seconds": 119.2,
    "price_book": "9f2c51b7",
    "customers": {"snapshot": 3, "invoiced": 0, "nothing_to_bill": 3, "parked": 0},
    "money": {},
    "payments": {},
    "parked": {},
    "notices": {"sent": 0, "refused": 0, "unconfirmed": 0},
    "holds": {"placed": 0, "lifted": 0},
    "proof": {"ties": True, "findings": []},
    "warnings": [],
}
DOLLARS = {
    "invoiced": 1_234_500,
    "collected": 1_000_000,
    "credited": 34_500,
    "written_off": 20_000,
    "open": 180_000,
    "pending": 60_000,
    "credit_granted": 4_210,
}


def a_page(**changes: Any) -> str:
    return render_report(cast("Report", {**EMPTY, **changes})).decode()


def text_of(page: str) -> str:
    body = re.sub(r"(?s)<style>.*?</style>", "", page)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def bars_of(page: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%" height="18" class="(\w+)">', page)
    return [(kind, float(x), float(width)) for x, width, kind in found]


def test_the_page_opens_by_saying_that_the_books_tie() -> None:
    text = text_of(a_page(customers={"snapshot": 1200, "invoiced": 1190, "nothing_to_bill": 8, "parked": 2}))
    assert "The books tie 1,190 of 1,200 customers invoiced, 8 had nothing to bill, none parked." in text
    assert text.index("The books tie") < text.index("Money")


@pytest.mark.parametrize(("count", "headline"), [(1, "do not tie: 1 finding"), (2, "do not tie: 2 findings")])
def test_findings_are_counted_in_the_verdict_and_listed_with_check_detail_and_customer(
    count: int, headline: str
) -> None:
    findings = [
        {"check": "provider_charge", "detail": "no record of it", "customer_id": f"C-{i}"} for i in range(count)
    ]
    text = text_of(a_page(proof={"ties": False, "findings": findings}))
    assert headline in text
    assert "The books tie" not in text
    assert all(f"provider_charge no record of it C-{i}" in text for i in range(count))


def test_books_that_do_not_tie_never_look_as_if_they_did() -> None:
    assert "The books do not tie" in text_of(a_page(proof={"ties": False, "findings": []}))
    assert "The books tie" not in text_of(a_page(proof={"ties": True, "findings": [{"check": "x", "detail": "y"}]}))


def test_a_close_that_runs_has_no_verdict_yet() -> None:
    text = text_of(a_page(status="running", completed_at=None))
    assert "The close is still running" in text
    assert "The books tie" not in text


def test_thousands_of_findings_are_cut_and_the_rest_counted() -> None:
    findings = [{"check": "provider_charge", "detail": f"charge {i}.", "customer_id": ""} for i in range(1234)]
    text = text_of(a_page(proof={"ties": False, "findings": findings}))
    assert "charge 199." in text
    assert "charge 200." not in text
    assert "and 1,034 more" in text


def test_findings_that_the_report_itself_left_out_are_counted_too() -> None:
    findings = [{"check": "provider_charge", "detail": "no record of it", "customer_id": ""}]
    text = text_of(a_page(proof={"ties": False, "findings": findings, "findings_in_all": 5000}))
    assert "The books do not tie: 5,000 findings" in text
    assert "and 4,999 more" in text


def test_a_currencys_row_reads_as_an_equation_that_ties() -> None:
    text = text_of(a_page(money={"USD": DOLLARS}))
    assert "USD 12,345.00 = 10,000.00 + 345.00 + 200.00 + 1,800.00 ✓ 600.00 42.10" in text


def test_a_row_that_does_not_tie_says_by_how_much() -> None:
    text = text_of(a_page(money={"USD": {**DOLLARS, "invoiced": 1_234_512}}))
    assert "USD 12,345.12 ≠ 10,000.00" in text
    assert "✗ 0.12" in text


def test_amounts_have_the_decimals_of_their_currency() -> None:
    text = text_of(a_page(money={code: {"invoiced": 1234567, "collected": 1234567} for code in ("KWD", "JPY", "EUR")}))
    assert "EUR 12,345.67 =" in text
    assert "JPY 1,234,567 =" in text
    assert "KWD 1,234.567 =" in text


def test_a_bars_parts_are_in_proportion_and_fill_it() -> None:
    bars = bars_of(a_page(money={"USD": DOLLARS}))
    assert [kind for kind, _, _ in bars] == ["collected", "credited", "written_off", "open", "pending"]
    for (_, x, width), (_, following, _) in pairwise(bars[:4]):
        assert x + width == pytest.approx(following, abs=0.01)
    assert bars[0][1] == 0
    assert bars[0][2] == pytest.approx(100 * 1_000_000 / 1_234_500, abs=0.01)
    assert bars[3][2] == pytest.approx(100 * 180_000 / 1_234_500, abs=0.01)
    assert sum(width for _, _, width in bars[:4]) == pytest.approx(100, abs=0.01)


def test_the_bar_and_the_column_have_the_same_figure_of_what_is_open() -> None:
    page = a_page(money={"USD": DOLLARS})
    assert "Open 1,800.00 USD, of which pending 600.00 USD" in page
    text = text_of(page)
    assert "+ 1,800.00 ✓ 600.00" in text
    assert "1,200.00" not in page, "the rest of what is open is not called open as well"
    _, (_, x, width) = bars_of(page)[3:]
    assert (x, width) == pytest.approx((bars_of(page)[3][1], 100 * 60_000 / 1_234_500), abs=0.01), "a piece of it"


@pytest.mark.parametrize(
    ("collected", "rate"), [(100_000, "100% collected"), (99_999, "99.9% collected"), (0, "0.0% collected")]
)
def test_the_collected_share_is_rounded_down(collected: int, rate: str) -> None:
    page = a_page(money={"USD": {"invoiced": 100_000, "collected": collected, "open": 100_000 - collected}})
    assert f" {rate}" in text_of(page)


def test_payments_are_named_in_words_with_the_decline_reasons() -> None:
    payments = {"paid": 1170, "declined": 3, "no_adapter": 4, "something_new": 1}
    text = text_of(a_page(payments=payments, declines={"insufficient_funds": 2, "expired_card": 1}))
    assert "Paid 1,170 Declined 3 Insufficient funds 2 Expired card 1 Provider not connected 4 Something new 1" in text
    assert "Total 1,178" in text


def test_customers_notices_holds_and_parked_reasons_are_counted() -> None:
    text = text_of(
        a_page(
            customers={"snapshot": 12, "invoiced": 9, "nothing_to_bill": 1, "parked": 2},
            parked={"no_price": 2},
            notices={"sent": 8, "refused": 1, "unconfirmed": 0},
            holds={"placed": 5, "lifted": 4},
        )
    )
    assert "Invoiced 9 Nothing to bill 1 Parked 2 In the snapshot 12" in text
    assert "Parked, by reason No price 2" in text
    assert "Notices Sent 8 Refused 1 Unconfirmed 0" in text
    assert "Holds Placed 5 Lifted 4" in text
    assert "2 parked for somebody to resolve" in text


def test_customers_who_are_invoiced_and_parked_are_not_counted_as_none_parked() -> None:
    customers = {"snapshot": 10, "invoiced": 9, "nothing_to_bill": 1, "parked": 0}
    text = text_of(a_page(customers=customers, parked={"payment_unsettled": 4}))
    assert "Invoiced 9 Nothing to bill 1 In the snapshot 10" in text
    assert "Parked, by reason Payment unsettled 4" in text


def test_warnings_are_shown() -> None:
    assert "Warnings 3 customers have no adapter" in text_of(a_page(warnings=["3 customers have no adapter"]))


def test_an_empty_close_says_so_instead_of_showing_empty_tables() -> None:
    text = text_of(a_page())
    assert "No money moved: nothing was invoiced for October 2026." in text
    assert "No customer was charged." in text
    assert "No customer is parked." in text


def test_a_minimal_report_still_makes_a_page() -> None:
    assert "Month close October 2026" in text_of(render_report(cast("Report", {"period": "2026-10"})).decode())


@pytest.mark.parametrize(
    ("seconds", "shown"), [(12.34, "Duration 12.3 s"), (119.2, "Duration 1 min 59 s"), (7325, "Duration 2 h 2 min")]
)
def test_the_runs_facts_are_at_the_end_with_times_in_utc(seconds: float, shown: str) -> None:
    text = text_of(a_page(duration_seconds=seconds))
    assert "Opened 2026-11-01 00:00:04 UTC Completed 2026-11-01 00:02:03 UTC" in text
    assert shown in text
    assert "Price book 9f2c51b7" in text


def test_no_text_of_the_report_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    page = a_page(
        company=evil,
        warnings=[evil],
        parked={evil: 1},
        payments={evil: 1},
        proof={"ties": False, "findings": [{"check": evil, "detail": evil, "customer_id": evil}]},
    )
    assert "<script" not in page.lower()


@pytest.mark.parametrize("text", ["a\x00b", "a\x1b[2Jb", "a\x9bb", "a\ud800b", "a\ufffeb", "a\u202eb"])
def test_a_character_that_cannot_be_shown_is_replaced_and_the_page_is_made(text: str) -> None:
    finding = {"check": text, "detail": text, "customer_id": text}
    page = a_page(company=text, warnings=[text], parked={text: 1}, proof={"ties": False, "findings": [finding]})
    assert "\ufffd" in page
    assert not set(text) - set("ab[2J") & set(page)


def test_the_page_is_self_contained_and_printable() -> None:
    page = a_page(money={"USD": DOLLARS})
    assert not re.search(r"(?i)https?:|<link|<img|<script|@import|url\(", page)
    assert "@media print" in page
    assert "prefers-color-scheme: dark" in page


def test_with_a_tax_table_taxes_have_their_own_column() -> None:
    money = {"USD": {**DOLLARS, "tax": 197_111}}
    taxed = text_of(a_page(money=money, tax_table="1a2b3c"))
    assert "New credit Tax" in taxed
    assert "1,971.11" in taxed
    assert "Tax table 1a2b3c" in taxed
    assert "Tax" not in text_of(a_page(money={"USD": DOLLARS}))


def test_the_ledger_is_listed_by_account_and_sums_to_zero() -> None:
    dollars = {
        "receivable": 2_000,
        "clearing": 10_000,
        "revenue": -11_000,
        "tax": -1_000,
        "allowance": 500,
        "credit": -500,
    }
    text = text_of(a_page(ledger={"USD": dollars, "JPY": {"receivable": 5, "revenue": -5}, "EUR": {}}))
    assert "Ledger Account JPY USD" in text
    assert "Receivable open on invoices 5 20.00" in text
    assert "Allowance credit granted, less what has expired 0 5.00" in text
    assert "Breakage" not in text
    assert "Sum debits are positive, credits negative 0 0.00" in text


def test_a_month_without_bookings_has_no_ledger() -> None:
    assert "Ledger" not in text_of(a_page())
    assert "Ledger" not in text_of(a_page(ledger={"USD": {"revenue": 0}}))


def test_unfinished_and_waiting_customers_are_named_beside_books_that_tie() -> None:
    parked = {"customer_id": "C-1", "what": "parked, no_price: SKU 'vm'", "since": "2026-11-01T00:01:00+00:00"}
    waits = {"customer_id": "C-2", "what": "gocardless collects 9.00 EUR", "since": None}
    text = text_of(
        a_page(unfinished={"customers": [parked], "in_all": 1}, waiting={"customers": [waits], "in_all": 300})
    )
    assert "The books tie, 1 unfinished, 300 waiting" in text
    assert "C-1 parked, no_price: SKU 'vm' 2026-11-01 00:01:00 UTC" in text
    assert "C-2 gocardless collects 9.00 EUR" in text
    assert "and 299 more" in text


LAST = {
    "period": "2026-09",
    "completed_at": "2026-10-20T02:00:00+00:00",
    "customers": {"snapshot": 2, "invoiced": 2},
    "money": {"USD": {**DOLLARS, "invoiced": 1_000_000, "collected": 900_000, "open": 0}, "KWD": {"invoiced": 1_500}},
}


def test_the_month_stands_beside_the_one_before_it_in_each_currency() -> None:
    now = {"snapshot": 3, "invoiced": 3, "nothing_to_bill": 0, "parked": 0}
    text = text_of(a_page(money={"USD": DOLLARS}, customers=now, last_month=LAST))
    assert "Customers invoiced 3 2 +1 +50.0%" in text
    assert "USD invoiced 12,345.00 10,000.00 +2,345.00 +23.4%" in text
    assert "USD open 1,800.00 0.00 +1,800.00" in text
    assert "KWD invoiced 0.000 1.500 -1.500 -100.0%" in text
    assert "September 2026, closed on 2026-10-20, is as its latest report has it" in text
    assert "Against last month" not in text_of(a_page(money={"USD": DOLLARS}))


def test_a_customer_is_named_with_what_was_invoiced_and_what_is_open() -> None:
    declined = {
        "customer_id": "C-1",
        "name": "Aurora <Analytics>",
        "what": "declined: insufficient_funds",
        "since": "2026-11-01T00:01:00+00:00",
        "invoice": "INV-7",
        "currency": "JPY",
        "invoiced_minor": 9_000,
        "open_minor": 8_000,
    }
    text = text_of(a_page(names={"declined": {"customers": [declined], "in_all": 2}}))
    assert "Declined: 2 customers Customer Why Invoice Invoiced Open Since" in text
    assert (
        "Aurora <Analytics> C-1 declined: insufficient_funds INV-7 9,000 JPY 8,000 JPY 2026-11-01 00:01:00 UTC" in text
    )
    assert "and 1 more: monthclose list declined 2026-10" in text


def test_on_a_telephone_each_cell_has_its_columns_label() -> None:
    page = a_page(money={"USD": DOLLARS})
    assert re.search(r'<td data-label="\+ Open">1,800.00</td>', page)
    assert "content: attr(data-label)" in page
