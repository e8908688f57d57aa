"""What happens to a refund (Stripe docs, "Refund and cancel payments")."""

from collections.abc import Mapping

from sandbox.stripe.account import Account, NotPossibleError
from sandbox.stripe.balance import Entry, Kind
from sandbox.stripe.charges import Charge
from sandbox.stripe.reversals import Refund, RefundStatus

FAILURE_REASONS = (
    *("lost_or_stolen_card", "expired_or_canceled_card", "charge_for_pending_refund_disputed", "insufficient_funds"),
    *("declined", "merchant_request", "unknown"),
)
PENDING_REASONS = ("processing", "insufficient_funds", "charge_pending")
STATUSES: tuple[RefundStatus, ...] = ("pending", "requires_action", "succeeded", "failed", "canceled")

_AFTER: Mapping[RefundStatus, tuple[RefundStatus, ...]] = {
    "pending": ("succeeded", "failed", "requires_action", "canceled"),
    "requires_action": ("succeeded", "failed", "canceled", "pending"),
    "succeeded": ("failed",),
    "failed": (),
    "canceled": (),
}
_NOT_TAKEN_YET = ("insufficient_funds", "charge_pending")
"""While a refund is pending for one of these, the balance has not been debited for it."""


def start(account: Account, charge: Charge, refund: Refund, idempotency_key: str | None) -> None:
    """Store a new refund, in whatever status it starts with. Call it with the account's lock held."""
    account.refunds.add(refund, refund.customer)
    for owner in (refund.payment_intent, refund.charge):
        account.refunds.file_under(owner, refund)
    before = charge.to_json()
    charge.amount_refunded += refund.amount
    _take(account, charge, refund, idempotency_key)
    account.emit("refund.created", refund.to_json())
    account.emit("charge.refunded", charge.to_json(), before)


def change(account: Account, refund: Refund, status: RefundStatus, reason: str | None = None) -> None:
    """Move a refund to a status. Call it with the account's lock held.

    One that fails or is canceled returns what it took, and the charge no longer counts it.

    Parameters
    ----------
    reason : str, optional
        Why it failed or is pending; ``unknown`` and ``processing`` unless given.

    Raises
    ------
    NotPossibleError
        The status cannot follow.
    """
    if status not in _AFTER[refund.status]:
        raise NotPossibleError(f"{refund.id} is {refund.status}: it cannot become {status}")
    charge, before = account.charges.get(refund.charge), refund.to_json()
    refund.status = status
    if status == "pending":
        refund.pending_reason = reason or "processing"
    if refund.counts:
        _take(account, charge, refund, None)
    else:
        refund.failure_reason = "merchant_request" if status == "canceled" else reason or "unknown"
        charge.amount_refunded -= refund.amount
        _give_back(account, charge, refund)
    for kind in ("refund.updated", "charge.refund.updated"):
        account.emit(kind, refund.to_json(), before)
    if status == "failed":
        account.emit("refund.failed", refund.to_json())


def _take(account: Account, charge: Charge, refund: Refund, idempotency_key: str | None) -> None:
    waits = refund.status == "pending" and refund.pending_reason in _NOT_TAKEN_YET
    if refund.balance_transaction is not None or waits or not refund.counts:
        return
    kind: Kind = "refund" if refund.on_card else "payment_refund"
    what = "REFUND FOR CHARGE" if refund.on_card else "REFUND FOR PAYMENT"
    entry = Entry(kind, "refund", refund.id, -refund.amount, refund.currency, what)
    refund.balance_transaction = account.book(entry).id
    account.move("refund", charge, -refund.amount, idempotency_key, refund=refund.id)


def _give_back(account: Account, charge: Charge, refund: Refund) -> None:
    if refund.balance_transaction is None:
        return
    entry = Entry("refund_failure", "refund_failure", refund.id, refund.amount, refund.currency, "REFUND FAILURE")
    refund.failure_balance_transaction = account.book(entry).id
    account.move("refund_failure", charge, refund.amount, None, refund=refund.id)
