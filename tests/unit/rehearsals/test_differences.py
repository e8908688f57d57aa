"""Where a close differs from what was approved: counted, summed up and named, with the reasons."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed, Outcome, parked
from monthclose.domain.rehearsals.differences import (
    NO_DIFFERENCES,
    Differences,
    differences,
    judge_differences,
    why_in_words,
)
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.rules import OFF, GateRules
from tests.unit.rehearsals.months import Months, any_month, any_pairs, crowd, invoiced


def differ(approved: Months, now: Months) -> Differences:
    names = {**approved, **now}
    return add_up((differences(approved.get(name), now.get(name)) for name in names), NO_DIFFERENCES)


@given(any_pairs(), st.randoms(use_true_random=False))
def test_differences_are_the_same_in_any_order_and_however_they_are_split(
    pairs: list[Pair], chance: random.Random
) -> None:
    together = add_up((differences(*pair) for pair in pairs), NO_DIFFERENCES)
    chance.shuffle(pairs)
    cut = chance.randint(0, len(pairs))
    parts = [add_up((differences(*pair) for pair in some), NO_DIFFERENCES) for some in (pairs[:cut], pairs[cut:])]
    assert parts[0] + parts[1] == together
    assert Differences.from_json(json.loads(json.dumps(together.to_json()))) == together


@given(any_pairs())
def test_the_sums_are_those_of_the_customers(pairs: list[Pair]) -> None:
    found = add_up((differences(*pair) for pair in pairs), NO_DIFFERENCES)
    for currency in ("EUR", "USD", "JPY"):

        def minor(month: Billed | None, currency: str = currency) -> int:
            return month.total_minor if month and month.currency == currency else 0

        moved = [minor(now) - minor(approved) for approved, now in pairs]
        assert found.moved_minor.get(currency, 0) == sum(abs(by) for by in moved)
        assert found.in_currency(currency).difference_minor == sum(moved)
        assert found.approved_minor.get(currency, 0) == sum(minor(approved) for approved, _ in pairs)


@given(any_month())
def test_a_month_does_not_differ_from_itself(month: Billed | None) -> None:
    assert differences(month, month).groups == {}


@pytest.mark.parametrize(
    ("approved", "now", "why"),
    [
        (invoiced("a", 500), invoiced("a", 600), "usage or prices"),
        (invoiced("a", 500), invoiced("a", 600, sku_vm=500, fee_support=100), "fees"),
        (invoiced("a", 500), invoiced("a", 400, sku_vm=500, discount_Launch=-100), "discounts"),
        (invoiced("a", 500), invoiced("a", 600, sku_vm=500, tax_VAT=100), "taxes"),
        (invoiced("a", 500), invoiced("a", 500, sku_vm=500, credit_=-100), "credit"),
        (invoiced("a", 500), invoiced("a", 500, "USD"), "another currency"),
        (None, invoiced("a", 500), "not approved, billed now"),
        (parked("a", "no_price"), invoiced("a", 500), "not approved, billed now"),
        (invoiced("a", 500), None, "approved, not billed now"),
        (invoiced("a", 500), parked("a", "no_price"), "approved, parked now"),
        (
            invoiced("a", 500),
            replace(invoiced("a", 500), outcome=Outcome.CARRIED, total_minor=0),
            "invoiced or carried over, other than approved",
        ),
    ],
)
def test_a_difference_says_why(approved: Billed | None, now: Billed | None, why: str) -> None:
    found = differences(approved, now)
    assert [why_in_words(reason) for reason in found.groups] == [why]
    assert found.different == 1


def test_differences_are_named_with_what_was_approved_the_largest_sum_first() -> None:
    approved = {**crowd(3, 100), "acme": invoiced("acme", 5000), "gone": invoiced("gone", 700)}
    now = {**crowd(3, 100), "acme": invoiced("acme", 9000), "c0001": invoiced("c0001", 150)}
    found = differ(approved, now)
    assert (found.customers, found.different) == (5, 3)
    assert found.lines() == (
        "usage or prices: 2 customers, 40.50 EUR: acme 90.00 (approved 50.00), c0001 1.50 (approved 1.00)",
        "approved, not billed now: 1 customer, -7.00 EUR: gone 0.00 (approved 7.00)",
    )


def test_a_close_may_differ_from_what_was_approved_up_to_a_share_of_it() -> None:
    approved, rules = crowd(10, 10_000), GateRules(differ_percent=1)
    at = differ(approved, approved | {"c0000": invoiced("c0000", 11_000)})
    above = differ(approved, approved | {"c0000": invoiced("c0000", 11_001)})
    assert judge_differences(at, rules) == ()
    [found] = judge_differences(above, rules)
    assert found.key == "differ_percent:EUR"
    assert found.text == (
        "1 invoice in EUR is not as approved, by 10.01 EUR in all, 1.0% of the approved 1,000.00 EUR: "
        "c0000 110.01 (approved 100.00)"
    )


def test_a_close_may_differ_from_what_was_approved_up_to_an_amount() -> None:
    approved, rules = crowd(10, 10_000), GateRules(differ_minor={"EUR": 500})
    at = differ(approved, approved | {"c0000": invoiced("c0000", 10_500)})
    above = differ(approved, approved | {"c0000": invoiced("c0000", 10_501)})
    assert judge_differences(at, rules) == ()
    assert [found.rule for found in judge_differences(above, rules)] == ["differ_minor"]


def test_differences_that_cancel_out_are_differences_all_the_same() -> None:
    approved = crowd(2, 10_000)
    now = {"c0000": invoiced("c0000", 15_000), "c0001": invoiced("c0001", 5000)}
    found = differ(approved, now)
    assert found.in_currency("EUR").difference_minor == 0
    assert [one.figures["moved_minor"] for one in judge_differences(found, GateRules(differ_percent=10))] == [10_000]


def test_a_close_may_differ_as_it_likes_while_the_rules_are_off() -> None:
    assert judge_differences(differ(crowd(3, 100), crowd(3, 999)), OFF) == ()
