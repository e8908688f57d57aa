"""Dunning: the next step to collect an invoice that stayed open after its charge. Pure, and a table of days.

Days count from the first refusal of the invoice, or from the day its money was reversed. A missed day is not
made up for: the latest step that is due is taken, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoice import Invoice, amount_due
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.notices.notice import OF_HOLDS, NoticeKind, notice_due
from monthclose.domain.payments.declines import DeclineKind, decline
from monthclose.domain.payments.payment import BELOW_MINIMUM, UNTAKEN, Payment, PaymentState


class AfterLast(StrEnum):
    """What happens to a customer who doesn't react to the last reminder either."""

    HOLD = "hold"
    LEAVE_OPEN = "leave_open"
    """Nothing more happens automatically: the invoice stays open for a person."""


@dataclass(frozen=True, slots=True)
class DunningPolicy:
    """The schedule, in days from the first refusal.

    Parameters
    ----------
    retry_days : tuple of int
        When a soft decline is retried.
    reminder_days, last_reminder_day : tuple of int, int
        When the customer is reminded, and when for the last time.
    final_days : int
        Days from the last reminder until `after_last`.
    retry_reversed : bool
        Whether money that the customer's bank reversed may be charged again automatically, as after a soft decline.
    calendar : BillingCalendar
        The company's, whose days are counted. No setting of the schedule.
    """

    retry_days: tuple[int, ...] = (1, 3, 5, 7)
    reminder_days: tuple[int, ...] = (3, 10)
    last_reminder_day: int = 14
    final_days: int = 7
    after_last: AfterLast = AfterLast.HOLD
    retry_reversed: bool = False
    calendar: BillingCalendar = IN_UTC

    def settings(self) -> dict[str, Any]:
        """Write what a deployment sets, as JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "calendar"}

    def __post_init__(self) -> None:
        for name, days in (("retry_days", self.retry_days), ("reminder_days", self.reminder_days)):
            if any(day < 1 for day in days) or list(days) != sorted(set(days)):
                raise UserMistakeError(
                    f"the dunning policy's {name} must be days of at least 1, each later than the one before"
                )
            if days and days[-1] >= self.last_reminder_day:
                raise UserMistakeError(f"the dunning policy's last_reminder_day must come after its {name}")
        if self.last_reminder_day < 1 or self.final_days < 0:
            raise UserMistakeError("the dunning policy's last_reminder_day and final_days must not be negative")


class Obstacle(StrEnum):
    """Why an invoice was not collected."""

    SOFT = "soft"
    HARD = "hard"
    NO_METHOD = "no_method"
    ACTION = "action"
    """The customer must authenticate the charge."""
    REVERSED = "reversed"
    NO_ADAPTER = "no_adapter"
    OURS = "ours"
    """We asked the provider for something that it cannot do."""
    UNTAKEN = "untaken"
    """The provider cannot take the amount or its currency: only another payment method, or a transfer, helps."""
    NOT_CHARGED = "not_charged"
    """It has not been charged yet: the invoice replaced another after the close, or one charge could not take all."""


class StepKind(StrEnum):
    """What to do."""

    RETRY = "retry"
    TELL = "tell"
    HOLD = "hold"
    GIVE_UP = "give_up"
    """Leave it open for a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next thing to do about an invoice.

    Parameters
    ----------
    key : str
        Identifies the step among those of its invoice; each is taken once.
    notice : NoticeKind or None
        What to tell the customer, if the step tells them anything.
    """

    kind: StepKind
    key: str
    why: str
    notice: NoticeKind | None = None


class Telling(NamedTuple):
    """An e-mail that is due to a customer.

    Parameters
    ----------
    payment : Payment
        What it is about.
    step : str
        Identifies it among those of its month; empty for the one e-mail of the close.
    """

    kind: NoticeKind
    payment: Payment
    step: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an invoice is open, and since when.

    Parameters
    ----------
    payment : Payment
        The latest one that was refused.
    since : datetime
        When it was refused.
    began_at : datetime
        When the invoice was refused for the first time: the schedule's day 0.
    """

    obstacle: Obstacle
    payment: Payment
    since: datetime
    began_at: datetime


_OBSTACLE_BY_STATE: Mapping[PaymentState, Obstacle] = {
    PaymentState.ACTION_REQUIRED: Obstacle.ACTION,
    PaymentState.NO_PAYMENT_METHOD: Obstacle.NO_METHOD,
    PaymentState.REVERSED: Obstacle.REVERSED,
    PaymentState.NO_ADAPTER: Obstacle.NO_ADAPTER,
    PaymentState.READY: Obstacle.OURS,
}
_REFUSALS = frozenset({PaymentState.DECLINED, PaymentState.ACTION_REQUIRED, PaymentState.NO_PAYMENT_METHOD})
_K = NoticeKind
_TOLD_BY: Mapping[Obstacle, frozenset[str]] = {
    Obstacle.SOFT: frozenset({_K.DECLINED, _K.REMINDER, _K.NEW_METHOD, _K.REVERSED}),
    Obstacle.HARD: frozenset({_K.DECLINED, _K.NEW_METHOD}),
    Obstacle.NO_METHOD: frozenset({_K.NO_PAYMENT_METHOD, _K.NEW_METHOD}),
    Obstacle.ACTION: frozenset({_K.ACTION_REQUIRED, _K.ACTION_REMINDER}),
    Obstacle.REVERSED: frozenset({_K.REVERSED}),
}
"""The messages about each obstacle. A customer who has not been told yet is told at once. Other obstacles are not
announced."""
_FIRST_NEWS: Mapping[Obstacle, NoticeKind] = {
    Obstacle.SOFT: _K.DECLINED,
    Obstacle.HARD: _K.DECLINED,
    Obstacle.NO_METHOD: _K.NO_PAYMENT_METHOD,
    Obstacle.ACTION: _K.ACTION_REQUIRED,
    Obstacle.REVERSED: _K.REVERSED,
}
"""The first message about an obstacle to a customer who believes that all is well."""
_REMINDER_OF: Mapping[Obstacle, NoticeKind] = {
    Obstacle.SOFT: _K.REMINDER,
    Obstacle.HARD: _K.NEW_METHOD,
    Obstacle.NO_METHOD: _K.NEW_METHOD,
    Obstacle.ACTION: _K.ACTION_REMINDER,
    Obstacle.REVERSED: _K.REMINDER,
}


_MOST_BOUNCES = 3
"""How often one e-mail may come back."""
_ALL_IS_WELL = frozenset({_K.RECEIPT, _K.CREDIT, _K.PENDING, _K.OPEN, _K.REPLACED})
_UNPAID = frozenset({_K.PENDING, _K.OPEN, _K.REPLACED, *_FIRST_NEWS.values(), *_REMINDER_OF.values(), _K.LAST_REMINDER})
"""Messages that leave a customer believing that the invoice isn't paid: if they have paid since, they are told."""


def telling_due(month: CustomerMonth) -> Telling | None:
    """Decide what to tell a customer now: the close's e-mail, or an outcome that came after it.

    A bank debit that comes in or fails days later, a payment that is confirmed late, money that a bank reversed: each
    is told once, by the first to learn of it, as the outcome of the close's own charge is. None if the customer knows.
    """
    kind, collecting = notice_due(month), month.collecting
    if kind and collecting:
        return Telling(kind, collecting)
    sent, trouble = sent_about(month), trouble_of(month)
    if trouble is None:
        return _receipt(month, sent)
    step = _tell_at_once(trouble, sent) if trouble.obstacle in _TOLD_BY else None
    return Telling(step.notice, trouble.payment, step.key) if step and step.notice else None


def _receipt(month: CustomerMonth, sent: list[Notice]) -> Telling | None:
    """Tell of a payment that came in after the customer was told that the invoice is not paid (yet)."""
    invoice = month.invoice
    if invoice is None or invoice.open or not sent or sent[-1].kind not in _UNPAID:
        return None
    paid = [p for p in month.payments if p.state is PaymentState.PAID and p.sequence >= invoice.first_payment]
    if not any(payment.net_minor for payment in paid):
        return None
    last = max(paid, key=lambda payment: _last_step(payment, invoice))
    return Telling(_K.RECEIPT, last, f"paid-{last.sequence}-{len(last.history)}")


def sent_about(month: CustomerMonth) -> list[Notice]:
    """List the e-mails about the month's invoice, those that came back included, in order of time."""
    number = month.invoice.number if month.invoice else ""
    replaced = [notice for notice in month.correction_notices if notice.step == number]
    sent = [*((month.notice,) if month.notice else ()), *month.reminders, *replaced]
    told = [n for n in sent if n.state is not NoticeState.WITHDRAWN and n.kind not in OF_HOLDS]
    return sorted(told, key=lambda notice: notice.time)


def trouble_of(month: CustomerMonth) -> Trouble | None:
    """Say why a month's invoice is open although its charge is done; None if it is not open, or a person must act.

    There is no trouble with an invoice whose outcome is outstanding, that the close still has to charge, or that is too
    small for the provider to charge.
    """
    invoice, collecting = month.invoice, month.collecting
    if invoice is None or not invoice.open or month.parked or collecting is None:
        return None
    left_to_the_close = collecting.never_begun and collecting.sequence == 1
    if left_to_the_close or any(payment.in_flight for payment in month.payments):
        return None
    refused = [(_last_step(p, invoice), p) for p in month.own_payments if _obstacle(p)]
    if collecting.never_begun and not any(payment.reversed_at for _, payment in refused):
        since = _last_step(collecting, invoice)
        return Trouble(Obstacle.NOT_CHARGED, collecting, since, since)
    if not refused:
        return None
    since, payment = max(refused, key=lambda found: (found[0], found[1].sequence))
    obstacle = _obstacle(payment)
    if obstacle is None or payment.code == BELOW_MINIMUM:
        return None
    return Trouble(obstacle, payment, since, _began(month.own_payments) or since)


def next_step(
    month: CustomerMonth, customer: Customer, policy: DunningPolicy, today: date, *, can_retry: bool = True
) -> Step | None:
    """Decide what to do today about a month's invoice; None if there is nothing to do (yet, or at all).

    Parameters
    ----------
    can_retry : bool
        Whether the customer's provider can be charged through at all.
    """
    trouble = trouble_of(month)
    if trouble is None or month.invoice is None:
        return None
    if not amount_due(month.invoice, customer):
        return Step(StepKind.RETRY, "credit", "their credit covers it") if can_retry else None
    if trouble.obstacle is Obstacle.NOT_CHARGED:
        return Step(StepKind.RETRY, "first", "it has not been charged yet") if can_retry else None
    why = _reason_to_retry(month, trouble, customer, policy, today) if can_retry else ""
    if why:
        return Step(StepKind.RETRY, f"retry-{today}", why)
    if trouble.obstacle not in _TOLD_BY:
        return None
    attempts = sent_about(month)
    # One that came back told nobody anything: it is due again, unless that is of no use today.
    sent = [notice for notice in attempts if not notice.came_back or not _may_go_again(notice, policy, today)]
    known = [notice for notice in sent if not notice.came_back]
    at_once = None if notice_due(month) else _tell_at_once(trouble, known, sent)  # the close's own notice comes first
    reminder = at_once or _scheduled_reminder(trouble, known, sent, policy, today)
    return reminder or _after_the_last(trouble, known, policy, today)


def _may_go_again(notice: Notice, policy: DunningPolicy, today: date) -> bool:
    """Whether a notice that came back may be sent again: a few times, once a day, if the address takes e-mails."""
    return notice.bounces < _MOST_BOUNCES and policy.calendar.day(notice.time) < today


def _reason_to_retry(
    month: CustomerMonth, trouble: Trouble, customer: Customer, policy: DunningPolicy, today: date
) -> str:
    profile, obstacle = customer.profile, trouble.obstacle
    if not customer.payment_method:
        return ""
    if obstacle is Obstacle.NO_ADAPTER:
        return "the provider is now connected"
    if obstacle is Obstacle.REVERSED and not policy.retry_reversed:
        return ""
    last = max((p for p in month.own_payments if p.starts), key=lambda p: p.starts[-1], default=None)
    charged = last and (last.provider, customer.current_method(last.payment_method))
    if last is None or (profile.payment_provider, customer.payment_method) != charged:
        return "there is a new payment method"
    last_day = policy.calendar.day(last.starts[-1])
    if obstacle is Obstacle.OURS:
        return "retried once a day until the provider accepts it" if last_day < today else ""
    in_time = obstacle in (Obstacle.SOFT, Obstacle.REVERSED)
    return _scheduled_retry(month, trouble, policy, last_day, today) if in_time else ""


def _scheduled_retry(month: CustomerMonth, trouble: Trouble, policy: DunningPolicy, last_day: date, today: date) -> str:
    due = _due(policy.retry_days, trouble, policy, today)
    made = sum(start > trouble.began_at for start in month.collecting.starts) if month.collecting else 0
    if not due or made >= len(due) or last_day >= policy.calendar.day(trouble.began_at) + timedelta(due[-1]):
        return ""
    return f"day {due[-1]} after the first refusal"


def _tell_at_once(trouble: Trouble, sent: list[Notice], taken: list[Notice] | None = None) -> Step | None:
    since = trouble.began_at if trouble.obstacle is Obstacle.SOFT else trouble.since
    if any(notice.kind in _TOLD_BY[trouble.obstacle] and notice.time >= since for notice in sent):
        return None
    known = sent and sent[-1].kind not in _ALL_IS_WELL and trouble.obstacle is not Obstacle.REVERSED
    kind = (_REMINDER_OF if known else _FIRST_NEWS)[trouble.obstacle]
    return _telling(
        f"{since:%Y-%m-%dT%H%M%S}-{trouble.obstacle}",
        kind,
        "the customer has not been told yet",
        sent if taken is None else taken,
    )


def _scheduled_reminder(
    trouble: Trouble, sent: list[Notice], taken: list[Notice], policy: DunningPolicy, today: date
) -> Step | None:
    due = _due((*policy.reminder_days, policy.last_reminder_day), trouble, policy, today)
    if not due:
        return None
    began, last = policy.calendar.day(trouble.began_at), due[-1] == policy.last_reminder_day
    if not last and any(policy.calendar.day(notice.time) >= began + timedelta(due[-1]) for notice in sent):
        return None
    kind = _K.LAST_REMINDER if last else _REMINDER_OF[trouble.obstacle]
    return _telling(f"{trouble.began_at.date()}-day-{due[-1]}", kind, f"day {due[-1]} after the first refusal", taken)


def _telling(key: str, kind: NoticeKind, why: str, sent: list[Notice]) -> Step | None:
    taken = any(notice.step == key for notice in sent)
    return None if taken else Step(StepKind.TELL, key, why, kind)


def _after_the_last(trouble: Trouble, sent: list[Notice], policy: DunningPolicy, today: date) -> Step | None:
    final = [n for n in sent if n.told and n.kind == _K.LAST_REMINDER and n.time >= trouble.began_at]
    if not final or today < policy.calendar.day(final[-1].time) + timedelta(policy.final_days):
        return None
    kind = StepKind.HOLD if policy.after_last is AfterLast.HOLD else StepKind.GIVE_UP
    return Step(kind, "after the last", "no payment after the last reminder")


def _obstacle(payment: Payment) -> Obstacle | None:
    if payment.state is PaymentState.DECLINED and payment.code in UNTAKEN:
        return Obstacle.UNTAKEN
    if payment.state is PaymentState.DECLINED:
        hard = decline(payment.provider, payment.code, payment.advice).kind is DeclineKind.HARD
        return Obstacle.HARD if hard else Obstacle.SOFT
    if payment.never_begun:
        return None
    return _OBSTACLE_BY_STATE.get(payment.state)


def _last_step(payment: Payment, invoice: Invoice) -> datetime:
    return payment.history[-1].time if payment.history else datetime.combine(invoice.issued_on, time(), UTC)


def _began(payments: Iterable[Payment]) -> datetime | None:
    steps = sorted((step.time, step.after) for payment in payments for step in payment.history)
    reversals = [at for at, after in steps if after is PaymentState.REVERSED]
    refusals = [at for at, after in steps if after in _REFUSALS]
    return reversals[-1] if reversals else refusals[0] if refusals else None


def _due(days: tuple[int, ...], trouble: Trouble, policy: DunningPolicy, today: date) -> list[int]:
    elapsed = (today - policy.calendar.day(trouble.began_at)).days
    return [day for day in days if day <= elapsed]
