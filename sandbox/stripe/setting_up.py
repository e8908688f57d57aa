"""What happens when a SetupIntent is confirmed (Stripe docs, "How PaymentIntents and SetupIntents work").

Nothing is charged: the payment method becomes the customer's, and is set up for payments without them.
"""

from sandbox.stripe import errors
from sandbox.stripe.account import Account
from sandbox.stripe.cards import Card
from sandbox.stripe.next_actions import to_authenticate
from sandbox.stripe.objects import PaymentMethod
from sandbox.stripe.sessions import follow
from sandbox.stripe.setup_objects import SetupIntent
from sandbox.wire import JSON

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
"""The statuses in which a SetupIntent may be changed, confirmed and canceled."""

_NOT_CONFIRMABLE = (
    "You cannot confirm this SetupIntent because it has a status of {status}. Only a SetupIntent with one of the "
    "following statuses may be confirmed: requires_payment_method, requires_confirmation, requires_action."
)
_NO_PAYMENT_METHOD = (
    "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment "
    "method and then confirm it again."
)
_NO_RETURN_URL = (
    "A `return_url` must be specified because this Setup Intent is configured to automatically accept the payment "
    "methods enabled in the Dashboard, some of which may require a full page redirect to succeed. If you do not want "
    "to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)
_FAILED = "setup_intent_authentication_failure"
_NOT_AUTHENTICATED = (
    "The latest attempt to set up the payment method has failed because authentication failed. Provide a new payment "
    "method to set up."
)


def confirm(account: Account, intent: SetupIntent, reference: str | None, return_url: str | None, site: str) -> None:
    """Try to set up a payment method: the one given, or the one the intent has. Call it with the account's lock held.

    Parameters
    ----------
    site : str
        Where Stripe's own pages are.

    Raises
    ------
    StripeError
        402 of type ``card_error`` if the issuer declines, which returns the intent to ``requires_payment_method``;
        400 for what cannot be confirmed.
    """
    if intent.status not in OPEN:
        raise errors.unexpected_setup(_NOT_CONFIRMABLE.format(status=intent.status), intent.to_json())
    if (reference := reference or intent.payment_method) is None:
        raise errors.unexpected_setup(_NO_PAYMENT_METHOD, intent.to_json())
    if intent.may_redirect and return_url is None:
        raise errors.invalid_parameter("return_url", _NO_RETURN_URL)
    method = usable(account, intent, reference)
    intent.payment_method, intent.last_setup_error = method.id, None
    intent.latest_attempt = account.ids.new("setatt_")
    if isinstance(method.means, Card) and method.means.authenticates:
        intent.status, intent.next_action = "requires_action", to_authenticate(intent.id, return_url, site)
        account.emit("setup_intent.requires_action", intent.to_json())
        return
    finish(account, intent, method)


def usable(account: Account, intent: SetupIntent, reference: str) -> PaymentMethod:
    """Return a payment method that the intent takes: of its types, and its customer's or nobody's yet."""
    method = account.usable_payment_method(reference, intent.customer)
    if method.means.kind not in intent.method_types:
        raise errors.wrong_type(method.means.kind, intent.method_types)
    return method


def authenticate(account: Account, intent: SetupIntent, *, succeeds: bool) -> None:
    """Let the cardholder authenticate, or fail to. Call it with the account's lock held.

    Raises
    ------
    StripeError
        402 if the issuer declines all the same.
    """
    method = account.payment_methods.get(intent.payment_method or "")
    if succeeds:
        finish(account, intent, method)
        return
    error: JSON = {
        "code": _FAILED,
        "doc_url": errors.doc_url(_FAILED),
        "message": _NOT_AUTHENTICATED,
        "payment_method": method.to_json(),
        "type": "invalid_request_error",
    }
    _fail(account, intent, error)


def finish(account: Account, intent: SetupIntent, method: PaymentMethod) -> None:
    """Set up a payment method that need not, or need no longer, be authenticated."""
    decline = method.means.decline
    if decline is not None and not method.means.attaches:
        error = {**decline.members(), "doc_url": errors.doc_url(decline.code), "payment_method": method.to_json()}
        _fail(account, intent, {**error, "type": "card_error"})
        raise errors.declined(decline, setup_intent=intent.to_json(), payment_method=method.to_json())
    method.set_up = True
    attach(account, method, intent.customer)
    if not isinstance(method.means, Card):
        intent.mandate = f"mandate_sandbox{method.means.last4}"
    intent.status, intent.next_action, intent.last_setup_error = "succeeded", None, None
    account.emit("setup_intent.succeeded", intent.to_json())
    follow(account, intent)


def attach(account: Account, method: PaymentMethod, customer: str | None) -> None:
    """Make a payment method a customer's; nothing happens if it is already, or if there is no customer."""
    if customer is None or method.customer is not None:
        return
    method.customer, method.spent = customer, False
    account.payment_methods.file_under(customer, method)
    account.emit("payment_method.attached", method.to_json())


def _fail(account: Account, intent: SetupIntent, error: JSON) -> None:
    intent.status, intent.payment_method, intent.next_action = "requires_payment_method", None, None
    intent.last_setup_error = error
    account.emit("setup_intent.setup_failed", intent.to_json())
