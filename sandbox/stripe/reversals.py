"""Stripe's objects of money that goes back: refunds and disputes (Stripe API reference, pages of these names)."""

from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.objects import nulls
from sandbox.wire import JSON

type Verdict = Literal["lost", "won"]

_DAYS_TO_RESPOND = 7
_REFUND_NULLS = (
    *("balance_transaction", "destination_details", "receipt_number"),
    *("source_transfer_reversal", "transfer_reversal"),
)


@dataclass(frozen=True, slots=True)
class Refund:
    """A Refund (``re_…``) of a charge, in part or the rest of it. Amounts are in minor units."""

    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    customer: str | None
    reason: str | None
    metadata: dict[str, str]

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": dict(self.metadata),
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": "succeeded",
            **nulls(_REFUND_NULLS),
        }


@dataclass(slots=True)
class Dispute:
    """A Dispute (``du_…``): the cardholder's bank takes the money back, for good or until the verdict."""

    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    customer: str | None
    reason: str
    verdict: Verdict | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": self.created + _DAYS_TO_RESPOND * 86400,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": dict(self.metadata),
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
                "type": "card",
            },
            "reason": self.reason,
            "status": self.verdict or "needs_response",
        }
