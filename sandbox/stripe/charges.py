"""Stripe's object of an attempt to move money (Stripe API reference, "Charges")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.cards import Card, Decline
from sandbox.stripe.method_documents import BILLING_DETAILS, Means, on_charge
from sandbox.stripe.objects import nulls
from sandbox.wire import JSON

_NULLS = (
    *("application", "application_fee", "application_fee_amount", "on_behalf_of"),
    *("receipt_number", "review", "shipping", "source", "source_transfer", "statement_descriptor", "transfer_data"),
    "transfer_group",
)


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
        Absent until it is captured, which happens after the confirmation is answered (``automatic_async``). A bank
        debit has it while it is pending.
    failure_balance_transaction : str, optional
        What took it out of the balance again, when the debit failed.
    """

    id: str
    created: int
    amount: int
    currency: str
    customer: str | None
    payment_intent: str
    payment_method: str
    means: Means
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
    failure_balance_transaction: str | None = None

    @property
    def charged_back(self) -> bool:
        """Whether a bank has reversed money and not returned it."""
        return any(self.withheld.values())

    @property
    def brand(self) -> str | None:
        """The card's; none for a bank account."""
        return self.means.brand if isinstance(self.means, Card) else None

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
            "billing_details": BILLING_DETAILS,
            "calculated_statement_descriptor": "SANDBOX" if paid else None,
            "captured": paid,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.disputed,
            "failure_balance_transaction": self.failure_balance_transaction,
            "failure_code": self.decline and self.decline.code,
            "failure_message": self.decline and self.decline.message,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(self.metadata),
            "outcome": _outcome(self.means, self.decline),
            "paid": paid,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": {
                "type": self.means.kind,
                self.means.kind: on_charge(self.means, self.amount, self.decline),
            },
            "radar_options": {},
            "receipt_email": self.receipt_email,
            "receipt_url": f"https://pay.stripe.com/receipts/{self.id}" if paid else None,
            "refunded": self.amount_refunded == self.amount,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            **nulls(_NULLS),
        }


def _outcome(means: Means, decline: Decline | None) -> JSON:
    risk: JSON = (
        {"risk_level": "normal", "risk_score": 12} if isinstance(means, Card) else {"risk_level": "not_assessed"}
    )
    if decline is None:
        return {
            **risk,
            **nulls(("advice_code", "network_advice_code", "network_decline_code", "reason")),
            "network_status": "approved_by_network",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    reason = decline.decline_code or decline.code
    return {
        **risk,
        "advice_code": decline.advice,
        "network_advice_code": decline.network_advice,
        "network_decline_code": decline.network_code,
        "network_status": "declined_by_network",
        "reason": reason,
        "seller_message": f"The bank returned the decline code `{reason}`.",
        "type": "issuer_declined",
    }
