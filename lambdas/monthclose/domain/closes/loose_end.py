"""Loose ends: customers a close has not finished, and customers waiting for what takes days. Neither is an error.

The proof's findings (`domain/closes/proof`) are something else: sums that do not tie.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.collections.dunning import telling_due
from monthclose.domain.month import CustomerMonth, NoticeState
from monthclose.domain.payments.payment import Payment, PaymentState


class LooseEndKind(StrEnum):
    """What a loose end is."""

    UNFINISHED = "unfinished"
    """Something is left to do: for a person, the reconciler, or another run of the close."""
    WAITING = "waiting"
    """It goes on by itself, in days perhaps: a bank has the order."""
    UNREACHED = "unreached"
    """Their e-mail did not arrive, or they complained about it: somebody asks them for another address."""


_UNREACHED = (NoticeState.BOUNCED, NoticeState.COMPLAINED, NoticeState.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class LooseEnd:
    """A customer a close has not finished with, and why.

    Parameters
    ----------
    what : str
        What is left to do or waited for, as a sentence for a person.
    since : datetime or None
        Since when, if that is known.
    """

    kind: LooseEndKind
    customer_id: str
    what: str
    since: datetime | None = None


def count_loose_ends(progress: BatchProgress) -> Mapping[LooseEndKind, int]:
    """Count a batch's loose ends by its sums, at least: without reading its customers."""
    totals = progress.totals
    unfinished = max(sum(totals.parked.values()), progress.unsettled) + totals.untold
    pending = totals.payments.get(PaymentState.PENDING, 0)
    return {
        LooseEndKind.UNFINISHED: unfinished or int(progress.stage is not Stage.CLOSED and bool(totals.money)),
        LooseEndKind.WAITING: pending + totals.waiting,
        LooseEndKind.UNREACHED: sum(totals.notices.get(state, 0) for state in _UNREACHED),
    }


def loose_ends(progress: BatchProgress, months: Mapping[str, CustomerMonth]) -> list[LooseEnd]:
    """Find the loose ends of a batch's customers, in order."""
    found = (_loose_end(customer_id, month, progress.stage) for customer_id, month in months.items())
    unreached = (_unreached(customer_id, month) for customer_id, month in months.items())
    return [end for end in (*found, *unreached) if end]


def _unreached(customer_id: str, month: CustomerMonth) -> LooseEnd | None:
    notice = month.notice
    if notice is None or notice.state not in _UNREACHED:
        return None
    why = f" ({notice.why})" if notice.why else ""
    return LooseEnd(LooseEndKind.UNREACHED, customer_id, f"their e-mail: {notice.state}{why}", notice.time)


def _loose_end(customer_id: str, month: CustomerMonth, stage: Stage) -> LooseEnd | None:
    if month.parked and month.parking:
        what = f"parked, {month.parking.reason}: {month.parking.detail}"
        return LooseEnd(LooseEndKind.UNFINISHED, customer_id, what, month.parking.time)
    for payment in month.payments:
        if payment.waits_for or payment.state is PaymentState.PENDING:
            return _waiting(customer_id, payment)
        if not payment.settled and not payment.waits:
            since = payment.history[-1].time if payment.history else None
            what = f"payment {payment.payment_id} is {payment.state}"
            return LooseEnd(LooseEndKind.UNFINISHED, customer_id, what, since)
    return _left_to_do(customer_id, month, stage)


def _waiting(customer_id: str, payment: Payment) -> LooseEnd:
    if payment.waits_for:
        what = f"payment {payment.payment_id} starts once payment {payment.waits_for}, now under way, has ended"
        return LooseEnd(LooseEndKind.WAITING, customer_id, what)
    what = f"{payment.provider} is collecting {payment.amount} (payment {payment.payment_id})"
    return LooseEnd(LooseEndKind.WAITING, customer_id, what, payment.attempt_begun_at)


def _left_to_do(customer_id: str, month: CustomerMonth, stage: Stage) -> LooseEnd | None:
    what, telling = "", telling_due(month)
    if month.invoice and month.invoice.being_replaced:
        number = month.invoice.number
        what = f"invoice {number} is being regenerated: if that broke off, run the same `invoice regenerate` again"
    elif telling:
        what = f"notice not sent yet: {telling.kind.replace('_', ' ')}"
    elif month.invoice and stage is not Stage.CLOSED:
        what = f"their batch has only reached the stage {stage}"
    return LooseEnd(LooseEndKind.UNFINISHED, customer_id, what) if what else None
