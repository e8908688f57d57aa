"""Dunning: the next step for an open invoice, day by day, each step once."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.dunning import AfterLast, DunningPolicy, Step, StepKind, next_step, trouble_of
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, Notice, NoticeState, Parking
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.payments.declines import ADVICE, DECLINES, DeclineKind, decline, is_decline
from monthclose.domain.payments.payment import BELOW_MINIMUM, Payment, PaymentState
from tests.unit.any import NOW, OCTOBER, TODAY, a_customer, a_payment, an_invoice

S, K = PaymentState, NoticeKind
OWING = a_customer(receivable=10_000)
TOLD = Notice("C-1", OCTOBER, K.DECLINED, NoticeState.SENT, NOW)
POLICY = DunningPolicy()


def day(number: int) -> date:
    return TODAY + timedelta(number)


def attempted(
    payment: Payment, state: PaymentState, code: str = "", at: datetime = NOW, method: str = "pm_card_visa"
) -> Payment:
    """Let a payment go through one more attempt."""
    begun = payment.start(Money(10_000, "USD"), method, at)
    return begun.to(state, at, code or state, code=code)


def refused(code: str = "insufficient_funds", state: PaymentState = S.DECLINED) -> CustomerMonth:
    """A month whose charge was declined on day 0, and whose customer was notified by the close."""
    told = {S.DECLINED: K.DECLINED, S.ACTION_REQUIRED: K.ACTION_REQUIRED}
    notice = replace(TOLD, kind=told.get(state, K.RECEIPT))
    return CustomerMonth(an_invoice(10_000), attempted(a_payment(), state, code), notice)


def reversed_payment(month: CustomerMonth, at: datetime) -> CustomerMonth:
    assert month.payment
    return replace(month, payment=month.payment.to(S.REVERSED, at, "fraudulent", code="fraudulent"))


def after_step(month: CustomerMonth, step: Step, on: date) -> CustomerMonth:
    at = datetime.combine(on, NOW.timetz())
    notice = Notice("C-1", OCTOBER, str(step.notice), NoticeState.SENT, at, step=step.key)
    return replace(month, reminders=(*month.reminders, notice))


def course(month: CustomerMonth, customer: Customer = OWING, policy: DunningPolicy = POLICY, days: int = 40) -> Any:
    """Live through the days: every retry is declined again, every message sent. Returns the steps, by day."""
    steps: list[tuple[int, str]] = []
    for number in range(days):
        for _ in range(3):
            step = next_step(month, customer, policy, day(number))
            if step is None or step.kind not in (StepKind.RETRY, StepKind.TELL):
                break
            steps.append((number, step.notice or step.kind))
            if step.kind is StepKind.RETRY:
                assert month.payment
                at = datetime.combine(day(number), NOW.timetz())
                month = replace(month, payment=attempted(month.payment, S.DECLINED, month.payment.code, at))
            else:
                month = after_step(month, step, day(number))
        if step:
            return [*steps, (number, step.kind)]
    return steps


@pytest.mark.parametrize(
    ("provider", "code", "kind"),
    [
        ("stripe", "insufficient_funds", DeclineKind.SOFT),
        ("stripe", "do_not_honor", DeclineKind.SOFT),
        ("stripe", "never heard of", DeclineKind.SOFT),
        ("stripe", "expired_card", DeclineKind.HARD),
        ("stripe", "stolen_card", DeclineKind.HARD),
        ("stripe", "incorrect_cvc", DeclineKind.HARD),
        ("gocardless", "insufficient_funds", DeclineKind.SOFT),
        ("gocardless", "refer_to_payer", DeclineKind.SOFT),
        ("gocardless", "mandate_cancelled", DeclineKind.HARD),
        ("gocardless", "bank_account_closed", DeclineKind.HARD),
        ("another", "expired_card", DeclineKind.SOFT),
    ],
)
def test_a_decline_is_soft_or_hard_by_its_providers_table(provider: str, code: str, kind: DeclineKind) -> None:
    assert decline(provider, code).kind is kind


BANK_DEBITS = {
    # The failure codes that Stripe publishes for SEPA, Bacs and ACH debits. Where its next step is new details, a new
    # mandate or to unblock the account, the customer must act; where it is a retry, we can.
    "account_closed": DeclineKind.HARD,
    "account_frozen": DeclineKind.HARD,
    "authorization_revoked": DeclineKind.HARD,
    "bank_account_restricted": DeclineKind.HARD,
    "bank_ownership_changed": DeclineKind.HARD,
    "branch_does_not_exist": DeclineKind.HARD,
    "debit_authorization_not_match": DeclineKind.HARD,
    "debit_disputed": DeclineKind.HARD,
    "debit_not_authorized": DeclineKind.HARD,
    "incorrect_account_holder_name": DeclineKind.HARD,
    "invalid_account_number": DeclineKind.HARD,
    "invalid_currency": DeclineKind.HARD,
    "no_account": DeclineKind.HARD,
    "recipient_deceased": DeclineKind.HARD,
    "could_not_process": DeclineKind.SOFT,
    "generic_could_not_process": DeclineKind.SOFT,
    "insufficient_funds": DeclineKind.SOFT,
    "refer_to_customer": DeclineKind.SOFT,
}


@pytest.mark.parametrize("code", BANK_DEBITS)
def test_a_failed_stripe_bank_debit_is_recognised_and_retried_only_where_that_can_help(code: str) -> None:
    assert is_decline("stripe", code)
    assert decline("stripe", code).kind is BANK_DEBITS[code]


@pytest.mark.parametrize(
    "code",
    [
        "mandate_is_inactive",
        "bank_account_disabled",
        "customer_removed",
        "mandate_failed",
        "mandate_suspended_by_payer",
        "payment_stopped",
        "account_blocked_for_any_financial_transaction",
        "customer_approval_denied",
    ],
)
def test_a_gocardless_mandate_that_can_no_longer_be_used_is_not_retried(code: str) -> None:
    assert decline("gocardless", code).kind is DeclineKind.HARD


@pytest.mark.parametrize(
    ("code", "advice", "kind"),
    [
        ("do_not_honor", "do_not_try_again", DeclineKind.HARD),
        ("insufficient_funds", "do_not_try_again", DeclineKind.HARD),
        ("generic_decline", "confirm_card_data", DeclineKind.HARD),
        ("generic_decline", "03", DeclineKind.HARD),
        ("generic_decline", "02", DeclineKind.SOFT),
        ("transaction_not_allowed", "try_again_later", DeclineKind.SOFT),
        ("expired_card", "an advice nobody listed", DeclineKind.HARD),
        ("do_not_honor", "", DeclineKind.SOFT),
    ],
)
def test_the_providers_advice_decides_whether_a_card_is_retried(code: str, advice: str, kind: DeclineKind) -> None:
    month = refused(code)
    assert month.payment
    advised = replace(month, payment=replace(month.payment, advice=advice))
    assert decline("stripe", code, advice).kind is kind
    step = next_step(advised, OWING, POLICY, day(1))
    assert (step is not None and step.kind is StepKind.RETRY) is (kind is DeclineKind.SOFT)


@given(
    st.sampled_from([*DECLINES, "another"]).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.sampled_from([*DECLINES.get(name, ()), "new"]),
            st.sampled_from([*ADVICE.get(name, ()), ""]),
        )
    )
)
def test_every_decline_is_explained_in_a_whole_sentence_without_a_code(known: tuple[str, str, str]) -> None:
    sentence = decline(*known).sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "_" not in sentence
    assert not {"stolen", "lost", "fraud", "deceased"} & set(sentence.lower().split())


def test_a_soft_decline_is_retried_and_its_customer_reminded_by_the_schedule() -> None:
    assert course(refused()) == [
        (1, "retry"),
        (3, "retry"),
        (3, K.REMINDER),
        (5, "retry"),
        (7, "retry"),
        (10, K.REMINDER),
        (14, K.LAST_REMINDER),
        (21, StepKind.HOLD),
    ]


@pytest.mark.parametrize("code", ["expired_card", "lost_card"])
def test_a_hard_decline_is_never_retried_and_asks_for_a_new_method(code: str) -> None:
    assert course(refused(code)) == [
        (3, K.NEW_METHOD),
        (10, K.NEW_METHOD),
        (14, K.LAST_REMINDER),
        (21, StepKind.HOLD),
    ]


def test_a_customer_who_must_confirm_is_reminded_of_that_and_never_charged_again() -> None:
    steps = course(refused("authentication_required", S.ACTION_REQUIRED))
    assert steps == [
        (3, K.ACTION_REMINDER),
        (10, K.ACTION_REMINDER),
        (14, K.LAST_REMINDER),
        (21, StepKind.HOLD),
    ]


def test_a_reversed_payment_is_notified_at_once_reminded_of_and_not_charged_again() -> None:
    month = reversed_payment(refused(state=S.PAID), NOW + timedelta(days=5))
    assert course(month) == [
        (0, K.REVERSED),
        (8, K.REMINDER),
        (15, K.REMINDER),
        (19, K.LAST_REMINDER),
        (26, StepKind.HOLD),
    ]


def test_a_reversed_payment_may_be_charged_again_if_the_policy_says_so() -> None:
    month = reversed_payment(refused(state=S.PAID), NOW)
    step = next_step(month, OWING, DunningPolicy(retry_reversed=True), day(1))
    assert step
    assert step.kind is StepKind.RETRY


def test_after_the_last_reminder_an_invoice_can_be_left_open_for_a_person() -> None:
    policy = DunningPolicy(after_last=AfterLast.LEAVE_OPEN, final_days=0)
    assert course(refused("expired_card"), policy=policy)[-1] == (14, StepKind.GIVE_UP)


def test_nothing_else_is_notified_before_the_closes_own_notice() -> None:
    month = replace(refused(), notice=None)  # its outcome became known after the close: the reconciler sends the notice
    assert next_step(month, OWING, POLICY, day(0)) is None
    step = next_step(month, OWING, POLICY, day(3), can_retry=False)
    assert step
    assert step.notice is K.REMINDER


def test_a_hard_decline_of_a_retry_is_notified_at_once() -> None:
    month = refused()
    assert month.payment
    month = replace(month, payment=attempted(month.payment, S.DECLINED, "expired_card", NOW + timedelta(days=1)))
    step = next_step(month, OWING, POLICY, day(1))
    assert step
    assert (step.kind, step.notice) == (StepKind.TELL, K.NEW_METHOD)
    assert next_step(after_step(month, step, day(1)), OWING, POLICY, day(2)) is None


def test_a_bank_debit_that_fails_after_the_close_is_notified_at_once() -> None:
    pending = a_payment().start(Money(10_000, "USD"), "pm_card_visa", NOW).to(S.PENDING, NOW, "in progress")
    failed = pending.to(S.DECLINED, NOW + timedelta(days=4), "insufficient_funds", code="insufficient_funds")
    month = CustomerMonth(an_invoice(10_000), failed, replace(TOLD, kind=K.PENDING))
    step = next_step(month, OWING, POLICY, day(4))
    assert step
    assert step.notice is K.DECLINED  # as if it had failed at the close: until now they believe that all is well
    assert next_step(after_step(month, step, day(4)), OWING, POLICY, day(5)) == Step(
        StepKind.RETRY, f"retry-{day(5)}", "day 1 after the first refusal"
    )


@pytest.mark.parametrize("state", [S.DECLINED, S.ACTION_REQUIRED])
def test_a_new_payment_method_makes_a_retry_due_at_once_and_once(state: PaymentState) -> None:
    month = refused("expired_card", state)
    changed = replace(OWING, profile=replace(OWING.profile, payment_method="pm_new"))
    step = next_step(month, changed, POLICY, day(0))
    assert step
    assert (step.kind, step.why) == (StepKind.RETRY, "there is a new payment method")
    assert month.payment
    again = replace(month, payment=attempted(month.payment, S.DECLINED, "expired_card", method="pm_new"))
    after = next_step(again, changed, POLICY, day(0))
    assert after is None or after.notice is K.NEW_METHOD


def test_a_customer_without_a_payment_method_is_charged_once_there_is_one() -> None:
    payment = a_payment().to(S.NO_PAYMENT_METHOD, NOW, "none")
    month = CustomerMonth(an_invoice(10_000), payment, replace(TOLD, kind=K.NO_PAYMENT_METHOD))
    bare = replace(OWING, profile=replace(OWING.profile, payment_method=""))
    assert course(month, bare)[0] == (3, K.NEW_METHOD)
    step = next_step(month, OWING, POLICY, day(0))
    assert step
    assert step.kind is StepKind.RETRY


def test_nothing_is_retried_while_the_provider_cannot_be_asked() -> None:
    assert next_step(refused(), OWING, POLICY, day(1), can_retry=False) is None


def test_credit_that_covers_an_invoice_settles_it_instead_of_a_reminder() -> None:
    rich = a_customer(receivable=10_000, credit=10_000)
    step = next_step(refused("expired_card"), rich, POLICY, day(3))
    assert step
    assert step.kind is StepKind.RETRY


def test_our_own_mistake_is_retried_once_a_day_and_nobody_is_notified() -> None:
    put_back = a_payment().start(Money(10_000, "USD"), "pm_card_visa", NOW).to(S.READY, NOW, "resource_missing")
    month = CustomerMonth(an_invoice(10_000), put_back)
    assert next_step(month, OWING, POLICY, day(0)) is None
    step = next_step(month, OWING, POLICY, day(1))
    assert step
    assert step.kind is StepKind.RETRY
    assert next_step(month, OWING, POLICY, day(1), can_retry=False) is None


@pytest.mark.parametrize(
    "month",
    [
        CustomerMonth(),
        CustomerMonth(an_invoice(10_000)),
        CustomerMonth(an_invoice(10_000), a_payment(S.READY)),
        CustomerMonth(an_invoice(10_000), a_payment(S.NOTHING_DUE)),
        CustomerMonth(an_invoice(10_000), a_payment(S.DECLINED, code=BELOW_MINIMUM)),
        CustomerMonth(an_invoice(10_000, collected=10_000), a_payment(S.PAID, amount=10_000)),
        replace(refused(), parking=Parking("C-1", OCTOBER, "no_price", "", NOW)),
        *(CustomerMonth(an_invoice(10_000), a_payment(state)) for state in (S.CHARGING, S.UNKNOWN, S.PENDING)),
        *(replace(refused(), manual=(a_payment(state, sequence=2),)) for state in (S.CHARGING, S.UNKNOWN, S.PENDING)),
    ],
)
def test_settled_outstanding_small_and_parked_payments_are_left_alone(month: CustomerMonth) -> None:
    assert trouble_of(month) is None
    assert next_step(month, OWING, POLICY, day(30)) is None


def test_a_missed_day_is_not_made_up_for() -> None:
    month = refused()
    step = next_step(month, OWING, POLICY, day(6))
    assert step
    assert step.why == "day 5 after the first refusal"
    assert month.payment
    at = datetime.combine(day(6), NOW.timetz())
    month = replace(month, payment=attempted(month.payment, S.DECLINED, "insufficient_funds", at))
    step = next_step(month, OWING, POLICY, day(6))
    assert step
    assert (step.kind, step.notice) == (StepKind.TELL, K.REMINDER)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"retry_days": (0,)}, "retry_days must be days of at least 1"),
        ({"retry_days": (3, 1)}, "each later than the one before"),
        ({"reminder_days": (3, 3)}, "each later than the one before"),
        ({"reminder_days": (14,)}, "last_reminder_day must come after its reminder_days"),
        ({"retry_days": (20,)}, "last_reminder_day must come after its retry_days"),
        ({"retry_days": (), "reminder_days": (), "last_reminder_day": 0}, "must not be negative"),
        ({"final_days": -1}, "must not be negative"),
    ],
)
def test_an_impossible_policy_is_a_mistake(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        DunningPolicy(**policy)


def any_policy() -> st.SearchStrategy[DunningPolicy]:
    days = st.lists(st.integers(1, 20), unique=True, max_size=5).map(lambda found: tuple(sorted(found)))
    return st.builds(
        DunningPolicy, days, days, st.integers(21, 30), st.integers(0, 9), st.sampled_from(AfterLast), st.booleans()
    )


@given(any_policy(), st.sampled_from(["insufficient_funds", "expired_card"]), st.integers(0, 25))
def test_each_step_happens_once_and_in_order_whatever_days_the_collections_run(
    policy: DunningPolicy, code: str, first: int
) -> None:
    month, seen = refused(code), list[str]()
    for number in range(first, 60):
        for _ in range(4):
            step = next_step(month, OWING, policy, day(number))
            assert step == next_step(month, OWING, policy, day(number)), "asking changes nothing"
            if step is None or step.kind in (StepKind.HOLD, StepKind.GIVE_UP):
                break
            assert step.key not in seen
            seen.append(step.key)
            if step.kind is StepKind.RETRY:
                assert code == "insufficient_funds"
                assert month.payment
                at = datetime.combine(day(number), NOW.timetz())
                month = replace(month, payment=attempted(month.payment, S.DECLINED, code, at))
            else:
                month = after_step(month, step, day(number))
        else:
            pytest.fail("a day without an end")
    assert month.payment
    assert month.payment.attempt <= 1 + len(policy.retry_days)
    assert [notice.kind for notice in month.reminders].count(K.LAST_REMINDER) == 1
    assert month.reminders[-1].kind == K.LAST_REMINDER
    assert step
    assert step.kind is (StepKind.HOLD if policy.after_last is AfterLast.HOLD else StepKind.GIVE_UP)
