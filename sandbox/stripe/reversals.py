"""Stripe's objects for returned money: refunds and disputes (Stripe API reference, pages of these names)."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.stripe.balance import BalanceTransaction
from sandbox.stripe.objects import nulls
from sandbox.wire import JSON

type Verdict = Literal["lost", "won"]
type RefundStatus = Literal["pending", "requires_action", "succeeded", "failed", "canceled"]

INQUIRY = ("warning_needs_response", "warning_under_review", "warning_closed")
"""Statuses of an inquiry: no money has been withdrawn."""
TAKEN = ("needs_response", "under_review", "lost", "appeal_needs_response", "appeal_under_review")
"""Statuses in which the money is withdrawn, but for what a lost dispute gave back ("How disputes work")."""
CLOSED = ("won", "lost", "warning_closed", "prevented")
STATUSES = (*INQUIRY, *TAKEN, "won", "prevented")

_DAYS_TO_RESPOND = 7
_EVIDENCE = (
    *("access_activity_log", "appeal", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation"),
    *("duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy"),
    *("refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation"),
    *("shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation"),
    *("shipping_tracking_number", "uncategorized_file", "uncategorized_text"),
)


@dataclass(slots=True)
class Refund:
    """A Refund (``re_…``) of a charge, in part or the rest of it. Amounts are in minor units.

    Attributes
    ----------
    on_card : bool
        Whether it goes to a card; otherwise to a bank account.
    balance_transaction, failure_balance_transaction : str, optional
        What it took from the balance, and what came back when it failed or was canceled.
    """

    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    payment_method: str
    customer: str | None
    reason: str | None
    metadata: dict[str, str]
    on_card: bool = True
    status: RefundStatus = "succeeded"
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_reason: str | None = None
    pending_reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the charge counts it as refunded: one that failed or was canceled it does not."""
        return self.status not in ("failed", "canceled")

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": self.balance_transaction,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": None,
            "metadata": dict(self.metadata),
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "reason": self.reason,
            "status": self.status,
            **nulls(("receipt_number", "source_transfer_reversal", "transfer_reversal")),
            **self._sometimes(),
        }

    def _sometimes(self) -> JSON:
        # These members are absent, not null, where they don't apply.
        found: dict[str, Any] = {
            "failure_balance_transaction": self.failure_balance_transaction,
            "failure_reason": self.failure_reason,
            "pending_reason": self.pending_reason if self.status == "pending" else None,
            "destination_details": {"card": {"type": "refund"}, "type": "card"} if self.on_card else None,
            "next_action": self._next_action() if self.status == "requires_action" else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _next_action(self) -> JSON:
        sent = {"email_sent_at": self.created, "email_sent_to": "customer@example.com"}
        details = {"email_sent": sent, "expires_at": self.created + 30 * 86400}
        return {"display_details": details, "type": "display_details"}


@dataclass(slots=True)
class Dispute:
    """A Dispute (``du_…``): the cardholder's bank asks, or withdraws the money, for good or until the verdict.

    Attributes
    ----------
    amount : int
        What is disputed, in minor units of the charge's currency.
    withdrawn : int
        How much of it Stripe holds withdrawn now, in the same units.
    movements : list[BalanceTransaction]
        The withdrawal and the reinstatement, if any, as the balance has them.
    brand : str, optional
        Of the card; none for a bank account, whose disputes have no ``payment_method_details``.
    since : int
        When it got its status, in seconds since the epoch.
    """

    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    customer: str | None
    reason: str
    status: str
    brand: str | None = None
    since: int = 0
    withdrawn: int = 0
    movements: list[BalanceTransaction] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def due_by(self) -> int:
        """Until when evidence can be submitted, in seconds since the epoch."""
        return self.created + _DAYS_TO_RESPOND * 86400

    @property
    def closed(self) -> bool:
        """Whether the bank has decided."""
        return self.status in CLOSED

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [movement.to_json() for movement in self.movements],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": {**nulls(_EVIDENCE), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": self.due_by,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "intended_submission_method": None,
            "is_charge_refundable": self.status in INQUIRY,
            "livemode": False,
            "metadata": dict(self.metadata),
            "network_reason_code": "10.4",
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": self.status,
            **self._method(),
        }

    def _method(self) -> JSON:
        if self.brand is None:
            return {}
        case = "block" if self.status == "prevented" else "inquiry" if self.status in INQUIRY else "chargeback"
        if self.status == "prevented" and self.withdrawn:
            case = "resolution"
        card = {"brand": self.brand, "case_type": case, "network": self.brand, "network_reason_code": "10.4"}
        return {"payment_method_details": {"card": card, "type": "card"}}
