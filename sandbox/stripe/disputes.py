"""The operations on disputes (Stripe API reference, "Disputes")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command, NotPossibleError
from sandbox.stripe.customers import merge_metadata
from sandbox.stripe.dispute_cases import Move, advance
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_CLOSED_ALREADY = "This dispute is already closed"


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


def update(call: Call) -> Command:
    """Change a dispute's metadata; the sandbox takes no evidence."""
    metadata = call.params.metadata()

    def command(account: Account) -> JSON:
        dispute = account.disputes.get(call.ids["dispute"])
        merge_metadata(dispute.metadata, metadata)
        return dispute.to_json()

    return command


def close(call: Call) -> Command:
    """Accept a dispute: it is lost."""

    def command(account: Account) -> JSON:
        dispute = account.disputes.get(call.ids["dispute"])
        if dispute.closed:
            raise errors.StripeError(400, _CLOSED_ALREADY)
        try:
            advance(account, dispute, Move("lost"))
        except NotPossibleError as error:
            raise errors.StripeError(400, f"This dispute cannot be closed: {error}") from error
        return dispute.to_json()

    return command
