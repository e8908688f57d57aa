"""The payment's state machine."""

from itertools import product

import pytest

from monthclose.domain.errors import IllegalTransitionError
from monthclose.domain.money import Money
from monthclose.domain.payment import Payment, PaymentState, Transition
from tests.unit.domain.any import NOW, a_payment

S = PaymentState
OUTCOMES = {S.PAID, S.PENDING, S.DECLINED, S.ACTION_REQUIRED}
# Written down anew, as a reader of DESIGN understands it, so that a slip in the table shows.
MAY_BECOME = {
    S.READY: {S.CHARGING, S.NOTHING_DUE, S.NO_PAYMENT_METHOD, S.NO_ADAPTER},
    S.CHARGING: OUTCOMES | {S.READY, S.UNKNOWN},
    S.UNKNOWN: OUTCOMES | {S.CHARGING},
    S.PENDING: {S.PAID, S.DECLINED},
    S.DECLINED: {S.CHARGING, S.NOTHING_DUE},
    S.ACTION_REQUIRED: {S.CHARGING, S.NOTHING_DUE, S.PAID},
    S.NO_PAYMENT_METHOD: {S.CHARGING, S.NOTHING_DUE},
    S.NO_ADAPTER: {S.CHARGING, S.NOTHING_DUE},
    S.PAID: set(),
    S.NOTHING_DUE: set(),
}


@pytest.mark.parametrize(("before", "after"), [(b, a) for b, a in product(S, S) if a in MAY_BECOME[b]])
def test_a_step_that_the_design_names_is_made_and_remembered(before: PaymentState, after: PaymentState) -> None:
    payment = a_payment(before).to(after, NOW, "because", request_id="req_1")
    assert payment.state is after
    assert payment.history == (Transition(NOW, before, after, "because", "req_1"),)


@pytest.mark.parametrize(("before", "after"), [(b, a) for b, a in product(S, S) if a not in MAY_BECOME[b]])
def test_any_other_step_is_refused(before: PaymentState, after: PaymentState) -> None:
    with pytest.raises(IllegalTransitionError, match=f"{before} cannot become {after}"):
        a_payment(before).to(after, NOW, "because")


@pytest.mark.parametrize("state", S)
def test_a_close_is_through_with_a_payment_unless_its_outcome_is_outstanding(state: PaymentState) -> None:
    assert a_payment(state).settled == (state not in {S.READY, S.CHARGING, S.UNKNOWN})


def test_an_attempt_freezes_the_amount_and_the_method() -> None:
    begun = a_payment().start(Money(1999, "USD"), "pm_card_visa", NOW)
    assert (begun.state, begun.attempt, begun.amount) == (S.CHARGING, 1, Money(1999, "USD"))
    assert begun.payment_method == "pm_card_visa"
    assert begun.to(S.UNKNOWN, NOW, "timeout").to(S.CHARGING, NOW, "again").amount == Money(1999, "USD")


def test_looking_an_unknown_outcome_up_begins_no_new_attempt() -> None:
    begun = a_payment().start(Money(1999, "USD"), "pm", NOW)
    assert begun.to(S.UNKNOWN, NOW, "timeout").to(S.CHARGING, NOW, "not collected").attempt == 1


def test_after_a_decline_a_new_attempt_has_a_new_number_and_amount() -> None:
    declined = a_payment().start(Money(1999, "USD"), "pm", NOW).to(S.DECLINED, NOW, "no", code="expired_card")
    again = declined.start(Money(1500, "USD"), "pm_new", NOW)
    assert (again.attempt, again.amount, again.payment_method, again.code) == (2, Money(1500, "USD"), "pm_new", "")


def test_a_payment_that_is_paid_can_never_be_started_again() -> None:
    with pytest.raises(IllegalTransitionError):
        a_payment(S.PAID).start(Money(1, "USD"), "pm", NOW)


def test_a_decline_keeps_its_code_and_the_next_outcome_drops_it() -> None:
    declined = a_payment(S.CHARGING).to(S.DECLINED, NOW, "no", code="expired_card")
    assert declined.code == "expired_card"
    assert declined.to(S.NOTHING_DUE, NOW, "credit came").code == ""


def test_the_history_grows_and_never_forgets() -> None:
    payment = a_payment().start(Money(1, "USD"), "pm", NOW).to(S.UNKNOWN, NOW, "timeout").to(S.PAID, NOW, "paid")
    assert [step.after for step in payment.history] == [S.CHARGING, S.UNKNOWN, S.PAID]
    assert [step.before for step in payment.history] == [S.READY, S.CHARGING, S.UNKNOWN]


def test_the_provider_can_have_heard_of_it_since_its_first_attempt() -> None:
    later = NOW.replace(hour=5)
    declined = a_payment().start(Money(1, "USD"), "pm", NOW).to(S.DECLINED, later, "no")
    assert declined.start(Money(1, "USD"), "pm", later).begun_at == NOW


def test_a_payment_that_was_never_started_has_no_beginning() -> None:
    with pytest.raises(ValueError, match="2026-10/C-1 was never started"):
        _ = a_payment().to(S.NOTHING_DUE, NOW, "nothing is owed").begun_at


def test_a_payment_is_named_by_period_and_customer() -> None:
    payment: Payment = a_payment(customer_id="A-7")
    assert payment.payment_id == "2026-10/A-7"
