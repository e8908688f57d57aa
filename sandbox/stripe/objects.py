"""Stripe's objects: what the sandbox keeps of them, and how they look on the wire (Stripe API reference)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.cards import Card, Decline
from sandbox.wire import JSON

type Status = Literal[
    "requires_payment_method", "requires_confirmation", "requires_action", "processing", "canceled", "succeeded"
]

# Stripe's objects have many members that nothing here ever fills. They are null, not absent, as the SDK expects.
_CUSTOMER_NULLS = ("currency", "default_source", "discount", "shipping")
_CHARGE_NULLS = (
    *(
        "application",
        "application_fee",
        "application_fee_amount",
        "calculated_statement_descriptor",
    ),
    *("dispute", "failure_balance_transaction", "on_behalf_of", "receipt_number", "receipt_url", "review", "shipping"),
    *("source", "source_transfer", "statement_descriptor", "transfer_data", "transfer_group"),
)
_INTENT_NULLS = (
    *(
        "application",
        "application_fee_amount",
        "on_behalf_of",
        "processing",
        "review",
        "setup_future_usage",
        "shipping",
    ),
    *("source", "statement_descriptor", "transfer_data", "transfer_group"),
)
_BILLING_DETAILS: JSON = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    **dict.fromkeys(("email", "name", "phone", "tax_id")),
}


def nulls(names: Iterable[str]) -> JSON:
    """Return members that are null."""
    return dict.fromkeys(names)


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

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
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
    """A PaymentMethod (``pm_…``) of type card.

    ``spent`` is set once it took part in a payment without being attached: Stripe does not let it be used again.
    """

    id: str
    created: int
    card: Card
    customer: str | None = None
    spent: bool = False

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": _BILLING_DETAILS,
            "card": self.card_json(),
            "created": self.created,
            "customer": self.customer,
            "livemode": False,
            "metadata": {},
            "type": "card",
        }

    def card_json(self) -> JSON:
        """Return the card's own members."""
        return {
            "brand": self.card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sandbox{self.card.last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": self.card.last4,
            "networks": {"available": [self.card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }


@dataclass(slots=True)
class PaymentIntent:
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

    @property
    def may_redirect(self) -> bool:
        """Whether a customer might be sent to another page: then an on-session confirm needs a ``return_url``."""
        return (self.automatic_payment_methods or {}).get("allow_redirects") == "always"

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
            "capture_method": "automatic",
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
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "receipt_email": self.receipt_email,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            **nulls(_INTENT_NULLS),
        }


@dataclass(slots=True)
class Charge:
    """A Charge (``ch_…``): one attempt to move a PaymentIntent's money, successful unless there is a decline.

    Attributes
    ----------
    idempotency_key : str, optional
        What came with the confirmation.
    disputed : bool
        Stays when a dispute is won.
    withheld : dict[str, int]
        How much each of its disputes holds withdrawn now, in minor units.
    balance_transaction : str, optional
        Absent until it is captured, which happens after the confirmation is answered (``automatic_async``).
    """

    id: str
    created: int
    amount: int
    currency: str
    customer: str | None
    payment_intent: str
    payment_method: str
    card: JSON
    description: str | None
    receipt_email: str | None
    statement_descriptor_suffix: str | None
    metadata: Mapping[str, str]
    decline: Decline | None
    idempotency_key: str | None = None
    settled: bool = True
    amount_refunded: int = 0
    disputed: bool = False
    withheld: dict[str, int] = field(default_factory=dict)
    balance_transaction: str | None = None

    @property
    def charged_back(self) -> bool:
        """Whether a bank has taken money back and not given it again."""
        return any(self.withheld.values())

    @property
    def brand(self) -> str | None:
        """The card's; none for a bank account."""
        brand = self.card.get("brand")
        return None if brand is None else str(brand)

    @property
    def status(self) -> Literal["pending", "succeeded", "failed"]:
        """What became of it."""
        if not self.settled:
            return "pending"
        return "succeeded" if self.decline is None else "failed"

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        paid = self.status == "succeeded"
        return {
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount if paid else 0,
            "amount_refunded": self.amount_refunded,
            "balance_transaction": self.balance_transaction,
            "billing_details": _BILLING_DETAILS,
            "captured": paid,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.disputed,
            "failure_code": self.decline and self.decline.code,
            "failure_message": self.decline and self.decline.message,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(self.metadata),
            "outcome": _outcome(self.decline),
            "paid": paid,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": {"card": self.card, "type": "card"},
            "receipt_email": self.receipt_email,
            "refunded": self.amount_refunded == self.amount,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            **nulls(_CHARGE_NULLS),
        }


def _outcome(decline: Decline | None) -> JSON:
    common = {"advice_code": None, "risk_level": "normal", "risk_score": 12}
    if decline is None:
        return {
            **common,
            "network_status": "approved_by_network",
            "reason": None,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        **common,
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "seller_message": f"The bank returned the decline code `{decline.decline_code}`.",
        "type": "issuer_declined",
    }
