"""GoCardless' objects that move money: payments, refunds, payouts and their items (API reference)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from sandbox.gocardless.objects import CREDITOR
from sandbox.wire import JSON

CREDITOR_BANK_ACCOUNT = "BA_sandbox_creditor"

# `fx_currency` is "present only if payouts will be made via foreign exchange": the sandbox's never are.
_FX: JSON = dict.fromkeys(("estimated_exchange_rate", "exchange_rate", "fx_amount"))


@dataclass(slots=True)
class Payment:
    """A payment (``PM…``); amounts in minor units.

    Attributes
    ----------
    since : float
        When it got its status, in seconds since the epoch.
    steps_left : tuple[str, ...]
        The statuses that are to come, if nobody decides otherwise.
    payout : str
        The payout that has its money; none yet, or none any more, if it is empty.
    """

    id: str
    created_at: str
    amount: int
    currency: str
    charge_date: str
    mandate: str
    customer: str
    scheme: str
    idempotency_key: str
    since: float
    steps_left: tuple[str, ...]
    description: str | None = None
    reference: str | None = None
    retry_if_possible: bool = False
    faster_ach: bool = False
    status: str = "pending_submission"
    amount_refunded: int = 0
    retries: int = 0
    payout: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "amount": self.amount,
            "amount_refunded": self.amount_refunded,
            "charge_date": self.charge_date,
            "currency": self.currency,
            "description": self.description,
            **({"faster_ach": self.faster_ach} if self.scheme == "ach" else {}),
            "fx": _FX,
            "links": {
                "creditor": CREDITOR,
                "mandate": self.mandate,
                **({"payout": self.payout} if self.payout else {}),
            },
            "metadata": dict(self.metadata),
            "reference": self.reference,
            "retry_if_possible": self.retry_if_possible,
            "scheme": self.scheme,
            "status": self.status,
        }


@dataclass(slots=True)
class Refund:
    """A refund (``RF…``) of a part of a payment or all of it; the amount in minor units.

    Attributes
    ----------
    payout : str
        The payout that it was deducted from; none yet if it is empty.
    """

    id: str
    created_at: str
    amount: int
    currency: str
    payment: str
    mandate: str
    reference: str | None
    metadata: dict[str, str]
    status: str = "created"
    payout: str = ""

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "amount": self.amount,
            "currency": self.currency,
            "fx": _FX,
            "links": {"mandate": self.mandate, "payment": self.payment},
            "metadata": dict(self.metadata),
            "reference": self.reference,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class Item:
    """What a payout consists of; the amount in minor units and tenths of them, negative if it was deducted."""

    kind: str
    amount: Decimal
    links: Mapping[str, str]

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it: the amount is a text with one decimal place."""
        return {"amount": f"{self.amount:.1f}", "links": dict(self.links), "taxes": [], "type": self.kind}


@dataclass(slots=True)
class Payout:
    """A payout (``PO…``): the sum of its items, sent to the creditor's bank account."""

    id: str
    created_at: str
    currency: str
    status: str = "pending"
    arrival_date: str | None = None
    items: list[Item] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """The sum of the items, in minor units and tenths of them."""
        return sum((item.amount for item in self.items), Decimal())

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it: amounts rounded to whole minor units."""
        fees = -sum((item.amount for item in self.items if item.kind == "gocardless_fee"), Decimal())
        return {
            "id": self.id,
            "created_at": self.created_at,
            "amount": _whole(self.total),
            "arrival_date": self.arrival_date,
            "currency": self.currency,
            "deducted_fees": _whole(fees),
            "fx": _FX,
            "links": {"creditor": CREDITOR, "creditor_bank_account": CREDITOR_BANK_ACCOUNT},
            "metadata": dict(self.metadata),
            "payout_type": "merchant",
            "reference": f"SANDBOX-{self.id[2:]}",
            "status": self.status,
            "tax_currency": None,
        }


def _whole(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
