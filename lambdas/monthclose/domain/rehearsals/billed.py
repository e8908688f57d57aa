"""One customer's month in short: what a rehearsal compares. It is read from a draft, or from an issued document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING, InvoicingPolicy
from monthclose.domain.pricing.line import LineContent, LineKind


class Outcome(StrEnum):
    """What became of a customer's month."""

    INVOICED = "invoiced"
    CARRIED = "carried"
    """Too small to be invoiced: the next invoice has it."""
    NOTHING = "nothing_to_bill"
    PARKED = "parked"


class EntryKind(StrEnum):
    """What an entry of an invoice is; with the entry's name, it is the entry's key, like `fee:support`."""

    FEE = "fee"
    DISCOUNT = "discount"
    COMMITMENT = "commitment"
    OVERAGE = "overage"
    MAXIMUM = "maximum"
    TAX = "tax"
    CREDIT = "credit"
    """Credit that was used. It pays for the total and is no part of it."""
    ADJUSTMENT = "adjustment"
    """Late usage of earlier months, and what was billed for the month already."""
    CARRIED = "carried"
    SKU = "sku"

    def key(self, name: str) -> str:
        """Make the key of an entry of this kind."""
        return f"{self}:{name}"


_OF_LINES: Mapping[str, EntryKind] = {
    LineKind.FEE: EntryKind.FEE,
    LineKind.DISCOUNT: EntryKind.DISCOUNT,
    LineKind.COMMITMENT: EntryKind.COMMITMENT,
    LineKind.OVERAGE: EntryKind.OVERAGE,
    LineKind.MAXIMUM: EntryKind.MAXIMUM,
    LineKind.ADJUSTMENT: EntryKind.ADJUSTMENT,
    LineKind.BILLED: EntryKind.ADJUSTMENT,
    LineKind.CARRIED: EntryKind.CARRIED,
}
"""Lines of all other kinds are usage of a SKU."""


@dataclass(frozen=True, slots=True)
class Billed:
    """What one customer's month comes to; amounts in minor units of `currency`.

    Parameters
    ----------
    currency : str
        ISO 4217; empty where it is not known (a parked customer has no draft).
    total_minor : int
        The invoice's total, tax included; 0 unless it is invoiced.
    entries : mapping
        Amounts by key (see `EntryKind`), in the order of the draft. A fee and a commitment are named by their id, a
        discount and a maximum by what their lines say: the description, or else the id.
    reason, detail : str
        Why the customer is parked.
    """

    customer_id: str
    outcome: Outcome
    currency: str = ""
    total_minor: int = 0
    entries: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""

    @property
    def there(self) -> bool:
        """Whether the customer is billed, now or with a later invoice."""
        return self.outcome in (Outcome.INVOICED, Outcome.CARRIED)

    @property
    def by_sku(self) -> Mapping[str, int]:
        """Usage by SKU."""
        return self._of(EntryKind.SKU)

    @property
    def by_fee(self) -> Mapping[str, int]:
        """Fees by id."""
        return self._of(EntryKind.FEE)

    @property
    def by_discount(self) -> Mapping[str, int]:
        """Discounts by name; negative."""
        return self._of(EntryKind.DISCOUNT)

    def _of(self, kind: EntryKind) -> dict[str, int]:
        before = kind.key("")
        return {key.removeprefix(before): minor for key, minor in self.entries.items() if key.startswith(before)}

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON; what says nothing is left out."""
        values = {
            "customer_id": self.customer_id,
            "outcome": self.outcome.value,
            "currency": self.currency,
            "total_minor": self.total_minor,
            "entries": dict(self.entries),
            "reason": self.reason,
            "detail": self.detail,
        }
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Billed:
        """Read what `to_json` wrote."""
        return cls(**{**values, "outcome": Outcome(values["outcome"])})


def billed(draft: Draft, policy: InvoicingPolicy = INVOICE_EVERYTHING) -> Billed:
    """Read a draft, or the document of an invoice or of a carried amount.

    Parameters
    ----------
    policy : InvoicingPolicy
        Decides whether the draft is invoiced or carried over, as it does in a close.
    """
    outcome = _outcome(draft, policy)
    entries: Counter[str] = Counter()
    for key, minor in _entries(draft):
        entries[key] += minor
    return Billed(
        customer_id=draft["customer"]["customer_id"],
        outcome=outcome,
        currency=draft["currency"],
        total_minor=draft["total_minor"] if outcome is Outcome.INVOICED else 0,
        entries=dict(entries),
    )


def parked(customer_id: str, reason: str, detail: str = "", currency: str = "") -> Billed:
    """Make the month of a customer who is set aside."""
    return Billed(customer_id, Outcome.PARKED, currency, reason=reason, detail=detail)


def _outcome(draft: Draft, policy: InvoicingPolicy) -> Outcome:
    if policy.invoices(draft):
        return Outcome.INVOICED
    return Outcome.CARRIED if policy.keeps(draft) else Outcome.NOTHING


def _entries(draft: Draft) -> Iterator[tuple[str, int]]:
    for line in draft["lines"]:
        yield _key(line), line["amount_minor"]
    for discount in draft.get("discounts", ()):  # of documents of the first releases
        yield EntryKind.DISCOUNT.key(discount["description"]), discount["amount_minor"]
    for tax in draft.get("taxes", ()):
        yield EntryKind.TAX.key(tax["name"]), tax["amount_minor"]
    for credit in draft.get("credits", ()):
        yield EntryKind.CREDIT.key(""), credit["amount_minor"]


def _key(line: LineContent) -> str:
    kind = _OF_LINES.get(line.get("kind", ""), EntryKind.SKU)
    if kind in (EntryKind.DISCOUNT, EntryKind.MAXIMUM):  # its SKU is what it is on
        return kind.key(line["description"])
    return kind.key("" if kind in (EntryKind.ADJUSTMENT, EntryKind.CARRIED) else line["sku"])
