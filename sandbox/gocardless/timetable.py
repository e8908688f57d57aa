"""When what happens by itself happens (GoCardless' guide, "Payment timings"; the numbers of days are the sandbox's)."""

import heapq
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from sandbox.gocardless import lifecycle
from sandbox.gocardless.account import Account
from sandbox.gocardless.money import Payment
from sandbox.gocardless.objects import Mandate
from sandbox.wire import Happened
from sandbox.working_days import after_working_days, report_after, report_on

_DAYS: Mapping[tuple[str, str], int] = {
    ("pending_customer_approval", "pending_submission"): 1,
    ("pending_customer_approval", "customer_approval_denied"): 1,
    ("pending_submission", "submitted"): 1,
    ("pending_submission", "cancelled"): 1,
    ("confirmed", "paid_out"): 1,
    ("confirmed", "failed"): 2,
    ("confirmed", "charged_back"): 5,
    ("charged_back", "confirmed"): 10,
    ("charged_back", "paid_out"): 10,
    ("failed", "pending_submission"): 3,
}
"""Working days from one status to the next."""
_AFTER_CHARGE_DATE = 1
"""Working days after the charge date until a bank has said whether it pays."""
_MANDATE_DAYS = 3
"""Working days until a new mandate is active, if no payment makes it so sooner."""


def next_due(account: Account) -> float | None:
    """Return when the next payment or mandate makes a step, in seconds since the epoch. Hold the account's lock."""
    moments = [*(_payment_due(payment) for payment in account.moving.values()), *_mandates_due(account).values()]
    return min(moments, default=None)


def pass_time(account: Account) -> list[Happened]:
    """Make the steps that are due by the account's clock, in their order. Call it with the account's lock held."""
    moved, now = list[Happened](), account.clock()
    for mandate, due in _mandates_due(account).items():
        if due <= now:
            lifecycle.activate(account, account.mandates.get(mandate))
    waiting = [(_payment_due(payment), payment.id) for payment in account.moving.values()]
    heapq.heapify(waiting)
    while waiting and waiting[0][0] <= now:
        due, reference = heapq.heappop(waiting)
        payment = account.payments.get(reference)
        lifecycle.advance(account, payment)
        payment.since = due  # a step that comes late, because nobody let time pass, does not hold up the next one
        moved.append(Happened(f"payment {payment.status}".replace("_", " "), dict(payment.metadata)))
        if payment.id in account.moving:
            heapq.heappush(waiting, (_payment_due(payment), payment.id))
    return moved


def _payment_due(payment: Payment) -> float:
    step = next((step for step in payment.steps_left if step != payment.status), "")
    if payment.status == "submitted":
        return report_on(after_working_days(date.fromisoformat(payment.charge_date), _AFTER_CHARGE_DATE))
    return report_after(payment.since, _DAYS.get((payment.status, step), 1))


def _mandates_due(account: Account) -> Mapping[str, float]:
    return {
        mandate.id: report_after(datetime.fromisoformat(mandate.created_at).timestamp(), _MANDATE_DAYS)
        for mandate in _new(account)
    }


def _new(account: Account) -> Iterator[Mandate]:
    return (mandate for mandate in account.mandates.all() if mandate.status == "pending_submission")
