"""The operations on customers and their payment methods (Stripe API reference, pages of these names)."""

from typing import Any

from sandbox.stripe import errors
from sandbox.stripe.account import PREVIOUSLY_USED, Account, Call, Command
from sandbox.stripe.banks import CURRENCIES
from sandbox.stripe.objects import Customer, PaymentMethod
from sandbox.stripe.params import Params
from sandbox.stripe.shelf import read_page
from sandbox.wire import JSON

_NOT_ATTACHED = "The payment method you provided is not attached to a customer so detachment is impossible."
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def merge_metadata(metadata: dict[str, str], changes: dict[str, str] | None) -> None:
    """Change metadata as Stripe does: keys are merged, an empty value unsets one, an empty hash unsets all."""
    if changes == {}:
        metadata.clear()
    for key, value in (changes or {}).items():
        if value:
            metadata[key] = value
        else:
            metadata.pop(key, None)


def _read_details(params: Params) -> dict[str, Any]:
    read = {name: params.text(name) for name in ("name", "email", "phone", "description")}
    address = params.nested("address")
    settings = params.nested("invoice_settings")
    details: dict[str, Any] = {
        **read,
        "address": address and {name: address.text(name) for name in _ADDRESS},
        "default_payment_method": settings and settings.text("default_payment_method"),
    }
    return {name: value for name, value in details.items() if value is not None}


def _change(account: Account, customer: Customer, details: dict[str, Any], metadata: dict[str, str] | None) -> JSON:
    method = details.get("default_payment_method")
    if method is not None:
        found = account.payment_methods.get(method, "invoice_settings[default_payment_method]")
        if found.customer != customer.id:
            message = (
                f"The customer does not have a payment method with the ID {method}. The payment method must be "
                "attached to the customer."
            )
            raise errors.invalid_parameter("invoice_settings[default_payment_method]", message, "resource_missing")
    for name, value in details.items():
        setattr(customer, name, value)
    merge_metadata(customer.metadata, metadata)
    return customer.to_json()


def create(call: Call) -> Command:
    """Create a customer."""
    details, metadata = _read_details(call.params), call.params.metadata()

    def command(account: Account) -> JSON:
        customer = Customer(account.ids.new("cus_", 14), account.now())
        document = _change(account, customer, details, metadata)
        account.customers.add(customer)
        account.emit("customer.created", document)
        return document

    return command


def retrieve(call: Call) -> Command:
    """Retrieve a customer."""
    return lambda account: account.customers.get(call.ids["customer"]).to_json()


def update(call: Call) -> Command:
    """Update a customer."""
    details, metadata = _read_details(call.params), call.params.metadata()

    def command(account: Account) -> JSON:
        customer = account.customer(call.ids["customer"])
        before = customer.to_json()
        document = _change(account, customer, details, metadata)
        account.emit("customer.updated", document, before)
        return document

    return command


def delete(call: Call) -> Command:
    """Delete a customer for good, and detach the payment methods. What was charged stays."""

    def command(account: Account) -> JSON:
        customer = account.customer(call.ids["customer"])
        for method in account.payment_methods.owned(customer.id):
            if method.customer == customer.id:
                _detach(account, method)
        account.emit("customer.deleted", customer.to_json())
        customer.deleted = True
        return customer.to_json()

    return command


def list_all(call: Call) -> Command:
    """List customers, also by their exact e-mail address."""
    page, email = read_page(call.params), call.params.text("email")
    return lambda account: account.customers.page(
        page,
        "/v1/customers",
        where=lambda customer: not customer.deleted and (email is None or customer.email == email),
    )


def retrieve_payment_method(call: Call) -> Command:
    """Retrieve a payment method; a magic test id gives a new one."""
    return lambda account: account.payment_method(call.ids["payment_method"]).to_json()


def attach_payment_method(call: Call) -> Command:
    """Attach a payment method to a customer. Cards that decline are already refused here, but for one ("Testing")."""
    customer = call.params.text("customer")
    if customer is None:
        raise errors.missing_parameter("customer")

    def command(account: Account) -> JSON:
        owner = account.customer(customer, "customer")
        method = account.payment_method(call.ids["payment_method"])
        if method.customer == owner.id:
            return method.to_json()
        if method.customer is not None:
            raise errors.StripeError(400, "The payment method you provided has already been attached to a customer.")
        if method.spent:
            raise errors.invalid_parameter("payment_method", PREVIOUSLY_USED)
        decline = method.means.decline
        if decline is not None and not method.means.attaches:
            raise errors.declined(decline)
        method.customer = owner.id
        account.payment_methods.file_under(owner.id, method)
        account.emit("payment_method.attached", method.to_json())
        return method.to_json()

    return command


def detach_payment_method(call: Call) -> Command:
    """Detach a payment method from its customer: it can never be used again."""

    def command(account: Account) -> JSON:
        method = account.payment_methods.get(call.ids["payment_method"])
        if method.customer is None:
            raise errors.invalid_parameter("payment_method", _NOT_ATTACHED)
        _detach(account, method)
        return method.to_json()

    return command


def _detach(account: Account, method: PaymentMethod) -> None:
    before = method.to_json()
    method.customer, method.spent = None, True
    account.emit("payment_method.detached", method.to_json(), before)


def list_payment_methods(call: Call) -> Command:
    """List the payment methods attached to a customer, who is in the URL or a parameter."""
    page, kind = read_page(call.params), call.params.choice("type", "card", *CURRENCIES)
    owner = call.ids.get("customer") or call.params.text("customer")
    if owner is None:
        raise errors.missing_parameter("customer")
    in_url = "customer" in call.ids

    def command(account: Account) -> JSON:
        customer = account.customer(owner, None if in_url else "customer")
        url = f"/v1/customers/{owner}/payment_methods" if in_url else "/v1/payment_methods"
        return account.payment_methods.page(
            page,
            url,
            owner=customer.id,
            where=lambda method: method.customer == customer.id and kind in (None, method.means.kind),
        )

    return command
