"""Holds: placed on a definite decline only, lifted when nothing is owed any more."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.customer import Customer
from monthclose.domain.dunning import DunningPolicy
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.hold import HoldPolicy, decide_hold
from monthclose.domain.month import CustomerMonth, HoldAction
from monthclose.domain.payment import PaymentState
from tests.unit.domain.any import NOW, OCTOBER, TODAY, a_customer, a_payment, an_invoice


def decided(
    customer: Customer, month: CustomerMonth, policy: HoldPolicy, today: date = TODAY
) -> tuple[HoldAction, str] | None:
    """Decide on one month, and leave out which it is."""
    decision = decide_hold(customer, {OCTOBER: month}, policy, DunningPolicy(), today)
    return decision[:2] if decision else None


OWING = a_customer(receivable=10_000)
DECLINED = CustomerMonth(an_invoice(10_000), a_payment(PaymentState.DECLINED, code="expired_card"))


def test_a_definite_decline_leads_to_a_hold_that_says_why() -> None:
    assert decided(OWING, DECLINED, HoldPolicy(), TODAY) == (
        HoldAction.PLACED,
        "invoice INV-00000001: expired_card",
    )


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.DECLINED])
def test_no_other_state_of_the_payment_ever_leads_to_a_hold(state: PaymentState) -> None:
    month = CustomerMonth(an_invoice(10_000), a_payment(state, amount=10_000))
    assert decided(OWING, month, HoldPolicy(), TODAY) is None


def test_nobody_is_held_without_an_invoice() -> None:
    assert decided(OWING, CustomerMonth(), HoldPolicy(), TODAY) is None


@pytest.mark.parametrize(("days", "held"), [(0, False), (6, False), (7, True), (30, True)])
def test_nobody_is_held_within_the_grace_period(days: int, held: bool) -> None:
    decision = decided(OWING, DECLINED, HoldPolicy(grace_days=7), TODAY + timedelta(days=days))
    assert (decision is not None) is held


@pytest.mark.parametrize(("opens", "held"), [(499, False), (500, True), (501, True)])
def test_nobody_is_held_for_less_than_the_threshold(opens: int, held: bool) -> None:
    month = CustomerMonth(an_invoice(10_000, collected=10_000 - opens), DECLINED.payment)
    decision = decided(a_customer(receivable=opens), month, HoldPolicy(threshold_minor={"USD": 500}), TODAY)
    assert (decision is not None) is held


def test_nobody_is_held_for_an_invoice_that_was_settled_otherwise() -> None:
    month = CustomerMonth(an_invoice(10_000, credited=10_000), DECLINED.payment)
    assert decided(a_customer(), month, HoldPolicy(), TODAY) is None


@pytest.mark.parametrize(
    ("thresholds", "currency", "minor"),
    [
        ({"USD": 500, "default": 9}, "USD", 500),
        ({"USD": 500, "default": 9}, "JPY", 9),
        ({}, "JPY", 1),
        ({"USD": 0}, "USD", 1),
    ],
)
def test_the_threshold_is_the_currency_s_own_or_the_default_and_at_least_one(
    thresholds: dict[str, int], currency: str, minor: int
) -> None:
    assert HoldPolicy(threshold_minor=thresholds).threshold(currency) == minor


@given(st.integers(0, 100), st.integers(0, 200))
def test_a_hold_is_lifted_exactly_when_nothing_is_owed_any_more(receivable: int, credit: int) -> None:
    held = a_customer(receivable=receivable, credit=credit, held_since=NOW)
    decision = decided(held, DECLINED, HoldPolicy(), TODAY)
    assert (decision is not None and decision[0] is HoldAction.LIFTED) is (receivable <= credit)


def test_whoever_is_held_is_not_held_again() -> None:
    assert decided(a_customer(receivable=1, held_since=NOW), DECLINED, HoldPolicy(), TODAY) is None


@pytest.mark.parametrize("policy", [{"grace_days": -1}, {"threshold_minor": {"USD": -1}}])
def test_a_policy_with_negative_numbers_is_a_mistake(policy: dict[str, object]) -> None:
    with pytest.raises(UserMistakeError, match="must not be negative"):
        HoldPolicy(**policy)  # type: ignore[arg-type]
