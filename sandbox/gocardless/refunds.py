"""Refunds: the operations on them, and what becomes of them (API reference, "Refunds", "Refund actions").

``amount_refunded`` and the ledger of movements go together: both count a refund when it is created, and no longer when
it is cancelled or its funds have come back. While it is ``bounced`` the money is with neither side.
"""

from collections.abc import Mapping

from sandbox.gocardless import errors, payouts
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.lifecycle import COLLECTED
from sandbox.gocardless.money import Payment, Refund
from sandbox.gocardless.params import Body
from sandbox.gocardless.payments import check_reference
from sandbox.gocardless.schemes import LONGEST_REFERENCE
from sandbox.gocardless.shelf import read_page
from sandbox.gocardless.ways import way

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "created": ("pending_submission", "cancelled"),
    "pending_submission": ("submitted", "cancelled"),
    "submitted": ("paid", "bounced"),
    "paid": ("bounced",),
    "bounced": ("funds_returned",),
    "cancelled": (),
    "funds_returned": (),
}
"""Which status may follow which: a refund can fail even after it was paid."""

MOST_REFUNDS = 5
"""How many refunds a payment may have; older editions of the reference say so, and its list of errors still has it."""

_ACTIONS = {"paid": "paid", "bounced": "failed"}
"""The events of the statuses that have one; the event for a refund that bounces is ``failed``."""


def create(call: Call) -> Command:
    """Create a refund; the amounts refunded so far and now must be confirmed by their sum."""
    body = call.body
    amount, total = body.amount("amount"), body.amount("total_amount_confirmation")
    reference, metadata = body.text("reference", max(LONGEST_REFERENCE.values())), body.metadata()
    links = body.nested("links")
    payment_id = links.text("payment")
    if links.text("mandate") is not None:
        raise errors.invalid_field(links.pointer("mandate"), "refunds of mandates are not enabled for this account")
    if payment_id is None:
        raise errors.invalid_field(links.pointer("payment"), "is required")

    def command(account: Account) -> Answer:
        def make() -> Refund:
            payment = account.payments.linked(payment_id, links.pointer("payment"))
            _check(account, payment, amount, total, body)
            check_reference(account, reference, payment.scheme, body.pointer("reference"))
            return begin(account, payment, amount, reference, metadata)

        return created(account, call, "refunds", make)

    return command


def _check(account: Account, payment: Payment, amount: int, total: int, body: Body) -> None:
    if payment.status not in COLLECTED:
        raise errors.invalid_state("refund_payment_invalid_state", f"Payment is {payment.status}")
    if len(account.refunds.owned_by(payment.id)) >= MOST_REFUNDS:
        raise errors.invalid_state("number_of_refunds_exceeded", f"A payment has {MOST_REFUNDS} refunds at most")
    if total != payment.amount_refunded + amount:
        would = payment.amount_refunded + amount
        raise errors.invalid_state("total_amount_confirmation_invalid", f"The total refunded would be {would}")
    if total > payment.amount:
        raise errors.invalid_field(body.pointer("amount"), "refunds would exceed the payment's amount")
    left = account.terms.refundable.get(payment.currency)
    if left is not None and amount > left:
        raise errors.invalid_state("available_refund_amount_insufficient", f"Only {left} can be refunded now")


def begin(
    account: Account,
    payment: Payment,
    amount: int,
    reference: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Refund:
    """Create a refund that nothing speaks against, and announce it."""
    refund = Refund(
        id=account.ids.new("RF"),
        created_at=account.now(),
        amount=amount,
        currency=payment.currency,
        payment=payment.id,
        mandate=payment.mandate,
        reference=reference,
        metadata=metadata or {},
    )
    account.refunds.add(refund, payment.id)
    payment.amount_refunded += amount
    if payment.currency in account.terms.refundable:
        account.terms.refundable[payment.currency] -= amount
    payouts.owe_refund(account, refund)
    account.move("refund", payment, -amount)
    account.emit(refund, "created")
    return refund


def advance(account: Account, refund: Refund, to: str) -> None:
    """Move a refund on to a status, by every status on the way.

    Raises
    ------
    IllegalAdvanceError
        It cannot come to that status.
    """
    for step in way("refund", TRANSITIONS, refund.status, to, ("bounced", "cancelled") if to == "paid" else ()):
        refund.status = step
        if step in _ACTIONS:
            account.emit(refund, _ACTIONS[step])
        elif step in ("cancelled", "funds_returned"):
            _give_back(account, refund)


def _give_back(account: Account, refund: Refund) -> None:
    payment = account.payments.get(refund.payment)
    payment.amount_refunded -= refund.amount
    kind = "refund_cancelled" if refund.status == "cancelled" else "refund_funds_returned"
    account.move(kind, payment, refund.amount)
    credited = {} if payouts.forgive(account, refund) else {"payout": payouts.return_funds(account, refund)}
    if refund.status == "funds_returned":
        account.emit(refund, "funds_returned", links=credited)


def get(call: Call) -> Command:
    """Get a refund."""
    return lambda account: Answer({"refunds": account.refunds.get(call.ids["refund"]).to_json()})


def list_all(call: Call) -> Command:
    """List refunds, also by payment and mandate."""
    query = call.query
    page, payment, mandate = read_page(query), query.text("payment"), query.text("mandate")
    kind = query.text("refund_type")

    def wanted(refund: Refund) -> bool:
        return mandate in (None, refund.mandate) and kind in (None, "payment")

    return lambda account: Answer(account.refunds.page(page, "refunds", owner=payment, where=wanted))


def update(call: Call) -> Command:
    """Change a refund's metadata."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        refund = account.refunds.get(call.ids["refund"])
        refund.metadata |= metadata
        return Answer({"refunds": refund.to_json()})

    return command
