"""What happens to a disputed charge (Stripe docs, "How disputes work", "Disputes and fraud")."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.stripe.account import Account, NotPossibleError
from sandbox.stripe.balance import Category, Entry
from sandbox.stripe.charges import Charge
from sandbox.stripe.refund_fates import change
from sandbox.stripe.reversals import STATUSES, TAKEN, Dispute

REASONS = (
    *("bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized"),
    *("duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant"),
    *("product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized"),
)

FOLLOWING: Mapping[str, tuple[str, ...]] = {
    "warning_needs_response": ("warning_under_review", "warning_closed", "needs_response", "prevented"),
    "warning_under_review": ("warning_closed", "needs_response", "prevented"),
    "warning_closed": (),
    "needs_response": ("under_review", "won", "lost", "prevented"),
    "under_review": ("needs_response", "won", "lost", "appeal_needs_response"),
    "appeal_needs_response": ("appeal_under_review", "won", "lost"),
    "appeal_under_review": ("appeal_needs_response", "won", "lost"),
    "lost": ("appeal_needs_response",),
    "won": (),
    "prevented": (),
}
"""Which status may follow which. Statuses that Stripe has not published yet may follow, and be followed by, any."""


@dataclass(frozen=True, slots=True)
class Move:
    """A dispute's next status.

    Attributes
    ----------
    status : str
        Stripe's, or any word: the published list is open-ended.
    takes : bool, optional
        Whether the money is withdrawn then. Unless given: in the statuses of :data:`~sandbox.stripe.reversals.TAKEN`,
        and as before in statuses that nobody knows.
    returned : int, optional
        How much a ``lost`` or ``won`` dispute returns, in minor units: a lost one nothing, a won one all, unless
        given. A lost one that returns a part is what Stripe's Dashboard calls partially won.
    """

    status: str
    takes: bool | None = None
    returned: int | None = None


def begin(account: Account, charge: Charge, reason: str, amount: int, move: Move) -> Dispute:
    """Let a bank dispute a charge. Call it with the account's lock held.

    Parameters
    ----------
    amount : int
        In minor units.
    """
    dispute = Dispute(
        id=account.ids.new("du_"),
        created=account.now(),
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        customer=charge.customer,
        reason=reason,
        status=move.status,
        brand=charge.brand,
        since=account.now(),
    )
    charge.disputed = True
    account.disputes.add(dispute, charge.customer)
    for owner in (charge.payment_intent, charge.id):
        account.disputes.file_under(owner, dispute)
    funds = _shift(account, dispute, move)
    account.emit("charge.dispute.created", dispute.to_json())
    for event in funds:
        account.emit(event, dispute.to_json())
    if dispute.withdrawn:
        _fail_pending_refunds(account, charge)
    return dispute


def advance(account: Account, dispute: Dispute, move: Move) -> None:
    """Move a dispute to a status. Call it with the account's lock held.

    Raises
    ------
    NotPossibleError
        The status cannot follow, or more would be returned than was withdrawn.
    """
    if dispute.status in FOLLOWING and move.status in STATUSES and move.status not in FOLLOWING[dispute.status]:
        raise NotPossibleError(_cannot(dispute, move.status))
    if dispute.status == "lost" and dispute.withdrawn < dispute.amount:
        raise NotPossibleError(f"{dispute.id} was partly won: there is nothing to appeal")
    if not 0 <= (move.returned or 0) <= dispute.withdrawn:
        raise NotPossibleError(
            f"only the {dispute.withdrawn} {dispute.currency} withdrawn for {dispute.id} can be returned"
        )
    before = dispute.to_json()
    dispute.status, dispute.since = move.status, account.now()
    funds = _shift(account, dispute, move)
    kind = "charge.dispute.closed" if dispute.closed else "charge.dispute.updated"
    account.emit(kind, dispute.to_json(), before)
    for event in funds:
        account.emit(event, dispute.to_json())


def disputable(account: Account, charge: Charge) -> int:
    """Return how much of a charge can still be disputed, in minor units.

    What was refunded in part can be disputed with the rest: banks do dispute the whole amount then (Stripe support,
    "Dispute for full charge amount after a partial refund was issued"). What was refunded whole cannot ("Refunds").
    """
    if charge.amount_refunded >= charge.amount:
        return 0
    disputes = [dispute for dispute in account.disputes.owned(charge.id) if not _ended_well(dispute)]
    return charge.amount - sum(dispute.amount for dispute in disputes)


def _fail_pending_refunds(account: Account, charge: Charge) -> None:
    # Failure reason ``charge_for_pending_refund_disputed``: the bank was first.
    for refund in account.refunds.owned(charge.id):
        if refund.status == "pending":
            change(account, refund, "failed", "charge_for_pending_refund_disputed")


def _ended_well(dispute: Dispute) -> bool:
    return dispute.closed and not dispute.withdrawn


def _cannot(dispute: Dispute, status: str) -> str:
    follows = ", ".join(FOLLOWING[dispute.status])
    if status == dispute.status or not follows:
        return f"{dispute.id} is already {dispute.status}"
    return f"{dispute.id} is {dispute.status}: {status} cannot follow, only {follows} can"


def _shift(account: Account, dispute: Dispute, move: Move) -> list[str]:
    """Withdraw or return the money, as the new status requires; return the events that report it."""
    takes = move.takes
    if takes is None:
        takes = move.status in TAKEN or (move.status not in STATUSES and dispute.withdrawn > 0)
    told = []
    if takes and not dispute.withdrawn and not dispute.movements:
        _book(account, dispute, -dispute.amount)
        told.append("charge.dispute.funds_withdrawn")
    back = _to_give_back(dispute, move, takes=takes)
    if back:
        _book(account, dispute, back)
        told.append("charge.dispute.funds_reinstated")
    return told


def _to_give_back(dispute: Dispute, move: Move, *, takes: bool) -> int:
    if move.returned is not None:
        return move.returned
    return 0 if takes else dispute.withdrawn


def _book(account: Account, dispute: Dispute, amount: int) -> None:
    charge = account.charges.get(dispute.charge)
    category: Category = "dispute" if amount < 0 else "dispute_reversal"
    what = "Chargeback withdrawal for" if amount < 0 else "Chargeback reversal for"
    entry = Entry(
        "adjustment", category, dispute.id, amount, dispute.currency, f"{what} {charge.id}", with_fee=amount < 0
    )
    dispute.movements.append(account.book(entry))
    dispute.withdrawn -= amount
    charge.withheld[dispute.id] = dispute.withdrawn
    account.move("dispute" if amount < 0 else "reinstatement", charge, amount, None, dispute=dispute.id)
