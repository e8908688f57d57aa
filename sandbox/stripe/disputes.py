"""The operations on disputes, and what becomes of a disputed charge (Stripe docs, "How disputes work")."""

from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.objects import Charge
from sandbox.stripe.reversals import Dispute, Verdict
from sandbox.stripe.shelf import read_page

REASONS = (
    *("bank_cannot_process", "credit_not_processed", "customer_initiated", "debit_not_authorized", "duplicate"),
    *("fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant"),
    *("product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized"),
)


def retrieve(call: Call) -> Command:
    """Retrieve a dispute."""
    return lambda account: account.disputes.get(call.ids["dispute"]).to_json()


def list_all(call: Call) -> Command:
    """List disputes, also by PaymentIntent or charge."""
    page = read_page(call.params)
    intent, charge = call.params.text("payment_intent"), call.params.text("charge")
    return lambda account: account.disputes.page(
        page,
        "/v1/disputes",
        owner=charge or intent,
        where=lambda dispute: intent is None or dispute.payment_intent == intent,
    )


def begin(account: Account, charge: Charge, reason: str = "fraudulent", amount: int | None = None) -> Dispute:
    """Let a bank dispute a charge: the money is withdrawn at once. Call it with the account's lock held.

    Parameters
    ----------
    amount : int, optional
        In minor units; all that has not been refunded, unless given.
    """
    dispute = Dispute(
        id=account.ids.new("du_"),
        created=account.now(),
        amount=charge.amount - charge.amount_refunded if amount is None else amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        customer=charge.customer,
        reason=reason,
    )
    charge.disputed = charge.charged_back = True
    account.disputes.add(dispute, charge.customer)
    for owner in (charge.payment_intent, charge.id):
        account.disputes.file_under(owner, dispute)
    account.move("dispute", charge, -dispute.amount, None, dispute=dispute.id)
    account.emit("charge.dispute.created", dispute.to_json())
    account.emit("charge.dispute.funds_withdrawn", dispute.to_json())
    return dispute


def finish(account: Account, dispute: Dispute, verdict: Verdict) -> None:
    """Let the bank decide: if the dispute is won, the money comes back. Call it with the account's lock held."""
    dispute.verdict = verdict
    account.emit("charge.dispute.closed", dispute.to_json())
    if verdict == "won":
        charge = account.charges.get(dispute.charge)
        charge.charged_back = False
        account.move("reinstatement", charge, dispute.amount, None, dispute=dispute.id)
        account.emit("charge.dispute.funds_reinstated", dispute.to_json())
