"""Stripe's objects: what the sandbox keeps of them, and how they look on the wire (Stripe API reference)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.banks import CURRENCIES
from sandbox.stripe.cards import Card
from sandbox.stripe.method_documents import BILLING_DETAILS, Means, on_method
from sandbox.wire import JSON

type Status = Literal[
    "requires_payment_method", "requires_confirmation", "requires_action", "processing", "canceled", "succeeded"
]

# Stripe's objects have many members that nothing here ever fills. They are null, not absent, as the SDK expects.
_CUSTOMER_NULLS = ("currency", "customer_account", "default_source", "discount", "shipping")
_INTENT_NULLS = (
    *("application", "application_fee_amount", "customer_account", "excluded_payment_method_types"),
    *("managed_payments", "on_behalf_of", "payment_method_configuration_details", "payment_record", "processing"),
    *("review", "shipping", "source", "statement_descriptor", "transfer_data", "transfer_group"),
)
_CARD_OPTIONS = {**dict.fromkeys(("installments", "mandate_options", "network")), "request_three_d_secure": "automatic"}


def nulls(names: Iterable[str]) -> JSON:
    """Return members that are null."""
    return dict.fromkeys(names)


def automatic_types(currency: str | None) -> list[str]:
    """Return the types of payment method that suit a currency, or all there are."""
    return ["card", *(kind for kind, only in CURRENCIES.items() if currency in (None, only))]


@dataclass(slots=True)
class Customer:
    """A Customer (``cus_…``). Times are seconds since the epoch."""

    id: str
    created: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    address: JSON | None = None
    default_payment_method: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it: of a deleted customer little more than that it is one."""
        if self.deleted:
            return {"id": self.id, "object": "customer", "deleted": True}
        return {
            "id": self.id,
            "object": "customer",
            "address": self.address,
            "balance": 0,
            "created": self.created,
            "delinquent": False,
            "description": self.description,
            "email": self.email,
            "invoice_prefix": self.id[-8:].upper(),
            "invoice_settings": {
                **nulls(("custom_fields", "footer", "rendering_options")),
                "default_payment_method": self.default_payment_method,
            },
            "livemode": False,
            "metadata": dict(self.metadata),
            "name": self.name,
            "next_invoice_sequence": 1,
            "phone": self.phone,
            "preferred_locales": [],
            "tax_exempt": "none",
            "test_clock": None,
            **nulls(_CUSTOMER_NULLS),
        }


@dataclass(slots=True)
class PaymentMethod:
    """A PaymentMethod (``pm_…``): a card, or a bank account to debit.

    Attributes
    ----------
    spent : bool
        Whether it took part in a payment without being attached, or was detached: Stripe does not let it be used again.
    set_up : bool
        Whether it was set up for payments without the customer, with the customer present.
    holder, email : str, optional
        Of its billing details, as a hosted page asked for them.
    from_checkout : bool
        Whether a page of Checkout made it, which saved it for this business's own use.
    """

    id: str
    created: int
    means: Means
    customer: str | None = None
    spent: bool = False
    set_up: bool = False
    holder: str | None = None
    email: str | None = None
    from_checkout: bool = False

    def asks(self, *, off_session: bool) -> bool:
        """Tell whether a payment needs the customer to authenticate."""
        if not isinstance(self.means, Card) or not self.means.authenticates:
            return False
        exempt = self.means.exempt == "always" or (self.means.exempt == "set_up" and self.set_up)
        return not (off_session and exempt)

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "limited" if self.from_checkout else "unspecified",
            "billing_details": {**BILLING_DETAILS, "email": self.email, "name": self.holder},
            "created": self.created,
            "customer": self.customer,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": self.means.kind,
            self.means.kind: on_method(self.means),
        }


class TakesMethods:
    """What PaymentIntents and SetupIntents have in common: which payment methods they take."""

    __slots__ = ()
    automatic_payment_methods: JSON | None
    allowed_payment_method_types: list[str] | None
    currency: str | None

    @property
    def method_types(self) -> list[str]:
        """The types of payment method that it accepts."""
        if self.allowed_payment_method_types is not None:
            return self.allowed_payment_method_types
        return ["card"] if self.automatic_payment_methods is None else automatic_types(self.currency)

    @property
    def may_redirect(self) -> bool:
        """Whether a customer might be sent to another page: then a confirmation needs a ``return_url``."""
        return (self.automatic_payment_methods or {}).get("allow_redirects") == "always"


@dataclass(slots=True)
class PaymentIntent(TakesMethods):
    """A PaymentIntent (``pi_…``). Amounts are in minor units, times are seconds since the epoch."""

    id: str
    created: int
    amount: int
    currency: str
    client_secret: str
    automatic_payment_methods: JSON | None
    allowed_payment_method_types: list[str] | None
    customer: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    statement_descriptor_suffix: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    status: Status = "requires_payment_method"
    payment_method: str | None = None
    latest_charge: str | None = None
    last_payment_error: JSON | None = None
    next_action: JSON | None = None
    amount_received: int = 0
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    capture_method: str = "automatic_async"
    setup_future_usage: str | None = None
    confirms: int = 0
    """How often it was confirmed."""

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": self.allowed_payment_method_types,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": self.amount_received,
            "automatic_payment_methods": self.automatic_payment_methods,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": self.capture_method,
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": False,
            "metadata": dict(self.metadata),
            "next_action": self.next_action,
            "payment_method": self.payment_method,
            "payment_method_options": {"card": dict(_CARD_OPTIONS)},
            "payment_method_types": self.method_types,
            "receipt_email": self.receipt_email,
            "setup_future_usage": self.setup_future_usage,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            **nulls(_INTENT_NULLS),
        }
