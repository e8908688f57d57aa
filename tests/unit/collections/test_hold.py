"""Holds: placed only on a definite decline, lifted when nothing is owed any more."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.dunning import AfterLast, DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy, decide_hold
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange, Notice, NoticeState, Parking
from monthclose.domain.payments.payment import Payment, PaymentState, Transition
from tests.unit.any import NOW, OCTOBER, TODAY, a_customer, a_payment, an_invoice


def decided(
    customer: Customer, month: CustomerMonth, policy: HoldPolicy, today: date = TODAY
) -> tuple[HoldAction, str] | None:
    """Decide on one month, and leave out which it is."""
    decision = decide_hold(customer, {OCTOBER: month}, policy, DunningPolicy(), today)
    return decision[:2] if decision else None


OWING = a_customer(receivable=10_000)


def asked(state: PaymentState, code: str = "", amount: int = 0, sequence: int = 1) -> Payment:
    """A payment that was attempted with the customer's card on the invoice's day."""
    payment = a_payment(state, amount=amount, code=code, sequence=sequence)
    attempt = Transition(NOW, PaymentState.READY, PaymentState.CHARGING, "attempt 1")
    return replace(
        payment,
        payment_method=OWING.profile.payment_method,
        attempt=1,
        history=(attempt, Transition(NOW, PaymentState.CHARGING, state, code)),
    )


DECLINED = CustomerMonth(an_invoice(10_000), asked(PaymentState.DECLINED, "expired_card"))


def test_a_definite_decline_leads_to_a_hold_that_says_why() -> None:
    assert decided(OWING, DECLINED, HoldPolicy(), TODAY) == (
        HoldAction.PLACED,
        "invoice INV-00000001: expired_card",
    )


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.DECLINED])
def test_no_other_state_of_the_payment_ever_leads_to_a_hold(state: PaymentState) -> None:
    month = CustomerMonth(an_invoice(10_000), asked(state, amount=10_000))
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


def test_nobody_is_held_for_an_invoice_that_was_settled_another_way() -> None:
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
def test_the_threshold_is_the_currencys_own_or_the_default_and_at_least_one(
    thresholds: dict[str, int], currency: str, minor: int
) -> None:
    assert HoldPolicy(threshold_minor=thresholds).threshold(currency) == minor


@given(st.integers(0, 100), st.integers(0, 200))
def test_a_hold_is_lifted_exactly_when_nothing_is_owed(receivable: int, credit: int) -> None:
    held = a_customer(receivable=receivable, credit=credit, held_since=NOW)
    decision = decided(held, DECLINED, HoldPolicy(), TODAY)
    assert (decision is not None and decision[0] is HoldAction.LIFTED) is (receivable <= credit)


def test_a_held_customer_is_not_held_again() -> None:
    assert decided(a_customer(receivable=1, held_since=NOW), DECLINED, HoldPolicy(), TODAY) is None


@pytest.mark.parametrize("policy", [{"grace_days": -1}, {"threshold_minor": {"USD": -1}}])
def test_a_policy_with_negative_numbers_is_a_mistake(policy: dict[str, object]) -> None:
    with pytest.raises(UserMistakeError, match="must not be negative"):
        HoldPolicy(**policy)  # type: ignore[arg-type]


NOVEMBER = OCTOBER.next
ALL = DunningPolicy()


def test_overdue_invoices_count_together_towards_the_threshold() -> None:
    months = {
        OCTOBER: CustomerMonth(an_invoice(300), DECLINED.payment),
        NOVEMBER: CustomerMonth(an_invoice(300, number="INV-00000002"), DECLINED.payment),
    }
    policy = HoldPolicy(threshold_minor={"default": 500})
    assert decide_hold(a_customer(receivable=600), months, policy, ALL, TODAY) == (
        HoldAction.PLACED,
        "invoice INV-00000001: expired_card, and 1 more",
        OCTOBER,
    )
    assert decide_hold(a_customer(receivable=600, credit=200), months, policy, ALL, TODAY) is None


@pytest.mark.parametrize("state", [PaymentState.PENDING, PaymentState.UNKNOWN, PaymentState.CHARGING])
def test_nobody_is_held_while_a_payment_of_any_month_is_outstanding(state: PaymentState) -> None:
    months = {OCTOBER: DECLINED, NOVEMBER: CustomerMonth(an_invoice(5), a_payment(state, amount=5))}
    assert decide_hold(OWING, months, HoldPolicy(), ALL, TODAY) is None
    by_hand = replace(DECLINED, manual=(a_payment(state, sequence=2),))
    assert decided(OWING, by_hand, HoldPolicy()) is None
    assert decided(replace(OWING, open_payment="2026-10.2/C-1"), DECLINED, HoldPolicy()) is None


def test_a_customer_parked_through_our_fault_is_not_held() -> None:
    parking = Parking("C-1", NOVEMBER, "no_price", "sku", NOW)
    months = {OCTOBER: DECLINED, NOVEMBER: CustomerMonth(parking=parking)}
    assert decide_hold(OWING, months, HoldPolicy(), ALL, TODAY) is None
    gone = {**months, NOVEMBER: CustomerMonth(parking=replace(parking, active=False))}
    assert decide_hold(OWING, gone, HoldPolicy(), ALL, TODAY)


@pytest.mark.parametrize("state", [PaymentState.ACTION_REQUIRED, PaymentState.REVERSED, PaymentState.NO_PAYMENT_METHOD])
def test_a_customer_who_was_asked_to_act_is_held_after_a_fruitless_last_reminder(state: PaymentState) -> None:
    last = Notice("C-1", OCTOBER, "last_reminder", NoticeState.SENT, NOW + timedelta(14), step="2026-11-01-day-14")
    told = Notice("C-1", OCTOBER, {"reversed": "reversed"}.get(state, state), NoticeState.SENT, NOW)
    month = CustomerMonth(an_invoice(10_000), asked(state), told, reminders=(replace(told, step="x"), last))
    assert decided(OWING, month, HoldPolicy(), TODAY + timedelta(20)) is None
    assert decided(OWING, month, HoldPolicy(), TODAY + timedelta(21))
    assert decided(OWING, month, HoldPolicy(grace_days=30), TODAY + timedelta(21)) is None
    left_open = DunningPolicy(after_last=AfterLast.LEAVE_OPEN)
    assert decide_hold(OWING, {OCTOBER: month}, HoldPolicy(), left_open, TODAY + timedelta(30)) is None


def test_a_hold_is_lifted_when_nothing_is_overdue_even_if_something_is_owed() -> None:
    held = replace(OWING, held_since=NOW)
    fresh = CustomerMonth(an_invoice(10_000, issued_on=TODAY + timedelta(30)), DECLINED.payment)
    paid = CustomerMonth(
        an_invoice(10_000, collected=10_000), holds=(HoldChange("C-1", OCTOBER, HoldAction.PLACED, "x", NOW),)
    )
    months = {OCTOBER: paid, NOVEMBER: fresh}
    decision = decide_hold(held, months, HoldPolicy(grace_days=7), ALL, TODAY + timedelta(31))
    assert decision == (HoldAction.LIFTED, "nothing is overdue any more", OCTOBER)
    assert decide_hold(held, months, HoldPolicy(grace_days=7), ALL, TODAY + timedelta(37)) is None


def test_a_hold_stays_while_the_payment_that_would_lift_it_is_outstanding() -> None:
    month = CustomerMonth(an_invoice(10_000), a_payment(PaymentState.PENDING, amount=10_000))
    assert decided(replace(OWING, held_since=NOW), month, HoldPolicy()) is None


@pytest.mark.parametrize("lift_manual", [False, True])
def test_a_hold_placed_by_a_person_is_lifted_by_payment_only_if_the_policy_says_so(lift_manual: bool) -> None:
    held = replace(a_customer(), held_since=NOW, held_by="ada")
    decision = decided(held, DECLINED, HoldPolicy(lift_manual=lift_manual))
    assert (decision is not None) is lift_manual


def test_after_a_release_by_hand_the_same_invoice_holds_nobody_again_but_a_later_one_does() -> None:
    released = HoldChange("C-1", OCTOBER, HoldAction.LIFTED, "they called", NOW, by="ada")
    october = replace(DECLINED, holds=(released,))
    assert decided(OWING, october, HoldPolicy()) is None
    lifted_by_policy = replace(DECLINED, holds=(replace(released, by=""),))
    assert decided(OWING, lifted_by_policy, HoldPolicy())
    november = CustomerMonth(an_invoice(10_000, number="INV-00000002"), DECLINED.payment)
    decision = decide_hold(OWING, {OCTOBER: october, NOVEMBER: november}, HoldPolicy(), ALL, TODAY)
    assert decision
    assert decision.period == NOVEMBER


_PAYMENTS = st.builds(
    asked, st.sampled_from(PaymentState), code=st.sampled_from(["", "expired_card", "insufficient_funds"])
)


@given(_PAYMENTS, st.none() | _PAYMENTS, st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 60))
def test_a_customer_who_paid_or_whose_payment_is_outstanding_is_never_put_on_hold(
    payment: Payment, second: Payment | None, opens: int, credit: int, days: int
) -> None:
    manual = (replace(second, sequence=2),) if second else ()
    month = CustomerMonth(an_invoice(20_000, collected=20_000 - opens), payment, manual=manual)
    customer = a_customer(receivable=opens, credit=credit)
    decision = decided(customer, month, HoldPolicy(), TODAY + timedelta(days))
    outstanding = any(p.in_flight for p in month.payments)
    if outstanding or opens <= credit:
        assert decision is None
    if decision:
        assert any(p.state is PaymentState.DECLINED for p in month.payments)
