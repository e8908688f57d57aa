"""A comparison of two months: exact, of bounded size, and the same however the customers are split."""

import json
import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.rehearsals import entries as entries_module
from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed, Outcome, billed, parked
from monthclose.domain.rehearsals.comparison import (
    ABOVE,
    DOWN,
    FROM_CURRENCY,
    GONE,
    NEW,
    NOTHING_COMPARED,
    PARKED,
    SAME,
    TIMES,
    TO_CURRENCY,
    UNPARKED,
    UP,
    Comparison,
    compare,
    compare_all,
)
from monthclose.domain.rehearsals.entries import EntryUse
from monthclose.domain.rehearsals.group import MOST_NAMED
from monthclose.domain.rehearsals.rows import COLUMNS, Pair, rows
from monthclose.domain.rehearsals.rules import GateRules
from monthclose.domain.tax.tax import Taxation, TaxCategory, TaxRate
from tests.unit.rehearsals.months import any_pairs, compared, crowd, draft_of, invoiced

RULES = GateRules(invoice_minor={"default": 10**6}, customer_times=2, customer_floor_minor={"JPY": 1000})
BOOK = read_book(
    {
        "prices": [{"sku": "vm", "currency": "EUR", "unit_price": "0.10"}],
        "fees": [{"id": "support", "currency": "EUR", "monthly_fee": "5", "description": "Support"}],
        "discounts": [{"id": "launch", "percent": 10, "skus": ["vm"], "description": "Launch"}],
        "commitments": [{"id": "floor", "currency": "EUR", "amount": "20"}],
    }
)


def test_a_draft_in_short_has_each_entry_that_its_lines_have() -> None:
    taxation = Taxation((TaxRate("VAT", Decimal(19), TaxCategory.STANDARD),), inclusive=False)
    month = billed(draft_of("C-1", BOOK, [("vm", "100")], taxation))
    assert month.outcome is Outcome.INVOICED
    assert (month.currency, month.total_minor) == ("EUR", 2380)
    assert (month.by_sku, month.by_fee, month.by_discount) == ({"vm": 1000}, {"support": 500}, {"Launch": -100})
    assert month.entries["commitment:floor"] == 600
    assert month.entries["tax:VAT"] == 380


def test_a_draft_without_anything_is_nothing_to_bill_and_a_small_one_is_carried() -> None:
    policy = InvoicingPolicy({"default": 10_000})
    assert billed(draft_of("C-1", read_book({})), policy).outcome is Outcome.NOTHING
    small = billed(draft_of("C-1", BOOK, [("vm", "100")]), policy)
    assert (small.outcome, small.total_minor) == (Outcome.CARRIED, 0)


@given(any_pairs(3))
def test_a_month_in_short_can_be_stored(pairs: list[Pair]) -> None:
    for month in (month for pair in pairs for month in pair if month):
        assert Billed.from_json(json.loads(json.dumps(month.to_json()))) == month


@given(any_pairs(), st.randoms(use_true_random=False))
def test_a_comparison_is_the_same_in_any_order_and_however_it_is_split(
    pairs: list[Pair], chance: random.Random
) -> None:
    together = compare_all(pairs, RULES)
    chance.shuffle(pairs)
    cut = chance.randint(0, len(pairs))
    assert compare_all(pairs[:cut], RULES) + compare_all(pairs[cut:], RULES) == together
    one_by_one = NOTHING_COMPARED
    for now, last in pairs:
        one_by_one += compare(now, last, RULES)
    assert one_by_one == together


@given(any_pairs(6), any_pairs(6), any_pairs(6))
def test_adding_comparisons_is_associative(one: list[Pair], two: list[Pair], three: list[Pair]) -> None:
    a, b, c = (compare_all(pairs, RULES) for pairs in (one, two, three))
    assert (a + b) + c == a + (b + c)
    assert a + NOTHING_COMPARED == a


@given(any_pairs())
def test_a_comparison_survives_being_stored(pairs: list[Pair]) -> None:
    comparison = compare_all(pairs, RULES)
    assert Comparison.from_json(json.loads(json.dumps(comparison.to_json()))) == comparison


@given(any_pairs())
def test_the_sums_are_those_of_the_customers(pairs: list[Pair]) -> None:
    comparison = compare_all(pairs, RULES)
    for currency in ("EUR", "USD", "JPY"):
        money = comparison.money(currency)
        for sum_minor, which in ((money.now_minor, 0), (money.last_minor, 1)):
            months = [pair[which] for pair in pairs]
            assert sum_minor == sum(m.total_minor for m in months if m and m.currency == currency)
        now = sum(bool(now and now.there and now.currency == currency) for now, _ in pairs)
        last = sum(bool(last and last.there and last.currency == currency) for _, last in pairs)
        assert (comparison.there_now(currency), comparison.there_last(currency)) == (now, last)
        entries = comparison.entries[currency].by_key if currency in comparison.entries else {}
        for key, use in entries.items():
            having = [m for m, _ in pairs if m and m.there and m.currency == currency and key in m.entries]
            assert (use.customers, use.minor) == (len(having), sum(m.entries[key] for m in having))
    outcomes = Counter(now.outcome for now, _ in pairs if now)
    assert comparison.now == {outcome.value: number for outcome, number in outcomes.items()}


@pytest.mark.parametrize(
    ("now", "last", "group"),
    [
        (invoiced("a", 300), invoiced("a", 200), UP),
        (invoiced("a", 100), invoiced("a", 200), DOWN),
        (invoiced("a", 200), invoiced("a", 200), SAME),
        (invoiced("a", 200), None, NEW),
        (invoiced("a", 200), Billed("a", Outcome.NOTHING, "EUR"), NEW),
        (invoiced("a", 200), parked("a", "no_price"), UNPARKED),
        (None, invoiced("a", 200), GONE),
        (Billed("a", Outcome.NOTHING, "EUR"), invoiced("a", 200), GONE),
        (parked("a", "no_price"), invoiced("a", 200), PARKED + "no_price"),
        (Billed("a", Outcome.CARRIED, "EUR"), invoiced("a", 200), DOWN),
    ],
)
def test_every_customer_is_in_one_group(now: Billed | None, last: Billed | None, group: str) -> None:
    comparison = compare(now, last)
    assert list(comparison.groups) == [group]
    assert comparison.group(group, "EUR").customers == 1


def test_a_customer_whose_currency_has_changed_is_named_in_both() -> None:
    comparison = compare(invoiced("a", 300, "USD"), invoiced("a", 200))
    assert comparison.group(TO_CURRENCY, "USD").now_minor == 300
    assert comparison.group(FROM_CURRENCY, "EUR").last_minor == 200


def test_the_customers_who_moved_most_are_named_and_all_are_counted() -> None:
    last = crowd(100, 100)
    now = {name: invoiced(name, 100 + number) for number, name in enumerate(last)}
    group = compared(now, last).group(UP, "EUR")
    assert group.customers == 99
    assert len(group.top) == MOST_NAMED
    assert [movement.difference_minor for movement in group.top[:3]] == [99, 98, 97]


def test_those_above_a_limit_are_counted_with_the_rules_that_hold() -> None:
    rules = GateRules(invoice_minor={"EUR": 1000}, customer_times=3)
    now = {"a": invoiced("a", 1001), "b": invoiced("b", 1000), "c": invoiced("c", 1001, "USD")}
    comparison = compared(now, {"b": invoiced("b", 300)}, rules)
    assert [movement.customer_id for movement in comparison.struck[ABOVE]["EUR"].top] == ["a"]
    assert [movement.customer_id for movement in comparison.struck[TIMES]["EUR"].top] == ["b"]


def test_a_comparison_stays_small_whatever_skus_upstream_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_module, "MOST_ENTRIES", 5)
    months = [Billed(f"c{n}", Outcome.INVOICED, "EUR", 10, {f"sku:{n:03}": 10, f"fee:{n % 3}": 1}) for n in range(50)]
    pairs: list[Pair] = [(month, None) for month in months]
    comparison = compare_all(pairs)
    assert comparison == add_up((compare(*pair) for pair in reversed(pairs)), NOTHING_COMPARED)
    entries = comparison.entries["EUR"]
    assert [key for key, _ in entries.in_order()] == ["fee:0", "fee:1", "fee:2", "sku:000", "sku:001"]
    assert entries.others == EntryUse(customers=48, minor=480)


def test_the_file_of_all_customers_says_what_changed_for_each() -> None:
    now = [invoiced("a", 1500, sku_vm=500, fee_support=1000), parked("b", "no_price", "SKU 'x' has no price")]
    last = [invoiced("a", 500, sku_vm=500), invoiced("b", 700)]
    written = [dict(zip(COLUMNS, row, strict=True)) for row in rows(zip(now, last, strict=True))]
    assert written[0] | {"difference_minor": 1000, "changes": "fee:support 0 to 1000"} == written[0]
    assert written[1] | {"reason": "no_price", "detail": "SKU 'x' has no price", "last_minor": 700} == written[1]


def test_the_file_of_all_customers_has_both_currencies_of_one_who_changed() -> None:
    written = list(rows([(invoiced("a", 300, "USD"), invoiced("a", 200))]))
    assert [row[1:4] for row in written] == [["USD", 300, 0], ["EUR", 0, 200]]
