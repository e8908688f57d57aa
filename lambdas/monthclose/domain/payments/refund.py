"""A refund that a person asked for: money of a payment goes back to the customer, once, and for a reason.

It is part of the payment. REQUESTED is written before the provider is asked, with the amount frozen and the customer's
lease taken; MADE with the provider's id of it; DONE once the books have it, with the credit note where one is due.
Whoever finds one that is under way continues it: it has one name at the provider, which never refunds twice for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RefundKind(StrEnum):
    """Why money goes back: it decides what the books say."""

    SERVICE = "service"
    """Something was billed that should not have been: a credit note takes it off the invoice, with its tax."""
    OVERPAYMENT = "overpayment"
    """More was paid than was due: it comes out of the customer's credit. No invoice changes."""
    GOODWILL = "goodwill"
    """A gift: the invoice stands, and what was given back is written off."""


class RefundState(StrEnum):
    """How far a refund is."""

    REQUESTED = "requested"
    """The amount is frozen, and the provider may have been asked: only a look-up can tell."""
    MADE = "made"
    """The provider has it. Its money may still wait to leave, or what follows in our books be outstanding."""
    DONE = "done"
    REFUSED = "refused"
    """The provider surely gave nothing back."""


UNDER_WAY = frozenset({RefundState.REQUESTED, RefundState.MADE})


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of a payment; amounts in minor units.

    Parameters
    ----------
    number : int
        Counts the payment's refunds from 1: part of its name.
    before_minor : int
        What of the payment was refunded when it was asked for.
    reason : str
        As the customer reads it.
    reference : str
        The provider's id of it.
    credit_note : str
        The number of the credit note that came with it.
    invoice : str
        The number of the invoice in force when it was asked for: a credit note is for that one only.
    code : str
        Why it was refused, in the provider's words; or why there is no credit note.
    """

    number: int
    amount_minor: int
    before_minor: int
    kind: RefundKind
    reason: str
    time: datetime
    by: str = ""
    state: RefundState = RefundState.REQUESTED
    reference: str = ""
    credit_note: str = ""
    code: str = ""
    invoice: str = ""

    @property
    def under_way(self) -> bool:
        """Whether somebody has to continue it."""
        return self.state in UNDER_WAY

    def name(self, payment_id: str) -> str:
        """Name it at the provider: in metadata and idempotency keys."""
        return f"{payment_id}/refund/{self.number}"
