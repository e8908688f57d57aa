"""The operations on PaymentIntents (Stripe API reference, "PaymentIntents")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.confirmation import OPEN, Confirmation, check_type, confirm
from sandbox.stripe.currencies import check_amount, check_currency, check_minimum
from sandbox.stripe.customers import merge_metadata
from sandbox.stripe.method_types import read_method_types
from sandbox.stripe.objects import PaymentIntent
from sandbox.stripe.params import Params
from sandbox.stripe.sessions import refuse_if_open
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_ONLY_WITH_CONFIRM = ("off_session", "return_url")
_DETAILS = ("description", "receipt_email", "statement_descriptor_suffix")
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")

_NEEDS_CONFIRM = (
    "The parameter `{name}` cannot be passed when creating a PaymentIntent unless `confirm` is set to true."
)
_FROZEN = (
    "This PaymentIntent's {what} could not be updated because it has a status of {status}. You may only update the "
    "{what} of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, "
    "requires_action."
)
_NOT_CANCELABLE = (
    "You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of the "
    "following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, "
    "requires_action."
)


def create(call: Call) -> Command:
    """Create a PaymentIntent, with ``confirm=true`` also confirm it."""
    params = call.params
    amount, currency = params.integer("amount"), params.text("currency")
    if amount is None or currency is None:
        raise errors.missing_parameter("amount" if amount is None else "currency")
    check_amount(amount, check_currency(currency))
    check_minimum(*call.settlement.of(amount, currency)[:2], amount, currency)
    customer, method, metadata = params.text("customer"), params.text("payment_method"), params.metadata()
    details = _read_details(params)
    types = read_method_types(params, call.api_version)
    capture = params.choice("capture_method", "automatic", "automatic_async") or "automatic_async"
    usage = params.choice("setup_future_usage", "off_session", "on_session")
    confirmation = _read_confirmation(call) if _read_confirm(params) else None

    def command(account: Account) -> JSON:
        if customer is not None:
            account.customer(customer, "customer")
        reference = account.ids.new("pi_")
        intent = PaymentIntent(
            id=reference,
            created=account.now(),
            amount=amount,
            currency=currency,
            client_secret=account.ids.new(f"{reference}_secret_", 25),
            automatic_payment_methods=types.automatic,
            allowed_payment_method_types=types.allowed,
            customer=customer,
            metadata=dict(metadata or {}),
            capture_method=capture,
            setup_future_usage=usage,
        )
        if method is not None:
            _pay_with(account, intent, method)
        _set_details(intent, details)
        account.payment_intents.add(intent, customer)
        account.emit("payment_intent.created", intent.to_json())
        if confirmation is not None:
            confirm(account, intent, confirmation)
        return intent.to_json()

    return command


def confirm_one(call: Call) -> Command:
    """Confirm a PaymentIntent, with the payment method given or the one it has."""
    confirmation, email = _read_confirmation(call), call.params.text("receipt_email")

    def command(account: Account) -> JSON:
        intent = account.payment_intents.get(call.ids["intent"])
        refuse_if_open(account, intent)
        if email is not None and intent.status in OPEN:
            intent.receipt_email = email
        confirm(account, intent, confirmation)
        return intent.to_json()

    return command


def retrieve(call: Call) -> Command:
    """Retrieve a PaymentIntent."""
    return lambda account: account.payment_intents.get(call.ids["intent"]).to_json()


def update(call: Call) -> Command:
    """Update a PaymentIntent: amount, currency and payment method only while it is open, the rest always.

    Whatever is updated, it clears ``last_payment_error`` (PaymentIntent, ``last_payment_error``).
    """
    params = call.params
    amount, method, metadata = params.integer("amount"), params.text("payment_method"), params.metadata()
    currency, details = params.text("currency"), _read_details(params)
    if currency is not None:
        check_currency(currency)

    def command(account: Account) -> JSON:
        intent = account.payment_intents.get(call.ids["intent"])
        frozen = {"amount": amount, "currency": currency, "payment_method": method}
        for name, value in frozen.items():
            if value is not None and intent.status not in OPEN:
                raise errors.unexpected_state(_FROZEN.format(what=name, status=intent.status), intent.to_json())
        new_currency = currency or intent.currency
        new_amount = check_amount(intent.amount if amount is None else amount, new_currency)
        check_minimum(*call.settlement.of(new_amount, new_currency)[:2], new_amount, new_currency)
        if method is not None:
            _pay_with(account, intent, method)
        intent.amount, intent.currency = new_amount, new_currency
        intent.last_payment_error = None
        _set_details(intent, details)
        merge_metadata(intent.metadata, metadata)
        return intent.to_json()

    return command


def cancel(call: Call) -> Command:
    """Cancel a PaymentIntent that is still open: it can never be paid afterwards."""
    reason = call.params.choice("cancellation_reason", *_REASONS)

    def command(account: Account) -> JSON:
        intent = account.payment_intents.get(call.ids["intent"])
        refuse_if_open(account, intent)
        if intent.status not in OPEN:
            raise errors.unexpected_state(_NOT_CANCELABLE.format(status=intent.status), intent.to_json())
        intent.status, intent.next_action = "canceled", None
        intent.canceled_at, intent.cancellation_reason = account.now(), reason
        account.emit("payment_intent.canceled", intent.to_json())
        return intent.to_json()

    return command


def list_all(call: Call) -> Command:
    """List PaymentIntents, newest first, also by customer. Unlike Stripe's search, a list never lags."""
    page, customer = read_page(call.params), call.params.text("customer")
    return lambda account: account.payment_intents.page(page, "/v1/payment_intents", owner=customer)


def _pay_with(account: Account, intent: PaymentIntent, reference: str) -> None:
    method = account.usable_payment_method(reference, intent.customer)
    check_type(intent, method)
    intent.payment_method, intent.status, intent.next_action = method.id, "requires_confirmation", None


def _read_details(params: Params) -> dict[str, str]:
    return {name: value for name in _DETAILS if (value := params.text(name)) is not None}


def _set_details(intent: PaymentIntent, details: dict[str, str]) -> None:
    for name, value in details.items():
        setattr(intent, name, value)


def _read_confirm(params: Params) -> bool:
    if params.flag("confirm"):
        return True
    for name in _ONLY_WITH_CONFIRM:
        if params.text(name) is not None:
            raise errors.invalid_parameter(name, _NEEDS_CONFIRM.format(name=name))
    return False


def _read_confirmation(call: Call) -> Confirmation:
    return Confirmation(
        payment_method=call.params.text("payment_method"),
        off_session=call.params.flag("off_session", one_off=True, recurring=True),
        return_url=call.params.text("return_url"),
        idempotency_key=call.idempotency_key,
        site=call.site,
    )
