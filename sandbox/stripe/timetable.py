"""When what happens by itself happens. Where Stripe's documents give a range of days, the sandbox takes one of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sandbox.stripe import outside, payouts
from sandbox.stripe.account import Account
from sandbox.stripe.charges import Charge
from sandbox.stripe.dispute_cases import Move, advance
from sandbox.stripe.refund_fates import change
from sandbox.stripe.reversals import Dispute, Refund
from sandbox.stripe.sessions import expire_due
from sandbox.wire import Happened
from sandbox.working_days import report_after

_SETTLES: Mapping[str, int] = {"us_bank_account": 4, "sepa_debit": 5, "bacs_debit": 3, "card": 1}
"""Working days until a payment in ``processing`` ends ("ACH Direct Debit", "SEPA Direct Debit", "Bacs Direct Debit":
timing)."""
_REVERSED_AFTER = 5
"""Working days until a bank reverses a debit that had succeeded."""
_REFUNDED_AFTER = 5
"""Working days until a pending refund has arrived ("Refund and cancel payments": 5 to 10)."""
_DAY = 86_400
_DECIDED_AFTER = 60 * _DAY
"""How long an issuer takes to decide on evidence ("How disputes work": 60 to 75 days)."""
_APPEAL_ENDS_AFTER = 7 * _DAY
_INQUIRY_ENDS_AFTER = 120 * _DAY
"""How long an inquiry stays open at most ("How disputes work": inquiries)."""


class _Due(NamedTuple):
    moment: float
    about: str
    """The PaymentIntent."""
    what: str
    happen: Callable[[Account], object]


def next_due(account: Account) -> float | None:
    """Return when something happens next, in seconds since the epoch. Call it with the account's lock held."""
    return min((due.moment for due in _all(account)), default=None)


def pass_time(account: Account) -> list[Happened]:
    """Let happen what is due by the account's clock, in its order. Call it with the account's lock held.

    Payouts are made and sessions expire as well; nobody need wait for them, so that they are not among what is due.
    """
    moved, now = list[Happened](), account.now()
    while due := min((due for due in _all(account) if due.moment <= now), default=None, key=lambda due: due.moment):
        due.happen(account)
        account.catch_up()
        moved.append(Happened(due.what, dict(account.payment_intents.get(due.about).metadata)))
    payouts.catch_up(account)
    expire_due(account)
    return moved


def _all(account: Account) -> Iterator[_Due]:
    for charge in account.charges.all():
        yield from _of_charge(charge)
    for dispute in account.disputes.all():
        yield from _of_dispute(dispute)
    for refund in account.refunds.all():
        yield from _of_refund(refund)


def _of_charge(charge: Charge) -> Iterator[_Due]:
    settled = report_after(charge.created, _SETTLES[charge.means.kind])
    if not charge.settled:
        yield _Due(settled, charge.payment_intent, "payment settled", outside.settle(charge.payment_intent))
    elif outside.will_be_reversed(charge):
        moment = report_after(settled, _REVERSED_AFTER)
        yield _Due(moment, charge.payment_intent, "debit reversed", outside.fail_late(charge.payment_intent))


def _of_dispute(dispute: Dispute) -> Iterator[_Due]:
    """What becomes of a dispute that nobody answers, and what the issuer decides about one that was answered."""
    ends: Mapping[str, tuple[float, str]] = {
        "needs_response": (dispute.due_by, "lost"),
        "under_review": (dispute.since + _DECIDED_AFTER, "won"),
        "warning_needs_response": (dispute.created + _INQUIRY_ENDS_AFTER, "warning_closed"),
        "warning_under_review": (dispute.created + _INQUIRY_ENDS_AFTER, "warning_closed"),
        "appeal_under_review": (dispute.since + _DECIDED_AFTER, "won"),
        "appeal_needs_response": (dispute.since + _APPEAL_ENDS_AFTER, "lost"),
    }
    if dispute.status in ends:
        moment, status = ends[dispute.status]
        what = f"dispute {status}" if status in ("won", "lost") else "inquiry closed"
        yield _Due(moment, dispute.payment_intent, what, lambda account: advance(account, dispute, Move(status)))


def _of_refund(refund: Refund) -> Iterator[_Due]:
    if refund.status == "pending":
        moment = report_after(refund.created, _REFUNDED_AFTER)
        done = "refund arrived"
        yield _Due(moment, refund.payment_intent, done, lambda account: change(account, refund, "succeeded"))
