"""Who is behind a count: every word that a close counts customers by, and which customers it counts.

A batch's totals say whether any of its customers are to be listed, so that the others' are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Totals, totals_of
from monthclose.domain.closes.loose_end import LooseEndKind, count_loose_ends, loose_ends
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, HoldAction, NoticeState
from monthclose.domain.payments.payment import PaymentState

_HELD, _RELEASED = "held", "released"
_UNFINISHED, _WAITING, _UNREACHED = LooseEndKind.UNFINISHED, LooseEndKind.WAITING, LooseEndKind.UNREACHED
_OF_HOLDS = {_HELD: HoldAction.PLACED, _RELEASED: HoldAction.LIFTED}
_SPEAKING = {PaymentState.NOTHING_DUE, PaymentState.NO_PAYMENT_METHOD, PaymentState.NO_ADAPTER}
"""Payment states whose last step says why nothing was charged."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A customer, with what their month came to and why they are listed.

    Parameters
    ----------
    invoice : Invoice or None
        The one in force; a parked customer may have none.
    since : datetime or None
        Since when it is so, if that is known.
    """

    customer_id: str
    reason: str
    why: str
    since: datetime | None = None
    invoice: Invoice | None = None
    payment: str = ""
    hold: str = ""


type _Said = tuple[str, str, datetime | None]
"""Of a customer: the reason in a word, why in more of them, and since when."""


class _Kind(NamedTuple):
    """How a batch's customers of a kind are counted, and what there is to say of one."""

    count: Callable[[BatchProgress], int]
    of: Callable[[str, CustomerMonth, BatchProgress], _Said | None]


def kinds() -> tuple[str, ...]:
    """Name what can be listed."""
    return tuple(_KINDS)


def counts(totals: Totals) -> Mapping[str, int]:
    """Count what is listed apart from the rest: those about whom somebody may have to do something."""
    found: dict[str, int] = {
        "parked": sum(totals.parked.values()),
        **{str(state): totals.payments.get(state, 0) for state in _TO_LOOK_AT},
        _HELD: totals.holds.get(HoldAction.PLACED, 0),
        "untold": totals.untold,
        str(_WAITING): totals.waiting + totals.payments.get(PaymentState.PENDING, 0),
        str(_UNREACHED): sum(totals.notices.get(state, 0) for state in _LOST_MAIL),
    }
    return {name: number for name, number in found.items() if number}


_TO_LOOK_AT = (
    *(PaymentState.DECLINED, PaymentState.ACTION_REQUIRED, PaymentState.REVERSED, PaymentState.UNKNOWN),
    *(PaymentState.NO_PAYMENT_METHOD, PaymentState.NO_ADAPTER),
)
_LOST_MAIL = (NoticeState.BOUNCED, NoticeState.COMPLAINED, NoticeState.UNREACHABLE)


def may_have(kind: str, progress: BatchProgress) -> bool:
    """Whether a batch's customers must be read to list those of a kind."""
    return progress.outdated or _KINDS[kind].count(progress) > 0


def listed(kind: str, progress: BatchProgress, months: Mapping[str, CustomerMonth]) -> list[Listed]:
    """List a batch's customers of a kind, in its order."""
    found = ((name, month, _KINDS[kind].of(name, month, progress)) for name, month in months.items())
    return [_listed(name, month, said) for name, month, said in found if said]


def summarized(customer_id: str, month: CustomerMonth) -> Listed:
    """Say what has become of a customer: who is parked, and why, or how their payment stands."""
    if month.parked and month.parking:
        return _listed(customer_id, month, (month.parking.reason, month.parking.detail, month.parking.time))
    if month.invoice is None:
        return _listed(customer_id, month, ("carried" if month.carried else "nothing_to_bill", "", None))
    payment = month.collecting
    return _listed(customer_id, month, (str(month.collected_how or ""), payment.code if payment else "", None))


def _listed(customer_id: str, month: CustomerMonth, said: _Said) -> Listed:
    reason, why, since = said
    return Listed(
        customer_id,
        reason,
        why,
        since,
        month.invoice,
        str(month.collected_how or ""),
        str(month.hold.action) if month.hold else "",
    )


def _of_outcome(outcome: str) -> _Kind:
    def say(_name: str, month: CustomerMonth, _progress: BatchProgress) -> _Said | None:
        totals, _ = totals_of([month])
        return (outcome, "", None) if totals.customers.get(outcome) else None

    return _Kind(lambda progress: progress.totals.customers.get(outcome, 0), say)


def _of_parked() -> _Kind:
    def say(_name: str, month: CustomerMonth, _progress: BatchProgress) -> _Said | None:
        parking = month.parking
        return (parking.reason, parking.detail, parking.time) if parking and month.parked else None

    return _Kind(lambda progress: sum(progress.totals.parked.values()), say)


def _of_payment(state: PaymentState) -> _Kind:
    def say(_name: str, month: CustomerMonth, _progress: BatchProgress) -> _Said | None:
        payment = month.collecting
        if payment is None or month.collected_how is not state:
            return None
        last = payment.history[-1] if payment.history else None
        why = last.why if last and state in _SPEAKING else payment.code
        return str(state), why, last.time if last else None

    return _Kind(lambda progress: progress.totals.payments.get(state, 0), say)


def _of_notice(state: NoticeState) -> _Kind:
    def say(_name: str, month: CustomerMonth, _progress: BatchProgress) -> _Said | None:
        notice = month.notice
        return (str(state), notice.why, notice.time) if notice and notice.state is state else None

    return _Kind(lambda progress: progress.totals.notices.get(state, 0), say)


def _of_hold(name: str) -> _Kind:
    action = _OF_HOLDS[name]

    def say(_name: str, month: CustomerMonth, _progress: BatchProgress) -> _Said | None:
        hold = month.hold
        return (name, hold.reason, hold.time) if hold and hold.action is action else None

    return _Kind(lambda progress: progress.totals.holds.get(action, 0), say)


def _of_untold() -> _Kind:
    def say(name: str, month: CustomerMonth, progress: BatchProgress) -> _Said | None:
        totals, _ = totals_of([month])
        if not totals.untold:
            return None
        ends = loose_ends(progress, {name: month})
        return "untold", ends[0].what if ends else "", None

    return _Kind(lambda progress: progress.totals.untold, say)


def _of_loose_end(kind: LooseEndKind) -> _Kind:
    def say(name: str, month: CustomerMonth, progress: BatchProgress) -> _Said | None:
        ends = [end for end in loose_ends(progress, {name: month}) if end.kind is kind]
        return (str(kind), ends[0].what, ends[0].since) if ends else None

    return _Kind(lambda progress: count_loose_ends(progress)[kind], say)


_KINDS: Mapping[str, _Kind] = {
    "parked": _of_parked(),
    **{str(state): _of_payment(state) for state in PaymentState},
    **{name: _of_hold(name) for name in _OF_HOLDS},
    **{str(kind): _of_loose_end(kind) for kind in LooseEndKind},
    "untold": _of_untold(),
    **{str(state): _of_notice(state) for state in NoticeState},
    **{outcome: _of_outcome(outcome) for outcome in ("invoiced", "carried", "nothing_to_bill")},
}
"""By the word that the status and the report have for the count."""
