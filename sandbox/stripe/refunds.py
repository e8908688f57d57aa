"""The operations on refunds (Stripe API reference, "Refunds")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.objects import Charge
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
        refund = Refund(
            id=account.ids.new("re_"),
            created=account.now(),
            amount=_amount_of(refunded, amount),
            currency=refunded.currency,
            charge=refunded.id,
            payment_intent=refunded.payment_intent,
            customer=refunded.customer,
            reason=reason,
            metadata=dict(metadata or {}),
        )
        refunded.amount_refunded += refund.amount
        account.refunds.add(refund, refund.customer)
        for owner in (refund.payment_intent, refund.charge):
            account.refunds.file_under(owner, refund)
        account.move("refund", refunded, -refund.amount, call.idempotency_key, refund=refund.id)
        account.emit("charge.refunded", refunded.to_json())
        return refund.to_json()

    return command


def _charge_of(account: Account, reference: str) -> Charge:
    intent = account.payment_intents.get(reference, "payment_intent")
    charge = account.charges.find(intent.latest_charge or "")
    if intent.status != "succeeded" or charge is None:
        raise errors.invalid_parameter("payment_intent", _NO_CHARGE.format(intent=reference))
    return charge


def _amount_of(charge: Charge, amount: int | None) -> int:
    left = charge.amount - charge.amount_refunded
    if charge.status != "succeeded":
        raise errors.invalid_parameter("charge", _FAILED.format(charge=charge.id))
    if charge.charged_back:
        raise errors.StripeError(400, _DISPUTED.format(charge=charge.id), code="charge_disputed")
    if not left:
        raise errors.StripeError(400, _ALREADY.format(charge=charge.id), code="charge_already_refunded")
    if amount is not None and amount > left:
        message = _TOO_MUCH.format(amount=amount, left=left, currency=charge.currency.upper())
        raise errors.invalid_parameter("amount", message)
    return left if amount is None else amount


def retrieve(call: Call) -> Command:
    """Retrieve a refund."""
    return lambda account: account.refunds.get(call.ids["refund"]).to_json()


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
