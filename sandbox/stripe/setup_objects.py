"""Stripe's object of setting up a payment method for later payments (Stripe API reference, "SetupIntents")."""

from dataclasses import dataclass, field

from sandbox.stripe.objects import Status, TakesMethods, nulls
from sandbox.wire import JSON

_NULLS = (
    *("application", "customer_account", "excluded_payment_method_types", "flow_directions", "on_behalf_of"),
    *("payment_method_configuration_details", "single_use_mandate"),
)
_CARD_OPTIONS = {**dict.fromkeys(("mandate_options", "network")), "request_three_d_secure": "automatic"}


@dataclass(slots=True)
class SetupIntent(TakesMethods):
    """A SetupIntent (``seti_…``). Times are seconds since the epoch.

    Attributes
    ----------
    currency : str, optional
        Of the Checkout session that it belongs to: it decides which payment methods suit.
    """

    id: str
    created: int
    client_secret: str
    automatic_payment_methods: JSON | None
    allowed_payment_method_types: list[str] | None
    customer: str | None = None
    currency: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    usage: str = "off_session"
    status: Status = "requires_payment_method"
    payment_method: str | None = None
    latest_attempt: str | None = None
    mandate: str | None = None
    last_setup_error: JSON | None = None
    next_action: JSON | None = None
    cancellation_reason: str | None = None

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "setup_intent",
            "allowed_payment_method_types": self.allowed_payment_method_types,
            "automatic_payment_methods": self.automatic_payment_methods,
            "cancellation_reason": self.cancellation_reason,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "description": self.description,
            "last_setup_error": self.last_setup_error,
            "latest_attempt": self.latest_attempt,
            "livemode": False,
            "mandate": self.mandate,
            "metadata": dict(self.metadata),
            "next_action": self.next_action,
            "payment_method": self.payment_method,
            "payment_method_options": {"card": dict(_CARD_OPTIONS)},
            "payment_method_types": self.method_types,
            "status": self.status,
            "usage": self.usage,
            **nulls(_NULLS),
        }
