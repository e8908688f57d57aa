"""The payment's state machine."""

from datetime import timedelta
from itertools import product

import pytest

from monthclose.domain.errors import IllegalTransitionError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState, Transition, next_check
from tests.unit.any import NOW, a_payment

S = PaymentState
OUTCOMES = {S.PAID, S.PENDING, S.DECLINED, S.ACTION_REQUIRED}
# Written down a second time, as a reader of docs/charging.md understands it, so that a slip in the table shows.
MAY_BECOME = {
    S.READY: {S.CHARGING, S.NOTHING_DUE, S.NO_PAYMENT_METHOD, S.NO_ADAPTER, S.PAID},
    S.CHARGING: OUTCOMES | {S.READY, S.UNKNOWN},
    S.UNKNOWN: OUTCOMES | {S.READY, S.CHARGING},
    S.PENDING: {S.PAID, S.DECLINED, S.ACTION_REQUIRED},
    S.DECLINED: {S.CHARGING, S.NOTHING_DUE, S.PAID, S.PENDING, S.ACTION_REQUIRED},
    S.ACTION_REQUIRED: {S.CHARGING, S.NOTHING_DUE, S.PAID, S.PENDING, S.DECLINED},
    S.NO_PAYMENT_METHOD: {S.CHARGING, S.NOTHING_DUE, S.PAID},
    S.NO_ADAPTER: {S.CHARGING, S.NOTHING_DUE, S.PAID},
    S.PAID: {S.REVERSED},
    S.REVERSED: {S.REVERSED, S.PENDING, S.PAID},
    S.NOTHING_DUE: {S.CHARGING, S.PAID},
}


@pytest.mark.parametrize(("before", "after"), [(b, a) for b, a in product(S, S) if a in MAY_BECOME[b]])
def test_every_step_of_the_protocol_is_made_and_recorded(before: PaymentState, after: PaymentState) -> None:
    payment = a_payment(before).to(after, NOW, "because", request_id="req_1")
    assert payment.state is after
    assert payment.history == (Transition(NOW, before, after, "because", "req_1"),)


@pytest.mark.parametrize(("before", "after"), [(b, a) for b, a in product(S, S) if a not in MAY_BECOME[b]])
def test_any_other_step_is_refused(before: PaymentState, after: PaymentState) -> None:
    with pytest.raises(IllegalTransitionError, match=f"{before} cannot become {after}"):
        a_payment(before).to(after, NOW, "because")


@pytest.mark.parametrize("state", S)
def test_a_close_has_finished_with_a_payment_unless_its_outcome_is_outstanding(state: PaymentState) -> None:
    assert a_payment(state).settled == (state not in {S.READY, S.CHARGING, S.UNKNOWN})


def test_an_attempt_freezes_the_amount_and_the_method() -> None:
    begun = a_payment().start(Money(1999, "USD"), "pm_card_visa", NOW)
    assert (begun.state, begun.attempt, begun.amount) == (S.CHARGING, 1, Money(1999, "USD"))
    assert begun.payment_method == "pm_card_visa"
    assert begun.to(S.UNKNOWN, NOW, "timeout").to(S.CHARGING, NOW, "again").amount == Money(1999, "USD")


def test_looking_up_an_unknown_outcome_starts_no_new_attempt() -> None:
    begun = a_payment().start(Money(1999, "USD"), "pm", NOW)
    assert begun.to(S.UNKNOWN, NOW, "timeout").to(S.CHARGING, NOW, "not collected").attempt == 1


def test_after_a_decline_a_new_attempt_has_a_new_number_and_amount() -> None:
    declined = a_payment().start(Money(1999, "USD"), "pm", NOW).to(S.DECLINED, NOW, "no", code="expired_card")
    again = declined.start(Money(1500, "USD"), "pm_new", NOW)
    assert (again.attempt, again.amount, again.payment_method, again.code) == (2, Money(1500, "USD"), "pm_new", "")


def test_a_paid_payment_can_never_be_started_again() -> None:
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


def test_a_payment_that_was_never_started_has_no_start() -> None:
    with pytest.raises(ValueError, match="2026-10/C-1 was never started"):
        _ = a_payment().to(S.NOTHING_DUE, NOW, "nothing is owed").begun_at


@pytest.mark.parametrize(
    ("customer_id", "sequence", "payment_id"),
    [("A-7", 1, "2026-10/A-7"), ("A-7", 2, "2026-10.2/A-7"), ("2026-09/x.3", 12, "2026-10.12/2026-09/x.3")],
)
def test_a_payment_is_named_by_period_sequence_and_customer(customer_id: str, sequence: int, payment_id: str) -> None:
    payment: Payment = a_payment(customer_id=customer_id, sequence=sequence)
    assert payment.payment_id == payment_id
    assert PaymentKey.parse(payment_id) == (customer_id, payment.period, sequence)


@pytest.mark.parametrize("text", ["", "2026-10", "2026-10/", "2026-13/x", "2026-10.1/x", "2026-10./x", "2026-10.²/x"])
def test_a_name_that_is_not_ours_names_no_payment(text: str) -> None:
    assert PaymentKey.parse(text) is None


def test_a_payment_in_flight_is_checked_after_a_wait_as_long_as_its_age() -> None:
    ages = [timedelta(0), timedelta(minutes=20), timedelta(days=3)]
    waits = [next_check(NOW - age, NOW) - NOW for age in ages]
    assert waits == [timedelta(minutes=5), timedelta(minutes=20), timedelta(days=1)]
