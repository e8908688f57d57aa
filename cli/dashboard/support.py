"""What support may say to a customer, and what it should know: sentences made from the records."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.closes.parked import what_helps
from monthclose.domain.collections.dunning import DunningPolicy, Obstacle, Step, StepKind, next_step, trouble_of
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.declines import decline
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.period import Period, period_in_words

_AHEAD_DAYS = 60
"""How far the dunning's schedule reaches, with room."""


class Sentence(NamedTuple):
    """Something that is so.

    Parameters
    ----------
    to_customer : bool
        Whether it may be said to the customer as it is; otherwise it is for support to know.
    """

    text: str
    to_customer: bool = True


def support_says(
    customer: Customer,
    months: Mapping[Period, CustomerMonth],
    policy: DunningPolicy,
    today: date,
    *,
    can_charge: bool,
) -> list[Sentence]:
    """Put together what may be said to a customer today, the most important first.

    Parameters
    ----------
    can_charge : bool
        Whether their payment provider is connected.
    """
    return [
        Sentence(_balance(customer)),
        *_hold(customer, policy.calendar),
        *(sentence for month in months.values() for sentence in _of_month(month, customer, policy, today, can_charge)),
        *_address(customer),
    ]


def _balance(customer: Customer) -> str:
    balance = customer.balance
    if balance.minor > 0:
        return f"You owe {balance}."
    if balance.minor < 0:
        return f"You owe nothing, and have {-balance} of credit, which your next invoice uses first."
    return "You owe nothing."


def _hold(customer: Customer, calendar: BillingCalendar) -> Iterator[Sentence]:
    if customer.held_since is None:
        return
    since = f"Your account has been on hold since {_day(calendar.day(customer.held_since))}."
    if customer.held_by:
        yield Sentence(since)
        yield Sentence(f"{customer.held_by} put it on hold: {customer.hold_reason}. A person must release it.", False)
        return
    yield Sentence(f"{since} The hold ends by itself as soon as nothing is overdue.")
    yield Sentence(f"Why it is on hold: {customer.hold_reason}.", False)


def _of_month(
    month: CustomerMonth, customer: Customer, policy: DunningPolicy, today: date, can_charge: bool
) -> Iterator[Sentence]:
    if month.parking and month.parked:
        yield Sentence(f"Your invoice for {_month(month.parking.period)} is delayed. Nothing has been charged for it.")
        known = (
            f"They are parked in {month.parking.period} ({month.parking.reason}): {what_helps(month.parking.reason)}."
        )
        yield Sentence(known, False)
    invoice, payment = month.invoice, month.collecting
    if invoice is None or payment is None or not invoice.open:
        return
    about = f"{invoice.open} of invoice {invoice.number} for {_month(invoice.period)}"
    coming = _coming_steps(month, customer, policy, today, can_charge)
    retry = next((day for day, step in coming if step.kind is StepKind.RETRY), None)
    yield Sentence(_standing(about, month, payment, retry))
    if coming:
        yield Sentence(_in_words(*coming[0], customer), to_customer=False)


def _standing(about: str, month: CustomerMonth, payment: Payment, retry: date | None) -> str:
    """Say why something is open, and when it is tried again."""
    under_way = next((each for each in month.payments if each.in_flight), None)
    if under_way:
        return _under_way(about, under_way)
    if payment.waits_for:
        return f"{about} is open: we collect it once your bank has answered about an earlier payment."
    trouble = trouble_of(month)
    if trouble is None:
        return f"{about} is open, and has not been charged yet."
    why = _REASONS[trouble.obstacle].format(why=_declined(trouble.payment))
    if trouble.obstacle not in _TRIED_AGAIN:
        return f"{about} is open. {why}"
    return f"{about} is open. {why} {f'We try again on {_day(retry)}.' if retry else _ANOTHER_METHOD}"


def _under_way(about: str, payment: Payment) -> str:
    if payment.state is PaymentState.PENDING:
        return f"Your bank is collecting {about}. That takes some days; there is nothing to do."
    return f"We are waiting for an answer from your bank about {about}. You will not be charged twice."


def _declined(payment: Payment) -> str:
    return decline(payment.provider, payment.code, payment.advice).sentence


_TRIED_AGAIN = (Obstacle.SOFT, Obstacle.HARD)
_ANOTHER_METHOD = "Please use another card or bank account: the link is in our e-mail."
_REASONS: Mapping[Obstacle, str] = {
    Obstacle.SOFT: "The payment was declined. {why}",
    Obstacle.HARD: "The payment was declined. {why}",
    Obstacle.NO_METHOD: "We have no card or bank account to charge. Please add one: the link is in our e-mail.",
    Obstacle.ACTION: "Your bank asks you to confirm the payment. The link is in our e-mail.",
    Obstacle.REVERSED: "It had been paid, and your bank returned the money to you.",
    Obstacle.NO_ADAPTER: "Please pay it by bank transfer.",
    Obstacle.OURS: "We could not charge it for a reason on our side, and will try again.",
    Obstacle.UNTAKEN: "It cannot be charged to your payment method. Please pay it by bank transfer.",
    Obstacle.NOT_CHARGED: "It has not been charged yet.",
}


def _coming_steps(
    month: CustomerMonth, customer: Customer, policy: DunningPolicy, today: date, can_charge: bool
) -> list[tuple[date, Step]]:
    """List the dunning's next step on each day to come, as it would be if nothing changed until then."""
    days = (today + timedelta(number) for number in range(_AHEAD_DAYS))
    steps = ((day, next_step(month, customer, policy, day, can_retry=can_charge)) for day in days)
    return [(day, step) for day, step in steps if step]


def _in_words(day: date, step: Step, customer: Customer) -> str:
    if step.kind is StepKind.HOLD and customer.held_since:
        return "Nothing more happens by itself: the account is on hold."
    if step.kind is StepKind.TELL and step.notice:
        return f"Next, on {_day(day)}: the e-mail “{step.notice.replace('_', ' ')}”."
    done = {
        StepKind.RETRY: f"the payment is tried again ({step.why})",
        StepKind.HOLD: "the account is put on hold",
        StepKind.GIVE_UP: "nothing more happens by itself: it stays open for a person",
    }
    return f"Next, on {_day(day)}: {done.get(step.kind, step.why)}."


def _address(customer: Customer) -> Iterator[Sentence]:
    if not customer.takes_mail:
        yield Sentence("Our e-mails do not reach you: please give us another address.")
    if customer.unreached:
        dead = ", ".join(customer.unreached)
        yield Sentence(f"E-mails to {dead} came back, or were marked as spam. None are sent there.", False)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _month(period: Period) -> str:
    return period_in_words(period)
