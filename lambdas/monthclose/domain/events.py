"""The events that other systems hear: made from what was committed, so that nothing is announced that is not so.

Each event's detail has a JSON Schema in `monthclose/events`. It has ids, amounts, currencies and codes, never a name,
an address or what a person wrote.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monthclose.domain.closes.close import BatchProgress, Close, Stage, Totals
from monthclose.domain.money import exponent
from monthclose.domain.month import HoldAction, HoldChange
from monthclose.domain.payments.payment import IN_FLIGHT, REFUSED, Payment, PaymentState

VERSION = "1"
"""Of the schemas. A field may be added to an event; what a field means never changes without another version."""

CLOSE_STARTED = "Month close started"
STAGE_PASSED = "Month close stage passed"
CUSTOMER_HELD, CUSTOMER_RELEASED = "Customer held", "Customer released"
SETTLED_LATE, FAILED_LATE = "Payment settled late", "Payment failed late"

_AT_THE_CHARGE = frozenset({PaymentState.READY, PaymentState.CHARGING})
"""A payment that leaves one of these has its outcome from the charge itself, which the close reports."""
_MONEY = ("invoiced", "collected", "open")

type Record = HoldChange | Payment | Close | BatchProgress
"""What changes are watched of."""


@dataclass(frozen=True, slots=True)
class Change:
    """A record before and after a commit; None before if there was none."""

    before: Record | None
    after: Record


@dataclass(frozen=True, slots=True)
class Event:
    """One event: what EventBridge calls its detail type, and its detail.

    The detail's `id` is the same however often an event is sent: whoever must act once keeps it.
    """

    kind: str
    detail: Mapping[str, Any]


def events_of(change: Change) -> Iterator[Event]:
    """List what a change of a hold, a payment or a close announces. A batch's alone announces nothing."""
    match change.after:
        case HoldChange() as hold if change.before is None:
            yield _of_hold(hold)
        case Payment() as payment if isinstance(change.before, Payment):
            yield from _of_payment(change.before, payment)
        case Close() as close if change.before is None or isinstance(change.before, Close):
            yield from _of_close(change.before, close)


def _of_hold(hold: HoldChange) -> Event:
    placed = hold.action is HoldAction.PLACED
    return Event(
        CUSTOMER_HELD if placed else CUSTOMER_RELEASED,
        {
            "version": VERSION,
            "id": f"{hold.customer_id}/{hold.period}/hold/{hold.number}",
            "time": hold.time.isoformat(),
            "period": str(hold.period),
            "customer_id": hold.customer_id,
            "by": "person" if hold.by else "policy",
        },
    )


def _of_payment(before: Payment, after: Payment) -> Iterator[Event]:
    """Tell what became of a payment after its charge: what the charge itself answered is in the close's report."""
    was, now = before.state, after.state
    if now is PaymentState.PAID and was is not now and (was not in _AT_THE_CHARGE or after.attempt > 1):
        yield Event(SETTLED_LATE, _payment_detail(before, after))
    lost_later = now in REFUSED and was in IN_FLIGHT - _AT_THE_CHARGE
    if lost_later or after.reversed_minor > before.reversed_minor:
        yield Event(FAILED_LATE, _payment_detail(before, after))


def _payment_detail(before: Payment, after: Payment) -> Mapping[str, Any]:
    return {
        "version": VERSION,
        "id": f"{after.payment_id}/{after.version}",
        "time": after.history[-1].time.isoformat(),
        "period": str(after.period),
        "customer_id": after.customer_id,
        "payment": after.payment_id,
        "provider": after.provider,
        "currency": after.currency,
        "exponent": exponent(after.currency),
        "amount_minor": after.amount_minor,
        "collected_minor": after.collected_minor,
        "refunded_minor": after.refunded_minor,
        "reversed_minor": after.reversed_minor,
        "before": before.state.value,
        "state": after.state.value,
        "attempt": after.attempt,
        "code": after.code,
    }


def _of_close(before: Close | None, after: Close) -> Iterator[Event]:
    if before is None or after.run > before.run:
        yield Event(
            CLOSE_STARTED,
            {
                "version": VERSION,
                "id": f"{after.period}/{after.run}/started",
                "time": after.run_started_at.isoformat(),
                "period": str(after.period),
                "run": after.run,
                "opened_at": after.opened_at.isoformat(),
            },
        )


def stages_passed(before: BatchProgress | None, after: BatchProgress) -> list[Stage]:
    """List the stages that a batch has passed; in a new round it passes all of them again."""
    again = before is None or after.round > before.round
    done = -1 if before is None or again else before.stage.order
    return [stage for stage in Stage if done < stage.order <= after.stage.order]


def stage_event(close: Close, stage: Stage, totals: Totals, time: str) -> Event:
    """Announce that all batches of a close have passed a stage.

    Parameters
    ----------
    time : str
        When the last of them was written.
    """
    return Event(
        STAGE_PASSED,
        {
            "version": VERSION,
            "id": f"{close.period}/{close.run}/{stage}",
            "time": time,
            "period": str(close.period),
            "run": close.run,
            "stage": stage.value,
            "customers": close.customers,
            "batches": close.batches,
            "parked": sum(totals.parked.values()),
            "exponents": {currency: exponent(currency) for currency in sorted(totals.money)},
            "money": {c: {name: sums.get(name, 0) for name in _MONEY} for c, sums in sorted(totals.money.items())},
        },
    )
