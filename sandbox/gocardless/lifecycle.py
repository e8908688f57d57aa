"""What happens to a payment after it was created (API reference, "Payments", "Payment actions")."""

from collections.abc import Mapping

from sandbox.gocardless import payouts
from sandbox.gocardless.account import Account
from sandbox.gocardless.money import Payment
from sandbox.gocardless.objects import OPEN, Mandate
from sandbox.gocardless.published import published, why
from sandbox.gocardless.ways import way

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "pending_customer_approval": ("pending_submission", "customer_approval_denied", "cancelled"),
    "pending_submission": ("submitted", "cancelled"),
    "submitted": ("confirmed", "failed", "cancelled"),
    "confirmed": ("paid_out", "failed", "charged_back"),
    "paid_out": ("charged_back", "failed"),
    "charged_back": ("confirmed", "paid_out"),
    "failed": ("pending_submission",),
    "cancelled": (),
    "customer_approval_denied": (),
}
"""Which status may follow which; a failure after ``confirmed`` is a late one. A charge-back that is cancelled makes a
payment what it was: ``paid_out``, unless it was not yet, or was deducted from a payout meanwhile: ``confirmed``."""

COLLECTED = frozenset({"confirmed", "paid_out"})
"""The statuses in which the creditor has the money, or is promised it."""

CANCELLABLE = frozenset({"pending_customer_approval", "pending_submission"})
"""The statuses in which a payment can be cancelled: the banks do not have it yet."""

MOST_RETRIES = 3
"""How often a payment can be retried."""

_ACTIONS = {
    ("failed", "pending_submission"): "resubmission_requested",
    ("pending_customer_approval", "pending_submission"): "customer_approval_granted",
    ("charged_back", "confirmed"): "chargeback_cancelled",
    ("charged_back", "paid_out"): "chargeback_cancelled",
}
"""An event's action is the new status, but for these."""

_BANKS_DOING = frozenset({"failed", "cancelled", "charged_back"})
_TAKEN_BACK = {"failed": "late_failure", "charged_back": "charge_back"}
_OWED = {"failed": "payment_failed", "charged_back": "payment_charged_back"}


def begin(account: Account, payment: Payment) -> None:
    """Announce a new payment and let it advance."""
    account.emit(payment, "created")
    _queue(account, payment)


def advance(
    account: Account,
    payment: Payment,
    to: str | None = None,
    cause: str = "",
    origin: str = "",
    metadata: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> None:
    """Move a payment on: to a status, by every status on the way, or by its next step; at its end it stays.

    Parameters
    ----------
    cause, origin : str
        Why and by whom it comes to the last of these statuses, where it is not the usual.
    metadata, links : Mapping[str, str], optional
        Of the last event.

    Raises
    ------
    IllegalAdvanceError
        It cannot come to that status.
    UnpublishedError
        It does not come there for that cause.
    """
    if to is not None:
        *through, last = way("payment", _ways_of(payment), payment.status, to, _TAKEN_BACK)
        before = through[-1] if through else payment.status
        why("payments", _ACTIONS.get((before, last), last), cause, origin)  # before anything has happened
        for step in through:
            _step(account, payment, step)
        _step(account, payment, last, cause, origin, metadata=metadata, links=links)
        _forget_steps(account, payment)
    elif payment.steps_left:
        step, *rest = payment.steps_left
        payment.steps_left = tuple(rest)
        if step != payment.status:
            _next_step(account, payment, step)
    _queue(account, payment)


def _next_step(account: Account, payment: Payment, step: str) -> None:
    mandate = account.mandate(payment.mandate)
    if step == "cancelled" and mandate.status == "active":
        end_mandate(account, mandate, "cancelled", "mandate_cancelled", "bank")  # and with it this payment
    elif step == "cancelled":
        _step(account, payment, step, "mandate_cancelled", "bank")
    elif (payment.status, step) == ("failed", "pending_submission"):
        _step(account, payment, step, "payment_autoretried")
    else:
        _step(account, payment, step, mandate.behaviour.cause if step in _BANKS_DOING else "")


def restart(
    account: Account, payment: Payment, charge_date: str = "", metadata: Mapping[str, str] | None = None
) -> None:
    """Try a failed payment once more."""
    _step(account, payment, "pending_submission", "payment_retried", metadata=metadata)
    payment.charge_date = charge_date or payment.charge_date
    _forget_steps(account, payment)
    _queue(account, payment)


def end_mandate(
    account: Account,
    mandate: Mandate,
    status: str,
    cause: str = "",
    origin: str = "",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """End a mandate, and with it every payment that is not submitted yet.

    Raises
    ------
    UnpublishedError
        It does not end so for that cause.
    """
    parent = account.emit(mandate, status, cause, origin, metadata=metadata)
    mandate.status = status
    if status == "consumed":  # by a payment that goes on
        return
    reason = why("mandates", status, cause, origin)
    causes = {pair["cause"] for pair in published()["events"]["payments"]["cancelled"]}
    given = reason.cause if reason.cause in causes else "mandate_cancelled"
    cancel_payments(account, mandate, given, reason.origin if given == reason.cause else "gocardless", parent)


def cancel_payments(account: Account, mandate: Mandate, cause: str, origin: str, parent: str = "") -> None:
    """Cancel a mandate's payments that are not submitted yet, because of what became of it."""
    links = {"parent_event": parent} if parent else None
    for payment in account.payments.owned_by(mandate.id):
        if payment.mandate == mandate.id and payment.status in CANCELLABLE:
            advance(account, payment, "cancelled", cause, origin, links=links)


def _ways_of(payment: Payment) -> Mapping[str, tuple[str, ...]]:
    """Return the transitions, of a charge-back only the one that cancels it."""
    return {**TRANSITIONS, "charged_back": ("paid_out" if payment.payout else "confirmed",)}


def _step(
    account: Account,
    payment: Payment,
    status: str,
    cause: str = "",
    origin: str = "",
    *,
    metadata: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> None:
    before = payment.status
    if before == "charged_back" and status in COLLECTED:
        status = "paid_out" if payment.payout else "confirmed"
    action = _ACTIONS.get((before, status), status)
    if status == "submitted":
        activate(account, account.mandate(payment.mandate))
    if (before, status) == ("failed", "pending_submission"):
        payment.retries += 1
        payment.charge_date = account.mandate(payment.mandate).earliest_charge()
    if status == "paid_out" and before == "confirmed":
        payouts.pay_out(account, payment)
        links = {"payout": payment.payout}
    again = status == "failed" and _retries_itself(account, payment, cause)
    account.emit(
        payment,
        action,
        cause,
        origin,
        more=_retrying(again) if status == "failed" else None,
        metadata=metadata,
        links=links,
    )
    payment.status, payment.since = status, account.clock()
    if again:
        payment.steps_left = ("pending_submission", "submitted", "confirmed", "paid_out")
    _move_money(account, payment, before)


def _retries_itself(account: Account, payment: Payment, cause: str) -> bool:
    """Tell whether GoCardless will try again by itself (API reference, "Success+")."""
    return (
        payment.retry_if_possible
        and payment.status == "submitted"
        and payment.retries < MOST_RETRIES
        and cause in ("", "insufficient_funds", "refer_to_payer")
        and account.mandate(payment.mandate).status in OPEN
    )


def _retrying(again: bool) -> Mapping[str, str | bool]:
    return {"will_attempt_retry": True} if again else {"will_attempt_retry": False, "not_retried_reason": "other"}


def _move_money(account: Account, payment: Payment, before: str) -> None:
    """Write down what a change of status means for the money, and for payouts to come."""
    had, has = before in COLLECTED, payment.status in COLLECTED
    if has and not had:
        cancelled = before == "charged_back"
        account.move("charge_back_cancelled" if cancelled else "charge", payment, payment.amount)
        if cancelled:
            payouts.forgive(account, payment)
    elif had and not has:
        account.move(_TAKEN_BACK[payment.status], payment, -payment.amount)
        if payment.payout:
            payouts.owe_payment(account, payment, _OWED[payment.status])
        if payment.status == "failed":
            payment.payout = ""


def _queue(account: Account, payment: Payment) -> None:
    """Put a payment at the end of those that will move on, or take it away from them."""
    account.moving.pop(payment.id, None)
    if payment.steps_left:
        account.moving[payment.id] = payment


def _forget_steps(account: Account, payment: Payment) -> None:
    """Leave of the steps to come those that still can, now that somebody decided otherwise."""
    steps = account.mandate(payment.mandate).behaviour.steps
    if payment.status in steps:
        payment.steps_left = steps[steps.index(payment.status) + 1 :]
    else:  # one that is tried again has all of them before it
        payment.steps_left = steps if payment.status == "pending_submission" else ()


def activate(account: Account, mandate: Mandate) -> None:
    """Let the bank know a new mandate."""
    if mandate.status != "pending_submission":
        return
    for status in ("submitted", "active"):
        mandate.status = status
        account.emit(mandate, "reinstated" if status == "active" and mandate.reinstatements else status)
    mandate.known = True
