"""A line of an invoice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from monthclose.domain.money import Money
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Step


class LineKind(StrEnum):
    """What a line is for."""

    USAGE = "usage"
    FEE = "fee"
    DISCOUNT = "discount"
    COMMITMENT = "commitment"
    """The true-up to a minimum commitment."""
    ADJUSTMENT = "adjustment"
    """Of an earlier month, for usage that came after that month's close."""
    CARRIED = "carried"
    """An earlier month's amount that was too small to be charged."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line.

    Parameters
    ----------
    quantity : Decimal
        In the line's unit; rounded to nine places where no decimal is exact (see the explanation then).
    unit_price : Decimal or None
        Major units; None where the units have no single price (tiers, packages, fees).
    amount : Money
        The sum of the explanation's steps, rounded once.
    model : str
        The pricing model's name; `rated` for usage that brought its own price.
    starts, ends : datetime or None
        The time that the line is for, if not the invoice's whole month; the end is exclusive.
    steps : tuple
        How the amount came about (see `explanation`).
    """

    sku: str
    description: str
    unit: str
    quantity: Decimal
    unit_price: Decimal | None
    amount: Money
    kind: LineKind = LineKind.USAGE
    model: str = "rated"
    resource: str = ""
    starts: datetime | None = None
    ends: datetime | None = None
    steps: tuple[Step, ...] = ()

    def content(self) -> dict[str, Any]:
        """The line as JSON; decimals are text, so that nothing is lost."""
        return {
            "kind": self.kind.value,
            "sku": self.sku,
            "resource": self.resource,
            "description": self.description,
            "model": self.model,
            "unit": self.unit,
            "quantity": plain(self.quantity),
            "unit_price": None if self.unit_price is None else plain(self.unit_price),
            "from": None if self.starts is None else self.starts.isoformat(),
            "until": None if self.ends is None else self.ends.isoformat(),
            "amount_minor": self.amount.minor,
            "explanation": [dict(step) for step in self.steps],
        }


def total_minor(lines: Iterable[InvoiceLine]) -> int:
    """The sum of the lines' rounded amounts."""
    return sum(line.amount.minor for line in lines)
