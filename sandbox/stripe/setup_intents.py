"""The operations on SetupIntents (Stripe API reference, "SetupIntents")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.customers import merge_metadata
from sandbox.stripe.method_types import read_method_types
from sandbox.stripe.sessions import refuse_if_open
from sandbox.stripe.setting_up import OPEN, confirm, usable
from sandbox.stripe.setup_objects import SetupIntent
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_REASONS = ("abandoned", "duplicate", "requested_by_customer")
_NEEDS_CONFIRM = (
    "The parameter `return_url` cannot be passed when creating a SetupIntent unless `confirm` is set to true."
)
_NOT_CANCELABLE = (
    "You cannot cancel this SetupIntent because it has a status of {status}. Only a SetupIntent with one of the "
    "following statuses may be canceled: requires_payment_method, requires_confirmation, requires_action."
)
_FROZEN = "You cannot update this SetupIntent because it has a status of {status}."


def create(call: Call) -> Command:
    """Create a SetupIntent, with ``confirm=true`` also confirm it."""
    params = call.params
    customer, method, metadata = params.text("customer"), params.text("payment_method"), params.metadata()
    types, description = read_method_types(params, call.api_version), params.text("description")
    usage = params.choice("usage", "off_session", "on_session") or "off_session"
    at_once, return_url = params.flag("confirm"), params.text("return_url")
    if return_url is not None and not at_once:
        raise errors.invalid_parameter("return_url", _NEEDS_CONFIRM)

    def command(account: Account) -> JSON:
        if customer is not None:
            account.customer(customer, "customer")
        reference = account.ids.new("seti_")
        intent = SetupIntent(
            id=reference,
            created=account.now(),
            client_secret=account.ids.new(f"{reference}_secret_", 31),
            automatic_payment_methods=types.automatic,
            allowed_payment_method_types=types.allowed,
            customer=customer,
            description=description,
            metadata=dict(metadata or {}),
            usage=usage,
        )
        if method is not None:
            intent.payment_method, intent.status = usable(account, intent, method).id, "requires_confirmation"
        store(account, intent)
        if at_once:
            confirm(account, intent, None, return_url, call.site)
        return intent.to_json()

    return command


def store(account: Account, intent: SetupIntent) -> None:
    """Keep a new SetupIntent, and announce it."""
    account.setup_intents.add(intent, intent.customer)
    account.emit("setup_intent.created", intent.to_json())


def confirm_one(call: Call) -> Command:
    """Confirm a SetupIntent, with the payment method given or the one it has."""
    method, return_url = call.params.text("payment_method"), call.params.text("return_url")

    def command(account: Account) -> JSON:
        intent = account.setup_intents.get(call.ids["intent"])
        refuse_if_open(account, intent)
        confirm(account, intent, method, return_url, call.site)
        return intent.to_json()

    return command


def retrieve(call: Call) -> Command:
    """Retrieve a SetupIntent."""
    return lambda account: account.setup_intents.get(call.ids["intent"]).to_json()


def update(call: Call) -> Command:
    """Update a SetupIntent: its payment method only while it is open, the rest always."""
    params = call.params
    method, description, metadata = params.text("payment_method"), params.text("description"), params.metadata()

    def command(account: Account) -> JSON:
        intent = account.setup_intents.get(call.ids["intent"])
        if method is not None:
            if intent.status not in OPEN:
                raise errors.unexpected_setup(_FROZEN.format(status=intent.status), intent.to_json())
            intent.payment_method, intent.status = usable(account, intent, method).id, "requires_confirmation"
            intent.next_action = None
        intent.description = description or intent.description
        merge_metadata(intent.metadata, metadata)
        return intent.to_json()

    return command


def cancel(call: Call) -> Command:
    """Cancel a SetupIntent that is still open."""
    reason = call.params.choice("cancellation_reason", *_REASONS)

    def command(account: Account) -> JSON:
        intent = account.setup_intents.get(call.ids["intent"])
        refuse_if_open(account, intent)
        if intent.status not in OPEN:
            raise errors.unexpected_setup(_NOT_CANCELABLE.format(status=intent.status), intent.to_json())
        intent.status, intent.next_action, intent.cancellation_reason = "canceled", None, reason
        account.emit("setup_intent.canceled", intent.to_json())
        return intent.to_json()

    return command


def list_all(call: Call) -> Command:
    """List SetupIntents, newest first, also by customer or payment method."""
    page, customer, method = read_page(call.params), call.params.text("customer"), call.params.text("payment_method")
    return lambda account: account.setup_intents.page(
        page, "/v1/setup_intents", owner=customer, where=lambda intent: method in (None, intent.payment_method)
    )
