"""Holds: who is put on hold for not paying, and when a hold is lifted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.collections.dunning import (
    DunningPolicy,
    Obstacle,
    Step,
    StepKind,
    next_step,
    sent_about,
    trouble_of,
)
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange, NoticeState
from monthclose.domain.period import Period

_PAID_UP = "nothing is owed any more"
_DECLINED = (Obstacle.SOFT, Obstacle.HARD)
_BOUNCES_BY = timedelta(days=1)
"""After this long an e-mail that has not come back has arrived: SES tries for some 14 hours."""
_NEWS_FOR = timedelta(days=7)
"""An older change of a hold is no longer news."""


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """When a customer who doesn't pay is put on hold.

    Parameters
    ----------
    grace_days : int
        Days after the invoice's date during which nobody is held for it.
    threshold_minor : mapping
        By currency (`default` for the others): nobody is held for less, in minor units.
    lift_manual : bool
        Whether a hold that a person placed is lifted by payment, too.
    tell_placed, tell_lifted : bool
        Whether the customer gets an e-mail about a hold that was placed or lifted, unless another e-mail has said so.
    """

    grace_days: int = 0
    threshold_minor: Mapping[str, int] = field(default_factory=dict)
    lift_manual: bool = False
    tell_placed: bool = True
    tell_lifted: bool = True

    def __post_init__(self) -> None:
        if self.grace_days < 0 or any(minor < 0 for minor in self.threshold_minor.values()):
            raise UserMistakeError("the hold policy's grace_days and threshold_minor must not be negative")

    def tells(self, action: HoldAction) -> bool:
        """Whether customers are told of such a change."""
        return self.tell_placed if action is HoldAction.PLACED else self.tell_lifted

    def threshold(self, currency: str) -> int:
        """Smallest overdue amount that a customer is held for, in minor units; at least one."""
        return max(self.threshold_minor.get(currency, self.threshold_minor.get("default", 0)), 1)


class HoldDecision(NamedTuple):
    """What to do to a customer's hold, why, and which month it is about."""

    action: HoldAction
    reason: str
    period: Period


def decide_hold(
    customer: Customer,
    months: Mapping[Period, CustomerMonth],
    policy: HoldPolicy,
    dunning: DunningPolicy,
    today: date,
) -> HoldDecision | None:
    """Decide whether a customer's hold changes, by all their months; None leaves it as it is.

    A definite decline leads to a hold after the grace period. A customer who was asked to do something (confirm the
    payment, add a payment method, pay again what their bank reversed) is held once the last reminder has gone
    unanswered. Nobody is held while a payment's outcome is outstanding, nor for an obstacle of our own making (no
    adapter for the provider, a parked customer), nor for an invoice that a person released them from, nor for one that
    no e-mail about has reached them: a bounce lifts the hold that was placed with the e-mail.
    """
    if customer.held_since is None:
        return _place(customer, months, policy, dunning, today)
    if customer.held_by and not policy.lift_manual:
        return None
    if customer.owed.minor <= 0:
        return HoldDecision(HoldAction.LIFTED, _PAID_UP, _held_for(months, today))
    if _in_flight(customer, months) or _overdue(customer, months, policy, dunning, today, retry_first=False):
        return None
    untold = any(notice.came_back for month in months.values() for notice in month.notices)
    reason = "the e-mails about it did not arrive" if untold else "nothing is overdue any more"
    return HoldDecision(HoldAction.LIFTED, reason, _held_for(months, today))


def lift_if_paid_up(
    customer: Customer, period: Period, number: int, at: datetime
) -> tuple[Customer, tuple[HoldChange, ...]]:
    """Lift a policy's hold together with the booking that leaves nothing owed; a person's hold stays.

    Parameters
    ----------
    period, number : Period, int
        The month that the booking is about, and the number that a change of the hold has there.
    """
    if customer.held_since is None or customer.held_by or customer.owed.minor > 0:
        return customer, ()
    change = HoldChange(customer.customer_id, period, HoldAction.LIFTED, _PAID_UP, at, number)
    return customer.off_hold(), (change,)


def untold_change(months: Iterable[CustomerMonth], now: datetime) -> HoldChange | None:
    """Find the last change of a customer's hold, if it is news to them.

    Every e-mail says whether the account is on hold. So a change is news until an e-mail about its month goes out.
    """
    changed = [(month.hold.time, month.hold.number, month) for month in months if month.hold]
    if not changed:
        return None
    at, _, month = max(changed, key=lambda found: found[:2])
    return None if now - at > _NEWS_FOR or not news_in(month) else month.hold


def news_in(month: CustomerMonth) -> bool:
    """Whether the last change of the hold that is noted in a month came after the last e-mail about the month."""
    change = month.hold
    told = change and any(n.time >= change.time and n.state is not NoticeState.WITHDRAWN for n in month.notices)
    return change is not None and not told


def _place(
    customer: Customer,
    months: Mapping[Period, CustomerMonth],
    policy: HoldPolicy,
    dunning: DunningPolicy,
    today: date,
) -> HoldDecision | None:
    if _in_flight(customer, months) or any(month.parked for month in months.values()):
        return None
    overdue = _overdue(customer, months, policy, dunning, today, retry_first=True)
    if not overdue:
        return None
    period, (invoice, why) = next(iter(overdue.items()))
    more = f", and {len(overdue) - 1} more" if len(overdue) > 1 else ""
    return HoldDecision(HoldAction.PLACED, f"invoice {invoice.number}: {why}{more}", period)


def _overdue(
    customer: Customer,
    months: Mapping[Period, CustomerMonth],
    policy: HoldPolicy,
    dunning: DunningPolicy,
    today: date,
    *,
    retry_first: bool,
) -> dict[Period, tuple[Invoice, str]]:
    """Find the overdue invoices, oldest first; none if together they don't reach the threshold.

    Parameters
    ----------
    retry_first : bool
        Leave out those that are due to be charged again: a provider that is down must put nobody on hold.
    """
    overdue = {}
    for period, month in sorted(months.items()):
        step = next_step(month, customer, dunning, today, can_retry=retry_first)
        why = _why_overdue(month, step, policy, today, dunning.calendar)
        if why and month.invoice:
            overdue[period] = (month.invoice, why)
    due = min(sum(invoice.open.minor for invoice, _ in overdue.values()), customer.owed.minor)
    return overdue if due >= policy.threshold(customer.currency) else {}


def _why_overdue(
    month: CustomerMonth, step: Step | None, policy: HoldPolicy, today: date, calendar: BillingCalendar
) -> str:
    trouble = trouble_of(month)
    if trouble is None or month.invoice is None or _released(month):
        return ""
    retry_due = step is not None and step.kind is StepKind.RETRY
    told_on = _told_on(month, month.invoice, calendar)
    if retry_due or told_on is None or today < told_on + timedelta(days=policy.grace_days):
        return ""
    if trouble.obstacle in _DECLINED or (step and step.kind is StepKind.HOLD):
        return trouble.payment.code or str(trouble.payment.state)
    return ""


def _told_on(month: CustomerMonth, invoice: Invoice, calendar: BillingCalendar) -> date | None:
    """Find the day that the grace period counts from; None if every e-mail about the invoice came back.

    That is the invoice's date or, if earlier e-mails came back, the day after the first one that did not: holds are not
    placed and lifted again with each e-mail. With none sent yet, it is the invoice's date: the hold is decided with the
    e-mail that mentions it.
    """
    sent = sent_about(month)
    told = [calendar.day(notice.time) for notice in sent if notice.told]
    if not sent or sent[0].told:
        return invoice.issued_on
    return max(invoice.issued_on, told[0] + _BOUNCES_BY) if told else None


def _released(month: CustomerMonth) -> bool:
    return any(change.action is HoldAction.LIFTED and change.by for change in month.holds)


def _in_flight(customer: Customer, months: Mapping[Period, CustomerMonth]) -> bool:
    return bool(customer.open_payment) or any(p.in_flight for month in months.values() for p in month.payments)


def _held_for(months: Mapping[Period, CustomerMonth], today: date) -> Period:
    """Find the month that the hold is about: the one where a hold was last placed."""
    placed = [
        (change.time, period)
        for period, month in months.items()
        for change in month.holds
        if change.action is HoldAction.PLACED
    ]
    return max(placed)[1] if placed else max(months, default=Period(today.year, today.month))
