"""What happens to a payment after it was created (API reference, "Payments", "Payment actions")."""

from collections import deque
from collections.abc import Mapping

from sandbox.gocardless.account import Account
from sandbox.gocardless.objects import Mandate, Payment
from sandbox.gocardless.schemes import REASON_CODES

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "pending_customer_approval": ("pending_submission", "customer_approval_denied", "cancelled"),
    "pending_submission": ("submitted", "cancelled"),
    "submitted": ("confirmed", "failed", "cancelled"),
    "confirmed": ("paid_out", "failed", "charged_back"),
    "paid_out": ("charged_back", "failed"),
    "charged_back": ("paid_out",),
    "failed": ("pending_submission",),
    "cancelled": (),
    "customer_approval_denied": (),
}
"""Which status may follow which; a failure after ``confirmed`` is a late one."""

COLLECTED = frozenset({"confirmed", "paid_out"})
"""The statuses in which the creditor has the money, or is promised it."""

_ACTIONS = {
    ("failed", "pending_submission"): "resubmission_requested",
    ("pending_customer_approval", "pending_submission"): "customer_approval_granted",
    ("charged_back", "paid_out"): "chargeback_cancelled",
}
"""An event's action is the new status, but for these."""

# By action: who did it, and why, unless the mandate's behaviour or the request says otherwise.
_CAUSES = {
    "created": ("api", "payment_created"),
    "customer_approval_granted": ("customer", "customer_approval_granted"),
    "customer_approval_denied": ("customer", "customer_approval_denied"),
    "submitted": ("gocardless", "payment_submitted"),
    "confirmed": ("gocardless", "payment_confirmed"),
    "paid_out": ("gocardless", "payment_paid_out"),
    "cancelled": ("api", "payment_cancelled"),
    "failed": ("bank", "insufficient_funds"),
    "charged_back": ("bank", "refund_requested"),
    "chargeback_cancelled": ("bank", "refund_cancelled"),
    "resubmission_requested": ("api", "payment_retried"),
}
_BANKS_DOING = frozenset({"failed", "cancelled", "charged_back"})
_TAKEN_BACK = {"failed": "late_failure", "charged_back": "charge_back"}


class IllegalAdvanceError(ValueError):
    """A payment cannot come to the status that was asked for."""


def path_to(status: str, target: str) -> tuple[str, ...]:
    """Return the shortest way from one status to another, through no failure.

    Raises
    ------
    IllegalAdvanceError
        There is none.
    """
    ways: deque[tuple[str, ...]] = deque((step,) for step in TRANSITIONS[status])
    seen = {status}
    while ways:
        way = ways.popleft()
        if way[-1] == target:
            return way
        if way[-1] not in seen | _TAKEN_BACK.keys():
            seen.add(way[-1])
            ways.extend((*way, step) for step in TRANSITIONS[way[-1]])
    raise IllegalAdvanceError(f"a payment that is {status} cannot become {target}")


def begin(account: Account, payment: Payment) -> None:
    """Announce a new payment and let it be moved on."""
    account.emit(payment, "created", _details(payment, "created"))
    _queue(account, payment)


def advance(account: Account, payment: Payment, to: str | None = None, cause: str = "") -> None:
    """Move a payment on: to a status, by every status on the way, or by its next step; at its end it stays.

    Raises
    ------
    IllegalAdvanceError
        It cannot come to that status.
    """
    if to is not None:
        for step in path_to(payment.status, to):
            _step(account, payment, step, cause)
        _forget_steps(account, payment)
    elif payment.steps_left:
        step, *rest = payment.steps_left
        mandate = account.mandate(payment.mandate)
        if step == "cancelled" and mandate.status == "active":
            cancel_mandate(account, mandate, "bank")  # and with it this payment
        else:
            payment.steps_left = tuple(rest)
            _step(account, payment, step, "" if rest else mandate.behaviour.cause)
    _queue(account, payment)


def settle(account: Account, after_seconds: float) -> None:
    """Let each payment make a step for every such time that passed since its last one."""
    now = account.clock()
    due = []
    for payment in account.moving.values():  # the one that has waited longest comes first
        if payment.since + after_seconds > now:
            break
        due.append(payment)
    for payment in due:
        for _ in range(int((now - payment.since) // after_seconds)):
            advance(account, payment)


def restart(account: Account, payment: Payment) -> None:
    """Try a failed payment once more."""
    payment.retries += 1
    _step(account, payment, "pending_submission", "")
    payment.steps_left = account.mandate(payment.mandate).behaviour.steps
    _queue(account, payment)


def cancel_mandate(account: Account, mandate: Mandate, origin: str, metadata: Mapping[str, str] | None = None) -> None:
    """Cancel a mandate and every payment of it that is not submitted yet."""
    mandate.status = "cancelled"
    cause = "mandate_cancelled"
    details = {"origin": origin, "cause": cause, "description": _sentence(cause), "scheme": mandate.scheme}
    account.emit(mandate, "cancelled", details, metadata)
    for payment in account.payments.owned_by(mandate.id):
        if "cancelled" in TRANSITIONS[payment.status] and payment.status != "submitted":
            advance(account, payment, "cancelled", cause)


def _step(account: Account, payment: Payment, status: str, cause: str) -> None:
    before, payment.status = payment.status, status
    payment.since = account.clock()
    action = _ACTIONS.get((before, status), status)
    if status == "submitted":
        _activate(account, account.mandate(payment.mandate))
    if before not in COLLECTED and status in COLLECTED:
        account.move("charge" if before != "charged_back" else "charge_back_cancelled", payment, payment.amount)
    elif before in COLLECTED and status not in COLLECTED:
        account.move(_TAKEN_BACK[status], payment, -payment.amount)
    account.emit(payment, action, _details(payment, action, cause))


def _queue(account: Account, payment: Payment) -> None:
    """Put a payment at the end of those that will move on, or take it away from them."""
    account.moving.pop(payment.id, None)
    if payment.steps_left:
        account.moving[payment.id] = payment


def _forget_steps(account: Account, payment: Payment) -> None:
    """Leave of the steps to come those that still can, now that somebody decided otherwise."""
    steps = account.mandate(payment.mandate).behaviour.steps
    taken = steps.index(payment.status) + 1 if payment.status in steps else len(steps)
    payment.steps_left = steps[taken:]


def _activate(account: Account, mandate: Mandate) -> None:
    if mandate.status != "pending_submission":
        return
    for status in ("submitted", "active"):
        mandate.status = status
        cause = "mandate_submitted" if status == "submitted" else "mandate_activated"
        details = {"origin": "gocardless", "cause": cause, "description": _sentence(cause), "scheme": mandate.scheme}
        account.emit(mandate, status, details)


def _details(payment: Payment, action: str, cause: str = "") -> dict[str, str]:
    origin, usual = _CAUSES[action]
    why = cause or usual
    details = {"origin": origin, "cause": why, "description": _sentence(why), "scheme": payment.scheme}
    code = REASON_CODES.get(why, {}).get(payment.scheme)
    if code and action in _BANKS_DOING:
        details |= {"origin": "bank", "reason_code": code}
    return details


def _sentence(cause: str) -> str:
    return f"{cause.replace('_', ' ').capitalize()}."
