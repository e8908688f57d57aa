"""Stripe's object of a visit to a page of Checkout, and what is bought there (Stripe API reference, "Checkout")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.objects import nulls
from sandbox.wire import JSON

type Mode = Literal["payment", "setup"]
type SessionStatus = Literal["open", "complete", "expired"]
type Paid = Literal["no_payment_required", "paid", "unpaid"]

_NULLS = (
    *("after_expiration", "allow_promotion_codes", "client_secret", "collected_information", "consent"),
    *("consent_collection", "currency_conversion", "customer_account", "discounts", "integration_identifier"),
    *("invoice", "origin_context", "payment_link", "payment_method_configuration_details", "permissions"),
    *("recovered_from", "saved_payment_method_options", "shipping_address_collection", "shipping_cost"),
    *("subscription", "wallet_options"),
)
_CUSTOM_TEXT = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
_NO_INVOICE: JSON = {
    "enabled": False,
    "invoice_data": {
        **nulls(("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")),
        "metadata": {},
    },
}


@dataclass(frozen=True, slots=True)
class LineItem:
    """A line of what is bought; the unit's amount in minor units."""

    id: str
    created: int
    price: str
    product: str
    name: str
    unit_amount: int
    currency: str
    quantity: int

    @property
    def total(self) -> int:
        """What it costs, in minor units."""
        return self.unit_amount * self.quantity

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "item",
            "adjustable_quantity": None,
            "amount_discount": 0,
            "amount_subtotal": self.total,
            "amount_tax": 0,
            "amount_total": self.total,
            "currency": self.currency,
            "description": self.name,
            "metadata": {},
            "price": self._price(),
            "quantity": self.quantity,
        }

    def _price(self) -> JSON:
        return {
            "id": self.price,
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": self.currency,
            "livemode": False,
            "metadata": {},
            "product": self.product,
            "tax_behavior": "unspecified",
            "type": "one_time",
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": str(self.unit_amount),
            **nulls(("custom_unit_amount", "lookup_key", "nickname", "recurring", "tiers_mode", "transform_quantity")),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the request that made a session asked for.

    Attributes
    ----------
    for_intent : Mapping[str, str]
        What the PaymentIntent or SetupIntent gets: description, receipt_email and the like.
    """

    mode: Mode
    success_url: str
    cancel_url: str | None
    customer: str | None
    customer_email: str | None
    customer_creation: str | None
    client_reference_id: str | None
    currency: str | None
    allowed: list[str] | None
    locale: str | None
    submit_type: str | None
    billing_address_collection: str | None
    metadata: Mapping[str, str]
    for_intent: Mapping[str, str]
    intent_metadata: Mapping[str, str]


@dataclass(slots=True)
class Session:
    """A Checkout Session (``cs_…``). Times are seconds since the epoch.

    Attributes
    ----------
    url : str
        The page, while the session is open.
    intent : str, optional
        The SetupIntent, or the PaymentIntent, which there is only once the customer has tried to pay.
    customer : str, optional
        Whom it is for; a page that makes customers sets it when it is completed.
    """

    id: str
    created: int
    expires_at: int
    url: str
    wanted: Wanted
    method_types: list[str]
    lines: list[LineItem] = field(default_factory=list)
    status: SessionStatus = "open"
    payment_status: Paid = "unpaid"
    intent: str | None = None
    customer: str | None = None
    holder: str | None = None
    email: str | None = None

    @property
    def total(self) -> int:
        """What is to be paid, in minor units; nothing in ``setup`` mode."""
        return sum(line.total for line in self.lines)

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        wanted, pays = self.wanted, self.wanted.mode == "payment"
        return {
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": False} if pays else None,
            "allowed_payment_method_types": wanted.allowed,
            "amount_subtotal": self.total if pays else None,
            "amount_total": self.total if pays else None,
            "automatic_tax": {"enabled": False, **nulls(("liability", "provider", "status"))},
            "billing_address_collection": wanted.billing_address_collection,
            "cancel_url": wanted.cancel_url,
            "client_reference_id": wanted.client_reference_id,
            "created": self.created,
            "currency": wanted.currency,
            "custom_fields": [],
            "custom_text": nulls(_CUSTOM_TEXT),
            "customer": self.customer,
            "customer_creation": wanted.customer_creation,
            "customer_details": self._details(),
            "customer_email": wanted.customer_email,
            "expires_at": self.expires_at,
            "invoice_creation": _NO_INVOICE if pays else None,
            "livemode": False,
            "locale": wanted.locale,
            "managed_payments": {"enabled": False},
            "metadata": dict(wanted.metadata),
            "mode": wanted.mode,
            "payment_intent": self.intent if pays else None,
            "payment_method_collection": "if_required" if pays else "always",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": list(self.method_types),
            "payment_status": self.payment_status,
            "phone_number_collection": {"enabled": False},
            "setup_intent": None if pays else self.intent,
            "shipping_options": [],
            "status": self.status,
            "submit_type": wanted.submit_type,
            "success_url": wanted.success_url,
            "tax_id_collection": {"enabled": False, "required": "never"},
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if pays else None,
            "ui_mode": "hosted_page",
            "url": self.url if self.status == "open" else None,
            **nulls(_NULLS),
        }

    def _details(self) -> JSON | None:
        email = self.email or self.wanted.customer_email
        if email is None and self.holder is None:
            return None
        empty = nulls(("address", "business_name", "individual_name", "phone"))
        return {**empty, "email": email, "name": self.holder, "tax_exempt": "none", "tax_ids": []}
