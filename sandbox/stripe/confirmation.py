"""What happens when a PaymentIntent is confirmed (Stripe docs, "How PaymentIntents and SetupIntents work")."""

from dataclasses import dataclass

from sandbox.stripe import errors
from sandbox.stripe.account import Account
from sandbox.stripe.balance import Entry, Kind
from sandbox.stripe.banks import CURRENCIES
from sandbox.stripe.cards import AUTHENTICATION_REQUIRED, EXPIRED, NOT_SETTLED, Card, Decline
from sandbox.stripe.charges import Charge
from sandbox.stripe.dispute_cases import Move, begin
from sandbox.stripe.next_actions import to_authenticate
from sandbox.stripe.objects import PaymentIntent, PaymentMethod
from sandbox.stripe.sessions import follow
from sandbox.stripe.setting_up import attach
from sandbox.wire import JSON

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
"""The statuses in which a PaymentIntent may be changed, confirmed and canceled."""

_ALREADY_SUCCEEDED = (
    "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
)
_NOT_CONFIRMABLE = (
    "You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of the "
    "following statuses may be confirmed: requires_confirmation, requires_action."
)
_TOO_OFTEN = "This PaymentIntent was confirmed too often: it has been canceled."
_NO_PAYMENT_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method "
    "or ConfirmationToken."
)
_AUTHENTICATION_FAILURE = "payment_intent_authentication_failure"
_NOT_AUTHENTICATED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)
_NO_RETURN_URL = (
    "A `return_url` must be specified because this Payment Intent is configured to automatically accept the payment "
    "methods enabled in the Dashboard, some of which may require a full page redirect to succeed. If you do not want "
    "to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a PaymentIntent is to be confirmed; ``site`` is where Stripe's own pages are."""

    payment_method: str | None
    off_session: bool
    return_url: str | None
    idempotency_key: str | None
    site: str


def confirm(account: Account, intent: PaymentIntent, how: Confirmation) -> None:
    """Try to move the money. Call it with the account's lock held: no intent is ever paid twice.

    Raises
    ------
    StripeError
        402 of type ``card_error`` for a decline, which returns the intent to ``requires_payment_method``; 400 for a
        status that does not allow it, a payment method that is missing or may not be used, a missing ``return_url``.
    """
    if intent.status not in OPEN:
        message = _ALREADY_SUCCEEDED if intent.status == "succeeded" else _NOT_CONFIRMABLE
        raise errors.unexpected_state(message.format(status=intent.status), intent.to_json())
    limit = account.settings.confirms
    if limit is not None and intent.confirms >= limit:
        intent.status, intent.next_action = "canceled", None
        intent.canceled_at, intent.cancellation_reason = account.now(), "automatic"
        account.emit("payment_intent.canceled", intent.to_json())
        raise errors.unexpected_state(_TOO_OFTEN, intent.to_json())
    reference = how.payment_method or intent.payment_method
    if reference is None:
        raise errors.unexpected_state(_NO_PAYMENT_METHOD, intent.to_json())
    if intent.may_redirect and not how.off_session and how.return_url is None:
        raise errors.invalid_parameter("return_url", _NO_RETURN_URL)
    method = account.usable_payment_method(reference, intent.customer)
    check_type(intent, method)
    intent.confirms += 1
    intent.payment_method = method.id
    asks = method.asks(off_session=how.off_session)
    if asks and not how.off_session:
        intent.status = "requires_action"
        intent.next_action = to_authenticate(intent.id, how.return_url, how.site)
        account.emit("payment_intent.requires_action", intent.to_json())
        return
    attempt(
        account,
        intent,
        method,
        AUTHENTICATION_REQUIRED if asks else _at_once(method, account.now()),
        how.idempotency_key,
    )


def check_type(intent: PaymentIntent, method: PaymentMethod) -> None:
    """Refuse a payment method whose type or currency the PaymentIntent does not take."""
    takes = CURRENCIES.get(method.means.kind, intent.currency)
    if takes != intent.currency:
        raise errors.wrong_currency(method.means.kind, intent.currency, takes)
    if method.means.kind not in intent.method_types:
        raise errors.wrong_type(method.means.kind, intent.method_types)


def _at_once(method: PaymentMethod, now: int) -> Decline | None:
    """Return what a payment fails for when it is confirmed; a bank debit fails days later."""
    if not isinstance(method.means, Card):
        return None
    return EXPIRED if method.means.expired(now) else method.means.decline


def attempt(
    account: Account,
    intent: PaymentIntent,
    method: PaymentMethod,
    decline: Decline | None,
    idempotency_key: str | None,
) -> None:
    """Charge a payment method; with a decline in view, fail. Call it with the account's lock held.

    Raises
    ------
    StripeError
        402 of type ``card_error`` for a decline.
    """
    charge = _charge(account, intent, method, decline, idempotency_key)
    if decline is not None:
        raise _declined(account, intent, method, charge, decline)
    _set_up(account, intent, method)
    if charge.settled:
        _succeed(account, intent, charge)
        if method.means.disputed:
            account.later(lambda: begin(account, charge, "fraudulent", charge.amount, Move("needs_response")))
    else:
        intent.status = "processing"
        account.emit("charge.pending", charge.to_json())
        account.emit("payment_intent.processing", intent.to_json())
        follow(account, intent)
        if charge.brand is None:  # a debit is in the balance while it is pending ("Balance transaction types")
            account.later(lambda: _capture(account, charge))


def settle_charge(account: Account, intent: PaymentIntent, *, succeeds: bool | None = None) -> None:
    """End a payment that is ``processing``. Call it with the account's lock held.

    Parameters
    ----------
    succeeds : bool, optional
        As the payment method has it, unless given.
    """
    charge = account.charges.get(intent.latest_charge or "")
    charge.settled = True
    decline = charge.means.decline if succeeds is None else None if succeeds else charge.means.decline or NOT_SETTLED
    if decline is None:
        _succeed(account, intent, charge)
        if (row := account.balance_transactions.find(charge.balance_transaction or "")) is not None:
            row.available_at = max(row.available_on, account.now())
        return
    charge.decline = decline
    _take_out(account, charge)
    _declined(account, intent, account.payment_methods.get(charge.payment_method), charge, decline)
    follow(account, intent)


def fail_authentication(account: Account, intent: PaymentIntent, payment_method: str) -> None:
    """Let the cardholder fail to authenticate: nothing was charged. Call it with the account's lock held."""
    intent.status, intent.payment_method, intent.next_action = "requires_payment_method", None, None
    intent.last_payment_error = {
        "code": _AUTHENTICATION_FAILURE,
        "doc_url": errors.doc_url(_AUTHENTICATION_FAILURE),
        "message": _NOT_AUTHENTICATED,
        "payment_method": account.payment_methods.get(payment_method).to_json(),
        "type": "invalid_request_error",
    }
    account.emit("payment_intent.payment_failed", intent.to_json())


def _set_up(account: Account, intent: PaymentIntent, method: PaymentMethod) -> None:
    """Keep the payment method for later payments, if that was wanted (PaymentIntent, ``setup_future_usage``)."""
    if intent.setup_future_usage is not None:
        method.set_up = method.set_up or intent.setup_future_usage == "off_session"
        attach(account, method, intent.customer)


def _charge(
    account: Account,
    intent: PaymentIntent,
    method: PaymentMethod,
    decline: Decline | None,
    idempotency_key: str | None,
) -> Charge:
    # A payment method that is not attached is good for one payment only.
    method.spent = method.customer is None
    charge = Charge(
        id=account.ids.new("ch_"),
        created=account.now(),
        amount=intent.amount,
        currency=intent.currency,
        customer=intent.customer,
        payment_intent=intent.id,
        payment_method=method.id,
        means=method.means,
        description=intent.description,
        receipt_email=intent.receipt_email,
        statement_descriptor_suffix=intent.statement_descriptor_suffix,
        metadata=dict(intent.metadata),
        decline=decline,
        idempotency_key=idempotency_key,
        settled=decline is not None or method.means.settles,
    )
    intent.latest_charge = charge.id
    intent.next_action = None
    account.charges.add(charge, intent.customer)
    account.charges.file_under(intent.id, charge)
    return charge


def _succeed(account: Account, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = "succeeded"
    intent.amount_received = charge.amount
    intent.last_payment_error = None
    account.move("charge", charge, charge.amount, charge.idempotency_key)
    account.emit("charge.succeeded", charge.to_json())
    account.emit("payment_intent.succeeded", intent.to_json())
    follow(account, intent)
    # ``automatic_async``: the funds are captured, and the balance changes, after the confirmation is answered.
    if charge.balance_transaction is None:
        account.later(lambda: _capture(account, charge))


def _capture(account: Account, charge: Charge) -> None:
    kind: Kind = "payment" if charge.brand is None else "charge"
    before = charge.to_json()
    entry = Entry(kind, "charge", charge.id, charge.amount, charge.currency, charge.description, with_fee=True)
    charge.balance_transaction = account.book(entry).id
    account.emit("charge.updated", charge.to_json(), before)


def _take_out(account: Account, charge: Charge) -> None:
    """Take a debit that failed out of the balance, where it was pending."""
    if charge.balance_transaction is None:
        return
    entry = Entry(
        "payment_failure_refund",
        "charge_failure",
        charge.id,
        -charge.amount,
        charge.currency,
        f"Payment failure refund for {charge.id}",
    )
    charge.failure_balance_transaction = account.book(entry).id


def _declined(
    account: Account, intent: PaymentIntent, method: PaymentMethod, charge: Charge, decline: Decline
) -> errors.StripeError:
    error: JSON = {
        **decline.members(),
        "charge": charge.id,
        "doc_url": errors.doc_url(decline.code),
        "payment_method": method.to_json(),
        "type": "card_error",
    }
    intent.status = "requires_payment_method"
    intent.payment_method = None
    intent.last_payment_error = error
    account.emit("charge.failed", charge.to_json())
    account.emit("payment_intent.payment_failed", intent.to_json())
    return errors.declined(
        decline,
        charge=charge.id,
        payment_intent=intent.to_json(),
        payment_method=method.to_json(),
    )
