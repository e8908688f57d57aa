"""What can happen to payments, one thing at a time and at random: for chaos, and for tests that try everything.

The same draws give the same payments the same fates.
"""

import random
from collections.abc import Callable

from sandbox.stripe import outside
from sandbox.stripe.account import Account, Command, NotPossibleError
from sandbox.stripe.banks import BankAccount
from sandbox.stripe.charges import Charge
from sandbox.stripe.dispute_cases import FOLLOWING, disputable
from sandbox.stripe.reversals import Dispute, RefundStatus
from sandbox.wire import JSON

type Deed = Callable[[Account, random.Random], tuple[str, JSON]]
"""Does something that is possible, and names it in the plural."""

_PENDING = ("processing", "insufficient_funds", "charge_pending")
_FAILED = ("declined", "lost_or_stolen_card", "expired_or_canceled_card", "unknown")


def befall(rng: random.Random, *, only: str = "") -> Command:
    """Let one of the possible things happen to one of the payments.

    Answers what happened, in the plural, and to which object: ``{"happened": "part disputes opened", "to": "du_…"}``;
    ``happened`` is null if nothing can.

    Parameters
    ----------
    only : str
        The name of one of :data:`DEEDS`; anything unless given.
    """

    def command(account: Account) -> JSON:
        deeds = [DEEDS[only]] if only else list(DEEDS.values())
        rng.shuffle(deeds)
        for deed in deeds:
            try:
                happened, about = deed(account, rng)
            except (NotPossibleError, IndexError):  # nothing there to do it to
                continue
            return {"happened": happened, "to": about["id"], "payment_intent": about["payment_intent"]}
        return {"happened": None, "to": None, "payment_intent": None}

    return command


def _dispute(account: Account, rng: random.Random) -> tuple[str, JSON]:
    charge = rng.choice([charge for charge in _paid(account) if disputable(account, charge) > 1])
    amount = rng.randint(1, disputable(account, charge))
    whole = amount == charge.amount
    status = rng.choice(("needs_response", "needs_response", "warning_needs_response"))
    kind = "inquiries" if status != "needs_response" else "disputes" if whole else "part disputes"
    made = outside.open_dispute(charge.payment_intent, amount=amount, status=status)(account)
    return f"{kind} opened", made


def _verdict(account: Account, rng: random.Random) -> tuple[str, JSON]:
    dispute = rng.choice([found for found in account.disputes.all() if _next(found)])
    status = rng.choice(_next(dispute))
    if status == "lost" and dispute.withdrawn > 1 and rng.random() < 0.3:
        returned = rng.randint(1, dispute.withdrawn - 1)
        return "disputes partly won", outside.move_dispute(dispute.id, status, returned=returned)(account)
    words = {"won": "disputes won", "lost": "disputes lost", "prevented": "disputes prevented"}
    words |= {"warning_closed": "inquiries closed", "appeal_needs_response": "disputes appealed"}
    return words.get(status, "disputes that moved on"), outside.move_dispute(dispute.id, status)(account)


def _refund(account: Account, rng: random.Random) -> tuple[str, JSON]:
    charge = rng.choice([charge for charge in _paid(account) if _refundable(charge) > 0])
    amount = rng.randint(1, _refundable(charge))
    statuses: tuple[RefundStatus, ...] = ("succeeded", "pending", "requires_action")
    status = rng.choice(statuses)
    reason = rng.choice(_PENDING) if status == "pending" else None
    made = outside.open_refund(charge.payment_intent, amount, status=status, reason=reason)(account)
    return ("refunds" if status == "succeeded" else "refunds that are pending"), made


def _refund_fate(account: Account, rng: random.Random) -> tuple[str, JSON]:
    refund = rng.choice([found for found in account.refunds.all() if found.counts])
    if refund.status == "succeeded" or rng.random() < 0.5:
        failed = outside.move_refund(refund.id, "failed", rng.choice(_FAILED))(account)
        return "refunds that failed", failed
    return "refunds that succeeded later", outside.move_refund(refund.id, "succeeded")(account)


def _late_failure(account: Account, rng: random.Random) -> tuple[str, JSON]:
    debits = [charge for charge in _paid(account) if isinstance(charge.means, BankAccount)]
    made = outside.fail_late(rng.choice(debits).payment_intent)(account)
    return "debits reversed late", made


def _paid(account: Account) -> list[Charge]:
    return [charge for charge in account.charges.all() if charge.status == "succeeded"]


def _refundable(charge: Charge) -> int:
    return 0 if charge.charged_back else charge.amount - charge.amount_refunded


def _next(dispute: Dispute) -> tuple[str, ...]:
    partly_won = dispute.status == "lost" and dispute.withdrawn < dispute.amount
    return () if partly_won else FOLLOWING.get(dispute.status, ())


DEEDS: dict[str, Deed] = {
    "dispute": _dispute,
    "verdict": _verdict,
    "refund": _refund,
    "refund_fate": _refund_fate,
    "late_failure": _late_failure,
}
