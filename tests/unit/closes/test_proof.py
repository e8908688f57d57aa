"""The proof: no findings where the books tie, and each kind of tampering is found where they don't."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.closes.close import Totals
from monthclose.domain.closes.proof import check_provider_sums, check_totals

SNAPSHOT = 10
MONEY = {
    "invoiced": 1000,
    "collected": 600,
    "credited": 150,
    "written_off": 50,
    "open": 200,
    "pending": 20,
    "negative": 70,
    "by_providers": 640,
}
"""The providers collected 40 more than was open: that became credit."""
LEDGER = {
    "revenue": -930,
    "clearing": 640,
    "bank": 30,
    "allowance": 10,
    "receivable": 200,
    "breakage": -5,
    "credit": 150 - 70 - 40 - 30 - 10 + 5,
    "write_off": 50,
}
TYING = Totals(
    customers={"invoiced": 7, "nothing_to_bill": 2, "parked": 1},
    money={"USD": MONEY, "JPY": {"invoiced": 5, "open": 5}},
    ledger={"USD": LEDGER, "JPY": {"revenue": -5, "receivable": 5}},
)
any_change = st.integers(-(10**9), 10**9).filter(bool)


def with_money(**sums: int) -> Totals:
    return replace(TYING, money={**TYING.money, "USD": {**MONEY, **sums}})


def with_ledger(**legs: int) -> Totals:
    return replace(TYING, ledger={**TYING.ledger, "USD": {**LEDGER, **legs}})


def checks(totals: Totals, snapshot: int = SNAPSHOT) -> set[str]:
    return {finding.check for finding in check_totals(totals, snapshot)}


def test_books_that_tie_have_no_finding() -> None:
    assert check_totals(TYING, SNAPSHOT) == []
    assert check_totals(Totals(), 0) == []


@pytest.mark.parametrize("name", ["invoiced", "collected", "credited", "written_off", "open"])
@given(change=any_change)
def test_a_changed_invoice_total_breaks_the_equation_and_the_ledger(name: str, change: int) -> None:
    assert checks(with_money(**{name: MONEY[name] + change})) == {"equation", "ledger"}


@given(any_change)
def test_unbooked_credit_of_a_negative_invoice_is_found(change: int) -> None:
    assert checks(with_money(negative=MONEY["negative"] + change)) == {"ledger"}


@given(any_change)
def test_unbooked_money_at_a_provider_is_found(change: int) -> None:
    assert checks(with_money(by_providers=MONEY["by_providers"] + change)) == {"ledger"}


@given(any_change)
def test_two_changes_that_cancel_out_in_the_equation_are_found_in_the_ledger(change: int) -> None:
    tampered = with_money(collected=MONEY["collected"] + change, open=MONEY["open"] - change)
    assert checks(tampered) == {"ledger"}


def test_tax_is_not_revenue() -> None:
    taxed = with_money(tax=190)
    assert checks(taxed) == {"ledger"}
    legs = {**LEDGER, "revenue": LEDGER["revenue"] + 190, "tax": -190}
    assert check_totals(replace(taxed, ledger={**TYING.ledger, "USD": legs}), SNAPSHOT) == []


@pytest.mark.parametrize("account", sorted(LEDGER))
@given(change=any_change)
def test_a_changed_ledger_account_is_found_and_named(account: str, change: int) -> None:
    (finding,) = check_totals(with_ledger(**{account: LEDGER[account] + change}), SNAPSHOT)
    assert finding.check == "ledger"
    # Of credit that people booked there is no record but the ledger: what shows is that the credit doesn't fit.
    shows = "credit" if account in ("bank", "allowance", "breakage") else account
    assert f"the ledger has {shows} at" in finding.detail


def test_a_ledger_in_a_currency_without_invoices_is_found() -> None:
    assert checks(replace(TYING, ledger={**TYING.ledger, "EUR": {"receivable": 1, "revenue": -1}})) == {"ledger"}


def test_invoices_in_a_currency_without_a_ledger_are_found() -> None:
    assert checks(replace(TYING, ledger={"USD": LEDGER})) == {"ledger"}


@pytest.mark.parametrize("snapshot", [SNAPSHOT - 1, SNAPSHOT + 1])
def test_a_customer_too_many_or_too_few_is_found(snapshot: int) -> None:
    (finding,) = check_totals(TYING, snapshot)
    assert finding.check == "customers"
    assert f"has {snapshot} customers, but {SNAPSHOT} have an outcome" in finding.detail


def test_the_equation_s_finding_says_by_how_much_in_major_units() -> None:
    finding = check_totals(with_money(invoiced=1205), SNAPSHOT)[0]
    assert finding.detail == "invoiced differs from collected + credited + written off + open by 2.05 USD"


def test_equal_totals_at_us_and_the_provider_are_no_finding() -> None:
    assert check_provider_sums({"USD": 640, "JPY": 0}, {"USD": 640}, "stripe") == []
    assert check_provider_sums({}, {}, "stripe") == []


@given(any_change)
def test_a_providers_total_that_differs_from_ours_is_found(change: int) -> None:
    assert [f.check for f in check_provider_sums({"USD": 640}, {"USD": 640 + change}, "stripe")] == ["provider_sum"]


def test_money_that_only_one_side_has_is_found_with_both_amounts() -> None:
    ours_only = check_provider_sums({"USD": 640}, {}, "stripe")
    assert [f.detail for f in ours_only] == ["we collected 6.40 USD, stripe says 0.00 USD"]
    theirs_only = check_provider_sums({"USD": 640}, {"USD": 640, "EUR": 5}, "stripe")
    assert [f.detail for f in theirs_only] == ["we collected 0.00 EUR, stripe says 0.05 EUR"]
