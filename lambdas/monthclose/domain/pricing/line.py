"""A line of an invoice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NotRequired, TypedDict, cast

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Step
from monthclose.domain.usage import Attributes

MOST_LINES = 15_000
"""Of an invoice: as many as the function that makes its PDF has memory for (`stacks/functions/table.py`)."""

_OptionalEntries = TypedDict(
    "_OptionalEntries",
    {
        "kind": str,
        "resource": str,
        "attributes": Mapping[str, str],
        "period": str,
        "from": str,
        "until": str,
        "steps": list[Step],
        "tax_class": str,
        "customer_id": str,
    },
    total=False,
)  # written as a call because `from` is a keyword


class LineContent(_OptionalEntries):
    """A line as an invoice's document holds it; see `InvoiceLine`.

    `customer_id` is there if the line is for another customer than the one who gets the invoice.
    """

    sku: str
    description: str
    model: str
    unit: str
    quantity: str
    unit_price: str | None
    amount_minor: int


class BilledDocument(TypedDict):
    """What pricing reads of an invoice's document."""

    number: NotRequired[str]
    period: str
    lines: list[LineContent]


class LineKind(StrEnum):
    """What a line is for."""

    USAGE = "usage"
    FEE = "fee"
    DISCOUNT = "discount"
    COMMITMENT = "commitment"
    """The true-up to a minimum commitment."""
    OVERAGE = "overage"
    """What is charged on top for what is above a commitment."""
    MAXIMUM = "maximum"
    """What is taken off because it is above a maximum."""
    ADJUSTMENT = "adjustment"
    """Of an earlier month, for usage that came after that month's close."""
    BILLED = "billed"
    """What later invoices have billed for the month already, taken off an invoice that is regenerated."""
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
        The time that the line is for, if not its whole month; the end is exclusive.
    period : Period or None
        The month that it is for, if not the invoice's.
    steps : tuple
        How the amount came about (see `explanation`).
    attributes : tuple
        The usage that it is for, where attributes tell it apart from other usage of the SKU (see `cell`).
    tax_class : str
        Which rates of the tax table it has; empty: those of what has none.
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
    period: Period | None = None
    steps: tuple[Step, ...] = ()
    attributes: Attributes = ()
    tax_class: str = ""

    def of_class(self, tax_class: str, amount: Money | None = None, steps: Iterable[Step] | None = None) -> InvoiceLine:
        """Give it a tax class, and if it is cut, the amount of its part and how that came about."""
        amount = self.amount if amount is None else amount
        return replace(self, tax_class=tax_class, amount=amount, steps=self.steps if steps is None else tuple(steps))

    def content(self, invoiced: Period) -> LineContent:
        """The line as JSON on the invoice of a month; what says nothing is left out, decimals are text."""
        period = self.period or invoiced
        content: LineContent = {
            "sku": self.sku,
            "description": self.description,
            "model": self.model,
            "unit": self.unit,
            "quantity": plain(self.quantity),
            "unit_price": None if self.unit_price is None else plain(self.unit_price),
            "amount_minor": self.amount.minor,
        }
        more: _OptionalEntries = {
            "kind": self.kind.value if self.kind is not LineKind.USAGE else "",
            "resource": self.resource,
            "attributes": dict(self.attributes),
            "period": str(period) if period != invoiced else "",
            "from": self.starts.isoformat() if self.starts else "",
            "until": self.ends.isoformat() if self.ends else "",
            "steps": [dict(step) for step in self.steps],
            "tax_class": self.tax_class,
        }
        return cast("LineContent", {**content, **{name: value for name, value in more.items() if value}})


def too_many_lines() -> ParkCustomerError:
    """Say that usage comes to more lines than an invoice can have."""
    return ParkCustomerError(
        "too_many_lines",
        f"the usage comes to more than {MOST_LINES:,} lines: price it by SKU instead of by resource or group, or "
        "send usage that is rated upstream with fewer different unit prices",
    )


def total_minor(lines: Iterable[InvoiceLine]) -> int:
    """The sum of the lines' rounded amounts."""
    return sum(line.amount.minor for line in lines)
