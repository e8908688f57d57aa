"""Amounts at each provider: its smallest and largest charge, its currencies and their decimals."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.adapters.gocardless import amounts as gocardless_amounts
from monthclose.adapters.stripe import amounts as stripe_amounts
from monthclose.adapters.stripe.amounts import our_amount, stripe_amount
from monthclose.domain.money import EXPONENT_BY_CURRENCY, Money
from monthclose.errors import OrderInvalidError, OrderRefusedError
from monthclose.ports import Collected
from sandbox.gocardless.schemes import LARGEST, SCHEMES, SMALLEST
from sandbox.stripe.currencies import PRESENTMENT, check_amount, check_minimum
from sandbox.stripe.errors import StripeError
from tests.contract.test_gateways import gocardless_gateway, stripe_gateway


def test_an_order_that_stripe_cannot_accept_is_refused_with_its_code() -> None:
    with stripe_gateway() as case, pytest.raises(OrderRefusedError) as refused:
        case.gateway.prepare(case.order(minor=1))
    assert refused.value.code == "below_minimum"


STRIPES = sorted(code.upper() for code in PRESENTMENT if code.upper() in EXPONENT_BY_CURRENCY)


def let_stripe_take(minor: int, currency: str) -> None:
    """Charge an amount that settles in its own currency."""
    amount = check_amount(stripe_amount(Money(minor, currency)), currency.lower())
    check_minimum(amount, currency.lower(), amount, currency.lower())


@given(st.sampled_from(STRIPES), st.one_of(st.integers(1, 10**9), st.integers(1, 10**14)))
@settings(max_examples=300)
def test_any_amount_is_split_without_loss_and_stripe_accepts_each_charge(currency: str, due: int) -> None:
    limits = stripe_amounts.charge_limits(currency)
    charge, more, rest = limits.cut(due)
    assert min(charge, more, rest) >= 0
    if charge:
        assert charge + more + rest == due
        let_stripe_take(charge, currency)
        if more:
            assert limits.cut(more).charge_minor  # what is left is never too little for a charge
            assert rest < limits.step_minor
    else:
        assert due < max(limits.smallest_minor, limits.step_minor)
        assert (more, rest) in ((0, 0), (0, due))
        if not rest:
            with pytest.raises(StripeError):
                let_stripe_take(due // limits.step_minor * limits.step_minor, currency)


@given(st.sampled_from(sorted(SCHEMES)), st.integers(1, 10**8))
@settings(max_examples=100)
def test_any_amount_is_split_within_the_limits_of_gocardless_schemes(currency: str, due: int) -> None:
    limits = gocardless_amounts.charge_limits(currency)
    assert limits
    least, most = SMALLEST.get(currency, limits.smallest_minor), LARGEST.get(currency, due)
    charge, more, rest = limits.cut(due)
    assert (charge + more + rest == due and least <= charge <= most) or (not charge and due < least)
    assert not more or limits.cut(more).charge_minor


def test_gocardless_accepts_no_other_currency_and_says_so() -> None:
    with gocardless_gateway() as case:
        assert case.gateway.charge_limits("JPY") is None
        with pytest.raises(OrderRefusedError, match="currency_not_taken"):
            case.gateway.collect(replace(case.order(), amount=Money(1234, "JPY")))


@pytest.mark.parametrize(("minor", "code"), [(99, "below_minimum"), (500_001, "above_maximum")])
def test_an_amount_beyond_a_schemes_limits_is_refused_as_such(minor: int, code: str) -> None:
    with gocardless_gateway() as case, pytest.raises(OrderRefusedError, match=code):
        case.gateway.collect(replace(case.order(), amount=Money(minor, "GBP")))


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Money(100_000_000, "USD"), "above_maximum"),
        (Money(49, "EUR"), "below_minimum"),
        (Money(1_000, "CLF"), "currency_not_taken"),
    ],
)
def test_an_amount_that_stripe_does_not_accept_is_refused_as_such(amount: Money, code: str) -> None:
    with stripe_gateway() as case, pytest.raises(OrderRefusedError, match=code):
        case.gateway.prepare(replace(case.order(), amount=amount))


@pytest.mark.parametrize("amount", [Money(6_170, "KWD"), Money(99_999_999, "JPY"), Money(123_456_789_012, "IDR")])
def test_the_largest_amount_and_the_smallest_digit_that_stripe_accepts_are_charged(amount: Money) -> None:
    with stripe_gateway() as case:
        outcome = case.collect(case.prepared(replace(case.order(), amount=amount)))
        assert isinstance(outcome, Collected)
        assert outcome.amount == amount


@pytest.mark.parametrize(
    ("amount", "theirs"),
    [
        (Money(1234, "USD"), 1234),
        (Money(1234, "JPY"), 1234),
        (Money(1230, "KWD"), 1230),
        (Money(500_000, "MGA"), 5_000),  # two decimals in ISO 4217, none at Stripe
        (Money(5, "ISK"), 500),  # none in ISO 4217, two at Stripe
        (Money(5, "UGX"), 500),
    ],
)
def test_amounts_are_written_in_stripes_decimals_and_read_back(amount: Money, theirs: int) -> None:
    assert stripe_amount(amount) == theirs
    assert our_amount(theirs, amount.currency.lower()) == amount


@pytest.mark.parametrize("amount", [Money(1234, "KWD"), Money(50, "MGA")])
def test_an_amount_that_stripe_cannot_collect_is_our_mistake_not_the_customers(amount: Money) -> None:
    with pytest.raises(OrderInvalidError, match="amount_not_expressible"):
        stripe_amount(amount)
