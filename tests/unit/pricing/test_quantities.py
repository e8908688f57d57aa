"""Conversion and rounding of quantities, packages in tiers, and what of them a price book refuses."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import Graduated, PerUnit, Price, PriceBook, Terms, Tier, Volume, rate
from monthclose.domain.pricing.explanation import Explanation, recomputed
from monthclose.domain.pricing.metering.quantities import QuantityRule, Rounding
from monthclose.domain.pricing.reading import PriceBookError, read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, any_decimal
from tests.unit.pricing.test_pricing_properties import any_events

BOOK = '[[prices]]\nsku = "vm"\ncurrency = "USD"\n'
TIERS = 'tiers = [{ up_to = 100, unit_price = "1", flat = "9" }, { unit_price = "1" }]'


def any_rule(*, each_event: bool = False) -> SearchStrategy[QuantityRule]:
    factors = any_decimal("0.001", "2000", places=3)
    conversions = st.tuples(st.none(), st.none()) | st.tuples(factors, st.none()) | st.tuples(st.none(), factors)
    rounding = st.sampled_from(Rounding) if each_event else st.none() | st.sampled_from(Rounding)
    return st.builds(
        lambda by, how, multiple, minimum: QuantityRule(
            by[0], by[1], how, multiple if how else Decimal(1), minimum, each_event
        ),
        conversions,
        rounding,
        any_decimal("0.01", "60", places=2),
        st.just(Decimal(0)) | any_decimal("1", "100", places=1),
    )


@given(any_rule(), any_decimal("-5000", "5000", places=3))
def test_a_correction_becomes_the_opposite_of_what_the_usage_becomes(rule: QuantityRule, quantity: Decimal) -> None:
    assert rule.of(Fraction(-quantity)) == -rule.of(Fraction(quantity))


@given(any_rule(), any_decimal("0", "5000", places=3))
def test_a_rounded_quantity_is_the_multiple_beside_it_and_no_less_than_the_minimum(
    rule: QuantityRule, quantity: Decimal
) -> None:
    made, converted = (
        rule.of(Fraction(quantity)),
        replace(rule, rounding=None, minimum=Decimal(0)).of(Fraction(quantity)),
    )
    if rule.rounding and made != rule.minimum:
        assert made % Fraction(rule.multiple) == 0
        assert abs(made - converted) < rule.multiple or made == 0
    assert not made or made >= rule.minimum


@given(any_events(), any_rule() | any_rule(each_event=True))
def test_the_explanation_says_each_step_and_computes_to_the_amount(
    events: list[UsageEvent], rule: QuantityRule
) -> None:
    price = Price("sku", "USD", PerUnit(Decimal("0.5")), rule=rule)
    for line in rate(events, Terms(PriceBook.of([price]), "C-1", "USD", OCTOBER)):
        assert recomputed(line.steps, "USD") == line.amount
        assert line.steps[-1]["kind"] == "units"
        used = sum(event.quantity for event in events)
        if not rule.each_event:
            assert Fraction(line.steps[-1]["quantity"]) == rule.of(Fraction(used))


@given(any_events(), any_rule(each_event=True))
def test_each_event_is_rounded_for_itself(events: list[UsageEvent], rule: QuantityRule) -> None:
    price = Price("sku", "USD", PerUnit(Decimal(1)), rule=rule)
    lines = rate(events, Terms(PriceBook.of([price]), "C-1", "USD", OCTOBER))
    one_by_one = sum((rule.of(Fraction(event.quantity)) for event in events), Fraction(0))
    assert [Fraction(line.steps[-1]["quantity"]) for line in lines] == ([one_by_one] if events else [])


@given(any_rule() | any_rule(each_event=True))
def test_a_rule_is_read_back_from_its_content_the_same(rule: QuantityRule) -> None:
    book = PriceBook.of([Price("sku", "USD", PerUnit(Decimal(1)), rule=rule)])
    again = read_book(book.content())
    assert again.content() == book.content()
    assert again.version == book.version


@given(st.integers(0, 3000), st.booleans())
def test_tiers_in_packages_count_each_package_once(quantity: int, whole: bool) -> None:
    tiers = tuple(
        Tier(Decimal(start), end, Decimal(1), package_size=Decimal(10), whole_packages=whole)
        for start, end in ((0, Decimal(1000)), (1000, None))
    )
    for model in (Graduated(tiers), Volume(tiers)):
        explanation = Explanation()
        model.explain(Fraction(quantity), explanation)
        assert explanation.total == (quantity // 10 if whole else -(-quantity // 10))


MISTAKES = {
    "a tier that ends within a package": (
        'model = "graduated"\ntiers = [{up_to = 50, package_price = 1, package_size = 20}, {unit_price = 1}]',
        "tier 1 ends within a package of 20",
    ),
    "a package without its size": (
        'model = "volume"\ntiers = [{package_price = 1}]',
        "tier 1: package_size is missing",
    ),
    "a way of rounding that isn't there": (
        "unit_price = 1\nround = 'off'",
        "round 'off' does not exist; choose one of up",
    ),
    "two factors": ("unit_price = 1\ndivide_by = 2\nmultiply_by = 2", "give divide_by or multiply_by, not both"),
    "a multiple without rounding": ("unit_price = 1\nround_to = 5", "round_to needs round: up, down or nearest"),
    "each event without rounding": (
        "unit_price = 1\nminimum_quantity = 5\nround_each_event = true",
        "round_each_event needs round",
    ),
    "each event where resources are counted": (
        'unit_price = 1\nround = "up"\nround_each_event = true\naggregation = "unique"',
        "round_each_event is for sum and time_weighted, not for unique",
    ),
    "a rounded fee": ('model = "flat"\nmonthly_fee = 1\nround = "up"', "round is of no use: a flat fee does not"),
    "rounded transactions": (
        'model = "percentage"\npercent = 1\nfixed_fee = 1\ndivide_by = 2',
        "divide_by is of no use: a fee for each transaction does not",
    ),
    "a division by zero": ("unit_price = 1\ndivide_by = 0", "divide_by must be more than zero"),
    "a free quantity of transactions": (
        'model = "percentage"\npercent = 1\nfixed_fee = 1\nfree = 5',
        "free is a quantity: give free_transactions or free_amount",
    ),
    "transactions that are counted once": (
        'model = "percentage"\npercent = 1\nfixed_fee = 1\naggregation = "max"',
        "each event is a transaction: leave aggregation and bucket out",
    ),
    "a maximum below the minimum": (
        'model = "percentage"\npercent = 1\nminimum_fee = 2\nmaximum_fee = 1',
        "maximum_fee is less than minimum_fee",
    ),
    "a maximum below the fixed fee": (
        'model = "percentage"\npercent = 1\nfixed_fee = 2\nmaximum_fee = 1',
        "maximum_fee is less than fixed_fee",
    ),
    "too many free transactions": (
        'model = "percentage"\npercent = 1\nfree_transactions = 10001',
        "free_transactions must be a whole number from 1 to 10000",
    ),
    "a flat amount at zero that there is none of": (
        'model = "graduated"\nflat_at_zero = true\ntiers = [{unit_price = 1}]',
        "flat_at_zero: the first tier has no flat amount",
    ),
    "a flat amount at zero of each resource": (
        f'model = "graduated"\nflat_at_zero = true\nper_resource = true\n{TIERS}',
        "flat_at_zero: who uses nothing has no resource to bill",
    ),
    "a flat amount at zero of a region": (
        f'model = "graduated"\nflat_at_zero = true\nwhere = {{ region = "eu" }}\n{TIERS}',
        "flat_at_zero: who uses nothing has no cell to bill",
    ),
    "rounded events in buckets": (
        'unit_price = 1\nround = "up"\nround_each_event = true\nbucket = "hour"\nbucket_aggregation = "max"',
        "round_each_event is for sum and time_weighted, not for buckets",
    ),
    "prorated packages": (
        'model = "graduated"\nprorated = true\ntiers = [{package_price = 1, package_size = 2}]',
        "prorated: packages cannot be billed for a part of the month",
    ),
    "prorated amounts": (
        f'model = "graduated"\nprorated = true\naggregation = "sum"\n{TIERS}',
        "a prorated price is weighted by time: leave aggregation out",
    ),
    "prorated hours": (
        f'model = "graduated"\nprorated = true\ntime_unit = "hour"\n{TIERS}',
        "a prorated price is for a month: leave time_unit out",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_a_price_cannot_be_is_reported(text: str, said: str) -> None:
    with pytest.raises(PriceBookError) as refused:
        read_book(tomllib.loads(BOOK + text, parse_float=Decimal))
    assert str(refused.value).startswith(f'prices[1] "vm": {said}')
    assert "\n" not in str(refused.value)


def test_what_is_due_without_use_is_due_from_those_whom_the_price_is_for() -> None:
    text = BOOK + f'model = "graduated"\nflat_at_zero = true\n{TIERS}\ncustomers = ["acme"]'
    book = read_book(tomllib.loads(text, parse_float=Decimal))

    def due(customer: str, currency: str = "USD") -> list[int]:
        return [line.amount.minor for line in rate([], Terms(book, customer, currency, OCTOBER))]

    assert (due("acme"), due("umbrella"), due("acme", "EUR")) == ([900], [], [])
