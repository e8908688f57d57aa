"""Stripe's object of money sent to the account's own bank (Stripe API reference, "Payouts")."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sandbox.stripe.objects import nulls
from sandbox.wire import JSON

_NULLS = (
    *("application_fee", "application_fee_amount", "description", "original_payout", "payout_method", "reversed_by"),
    "statement_descriptor",
)
_WHY: dict[str, str] = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "could_not_process": "The bank could not process this payout.",
    "declined": "The bank has declined this payout.",
    "no_account": "The bank account could not be located.",
}
FAILURE_CODES = tuple(_WHY)
"""Some of the reasons for which payouts fail ("Payout failures")."""


@dataclass(slots=True)
class Payout:
    """A Payout (``po_…``), made by the account's schedule. Amounts are in minor units, times in seconds.

    Attributes
    ----------
    balance_transaction, failure_balance_transaction : str, optional
        What it took from the balance, and what came back when it failed.
    told : bool
        Whether an event has said that it arrived.
    """

    id: str
    created: int
    amount: int
    currency: str
    arrival_date: int
    clock: Callable[[], int] = field(repr=False)
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_code: str | None = None
    told: bool = False

    @property
    def status(self) -> Literal["in_transit", "paid", "failed"]:
        """Where the money is."""
        if self.failure_code is not None:
            return "failed"
        return "paid" if self.clock() >= self.arrival_date else "in_transit"

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "payout",
            "amount": self.amount,
            "arrival_date": self.arrival_date,
            "automatic": True,
            "balance_transaction": self.balance_transaction,
            "created": self.created,
            "currency": self.currency,
            "destination": f"ba_sandbox_{self.currency}",
            "failure_balance_transaction": self.failure_balance_transaction,
            "failure_code": self.failure_code,
            "failure_message": self.failure_code and _WHY[self.failure_code],
            "livemode": False,
            "metadata": {},
            "method": "standard",
            "reconciliation_status": "completed",
            "source_type": "card",
            "status": self.status,
            "trace_id": {"status": "supported", "value": f"SANDBOX{self.id[-8:].upper()}"},
            "type": "bank_account",
            **nulls(_NULLS),
        }
