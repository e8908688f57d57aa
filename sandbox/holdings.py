"""What a provider holds of each payment now, computed from its own record of the money that moved and nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox.wire import JSON

type Part = Literal["gross", "refunded", "withdrawn"]

PARTS: Mapping[str, Part] = {
    "charge": "gross",
    "refund": "refunded",
    "refund_failure": "refunded",
    "refund_cancelled": "refunded",
    "refund_funds_returned": "refunded",
    "dispute": "withdrawn",
    "reinstatement": "withdrawn",
    "charge_back": "withdrawn",
    "charge_back_cancelled": "withdrawn",
    "late_failure": "withdrawn",
}
"""Which part of a holding each kind of movement changes, of whichever provider."""


@dataclass(slots=True)
class Holding:
    """What a provider holds of one payment. Amounts are in the provider's minor units.

    Attributes
    ----------
    reference : str
        The provider's: a PaymentIntent of Stripe's, a payment of GoCardless'.
    metadata : dict[str, str]
        What we wrote on it (``payment``, ``invoice``, …).
    gross, refunded, withdrawn : int
        What was collected, the part refunded, the part that banks withhold or took for good; none is negative.
    charges : int
        How often money was collected: 1, or somebody was charged twice.
    """

    provider: str
    reference: str
    currency: str
    metadata: dict[str, str]
    gross: int = 0
    refunded: int = 0
    withdrawn: int = 0
    charges: int = 0

    @property
    def net(self) -> int:
        """What is left; below zero when a bank took back what had been refunded already."""
        return self.gross - self.refunded - self.withdrawn

    def to_json(self) -> JSON:
        """Return it as a document."""
        return {**asdict(self), "net": self.net}


def holdings(movements: Iterable[Mapping[str, Any]]) -> dict[str, Holding]:
    """Add up movements by payment, oldest first; the keys are the provider's references."""
    found: dict[str, Holding] = {}
    for movement in movements:
        reference = str(movement.get("payment_intent") or movement["payment"])
        holding = found.get(reference)
        if holding is None:
            metadata = dict(movement["metadata"])
            holding = Holding(movement["provider"], reference, movement["currency"], metadata)
            found[reference] = holding
        _add(holding, movement.get("kind", "charge"), movement["amount"])
    return found


def _add(holding: Holding, kind: str, amount: int) -> None:
    if kind not in PARTS:
        raise ValueError(f"no holding counts movements of the kind {kind!r}: add it to PARTS")
    part = PARTS[kind]
    # Money that went back is negative in the record.
    change = amount if part == "gross" else -amount
    setattr(holding, part, getattr(holding, part) + change)
    holding.charges += kind == "charge"
