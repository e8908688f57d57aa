"""The operations on refunds (Stripe API reference, "Refunds")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.charges import Charge
from sandbox.stripe.currencies import check_digits
from sandbox.stripe.customers import merge_metadata
from sandbox.stripe.refund_fates import change, start
from sandbox.stripe.reversals import Refund
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")

_ONE_OF = "One of the following params should be provided for this request: payment_intent or charge."
_NO_CHARGE = "This PaymentIntent ({intent}) does not have a successful charge to refund."
_FAILED = "Charge {charge} has not been captured or has failed: it cannot be refunded."
_ALREADY = "Charge {charge} has already been refunded."
_DISPUTED = "Charge {charge} has been charged back; cannot issue a refund."
_TOO_MUCH = "Refund amount ({amount} {currency}) is greater than unrefunded amount on charge ({left} {currency})"
_NOT_CANCELABLE = "You cannot cancel a refund with a status of {status}: only one that is requires_action."
_NOT_POSITIVE = "This value must be greater than or equal to 1."


def create(call: Call) -> Command:
    """Refund a charge, named itself or by its PaymentIntent: an amount, or whatever is left of it."""
    params = call.params
    intent, charge, amount = params.text("payment_intent"), params.text("charge"), params.integer("amount")
    reason, metadata = params.choice("reason", *_REASONS), params.metadata()
    if (intent is None) == (charge is None):
        raise errors.invalid_parameter("payment_intent", _ONE_OF)
    if amount is not None and amount < 1:
        raise errors.invalid_integer("amount", _NOT_POSITIVE)

    def command(account: Account) -> JSON:
        refunded = account.charges.get(charge, "charge") if charge else _charge_of(account, intent or "")
        refund = new_refund(account, refunded, amount_of(refunded, amount), reason, metadata)
        if not refund.on_card:
            refund.status, refund.pending_reason = "pending", "processing"
        start(account, refunded, refund, call.idempotency_key)
        return refund.to_json()

    return command


def new_refund(
    account: Account, charge: Charge, amount: int, reason: str | None = None, metadata: dict[str, str] | None = None
) -> Refund:
    """Make a refund of a charge, which :func:`~sandbox.stripe.refund_fates.start` is to begin."""
    return Refund(
        id=account.ids.new("re_"),
        created=account.now(),
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        payment_method=charge.payment_method,
        customer=charge.customer,
        reason=reason,
        metadata=dict(metadata or {}),
        on_card=charge.brand is not None,
    )


def _charge_of(account: Account, reference: str) -> Charge:
    intent = account.payment_intents.get(reference, "payment_intent")
    charge = account.charges.find(intent.latest_charge or "")
    if intent.status != "succeeded" or charge is None:
        raise errors.invalid_parameter("payment_intent", _NO_CHARGE.format(intent=reference))
    return charge


def amount_of(charge: Charge, amount: int | None) -> int:
    """Return how much is to be refunded, in minor units: what was asked for, else whatever is left.

    Raises
    ------
    StripeError
        The charge does not have as much, has failed, or was charged back.
    """
    left = charge.amount - charge.amount_refunded
    if charge.status != "succeeded":
        raise errors.invalid_parameter("charge", _FAILED.format(charge=charge.id))
    if charge.charged_back:
        raise errors.StripeError(400, _DISPUTED.format(charge=charge.id), code="charge_disputed")
    if left <= 0:
        raise errors.StripeError(400, _ALREADY.format(charge=charge.id), code="charge_already_refunded")
    if amount is not None and amount > left:
        message = _TOO_MUCH.format(amount=amount, left=left, currency=charge.currency.upper())
        raise errors.invalid_parameter("amount", message)
    if amount is not None:
        check_digits(amount, charge.currency)
    return left if amount is None else amount


def retrieve(call: Call) -> Command:
    """Retrieve a refund."""
    return lambda account: account.refunds.get(call.ids["refund"]).to_json()


def update(call: Call) -> Command:
    """Change a refund's metadata; nothing else of it can be changed."""
    metadata = call.params.metadata()

    def command(account: Account) -> JSON:
        refund = account.refunds.get(call.ids["refund"])
        before = refund.to_json()
        merge_metadata(refund.metadata, metadata)
        account.emit("refund.updated", refund.to_json(), before)
        return refund.to_json()

    return command


def cancel(call: Call) -> Command:
    """Cancel a refund that waits for the customer (``requires_action``)."""

    def command(account: Account) -> JSON:
        refund = account.refunds.get(call.ids["refund"])
        if refund.status != "requires_action":
            raise errors.StripeError(400, _NOT_CANCELABLE.format(status=refund.status))
        change(account, refund, "canceled")
        return refund.to_json()

    return command


def list_all(call: Call) -> Command:
    """List refunds, also by PaymentIntent or charge."""
    page = read_page(call.params)
    intent, charge = call.params.text("payment_intent"), call.params.text("charge")
    return lambda account: account.refunds.page(
        page,
        "/v1/refunds",
        owner=charge or intent,
        where=lambda refund: intent is None or refund.payment_intent == intent,
    )
