"""An entry of the price book: what a SKU costs in one currency, from when until when, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from monthclose.domain.pricing.book.cell import WHOLE, Cell
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.metering.aggregation import Aggregation, Window
from monthclose.domain.pricing.metering.buckets import Buckets, Empty
from monthclose.domain.pricing.metering.quantities import QuantityRule
from monthclose.domain.pricing.models import Content, Model, PerUnit, Tiered, is_by_time

ALWAYS = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
"""Units of time that sizes are weighted by; `month` depends on the month."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a SKU costs in one currency.

    Parameters
    ----------
    free : Decimal
        Units a month that cost nothing, pooled over the customer's resources.
    per_resource : bool
        Whether each resource is priced, and has a line, of its own.
    valid : Window
        When it holds: an event is priced by the entry that holds at its time.
    customer : str
        The one customer whom it is for, before the general entry; empty for all.
    time_unit : str
        What sizes are weighted by (`time_weighted` only): one of `SECONDS`, or `month`.
    rule : QuantityRule or None
        What is made of the measured quantity before it is priced.
    cell : Cell
        The usage that it is for, by attributes, and what of it is priced on its own.
    buckets : Buckets or None
        The hours or days that usage is measured in first; `aggregation` is then that of the buckets.
    carries_over : bool
        Whether sizes continue from the month before without a reading at the start (see `sizes`).
    tax_class : str
        Which rates of the tax table it has; empty: see `Terms.tax_class`.
    """

    sku: str
    currency: str
    model: Model
    unit: str = ""
    description: str = ""
    aggregation: Aggregation = Aggregation.SUM
    free: Decimal = Decimal(0)
    per_resource: bool = False
    valid: Window = ALWAYS
    customer: str = ""
    time_unit: str = "hour"
    rule: QuantityRule | None = None
    cell: Cell = WHOLE
    buckets: Buckets | None = None
    carries_over: bool = False
    tax_class: str = ""

    @classmethod
    def plain(cls, sku: str, currency: str, unit_price: Decimal, unit: str = "", description: str = "") -> Price:
        """Make a plain price per unit; major units, fractions of a cent allowed."""
        return cls(sku, currency, PerUnit(unit_price), unit, description)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it prices: of entries with the same identity one holds at a time."""
        return (self.sku, self.currency, self.customer)

    @property
    def by_resource(self) -> bool:
        """Whether each resource is priced on its own."""
        return self.per_resource or self.model.by_resource

    @property
    def needs_resource(self) -> bool:
        """Whether events must name their resource: a cap or a fee of nobody in particular would be wrong."""
        return self.by_resource or self.measuring is Aggregation.UNIQUE

    @property
    def measuring(self) -> Aggregation:
        """What events are taken by: the aggregation within buckets, or the only one."""
        return self.buckets.aggregation if self.buckets else self.aggregation

    @property
    def once_a_month(self) -> bool:
        """Whether a resource counts once a month, however often the price changes in it."""
        return self.aggregation not in (Aggregation.SUM, Aggregation.COUNT, Aggregation.TIME_WEIGHTED)

    @property
    def sizes_continue(self) -> bool:
        """Whether a size that was read under an earlier price goes on under this one."""
        return self.buckets.empty is Empty.CARRY if self.buckets else self.aggregation is Aggregation.TIME_WEIGHTED

    @property
    def due_unused(self) -> bool:
        """Whether something is due even from those who use nothing."""
        return isinstance(self.model, Tiered) and self.model.flat_at_zero

    def unit_seconds(self, month: Window) -> int:
        """Length of the unit of time that sizes are weighted by."""
        if self.time_unit == "month" or is_by_time(self.model):
            return month_seconds(month)
        return SECONDS[self.time_unit]

    def content(self) -> Content:
        """The entry as in a price book's file."""
        prorated = isinstance(self.model, Tiered) and self.model.prorated
        fields: Content = {
            "sku": self.sku,
            "currency": self.currency,
            "customers": [self.customer] if self.customer else None,
            "unit": self.unit,
            "description": self.description,
            "aggregation": str(self.aggregation),
            "time_unit": self.time_unit if self.aggregation is Aggregation.TIME_WEIGHTED and not prorated else None,
            "free": plain(self.free) if self.free else None,
            "per_resource": self.per_resource or None,
            **self.cell.content(),
            **(self.buckets.content() if self.buckets else {}),
            "carry_over": self.carries_over or None,
            "tax_class": self.tax_class,
            **window_content(self.valid),
            **self.model.content(),
            **(self.rule.content() if self.rule else {}),
        }
        return {name: value for name, value in fields.items() if value not in (None, "")}


def window_content(window: Window) -> Content:
    """Write a window as in a price book's file; without a bound where there is none."""
    return {
        "from": window.start.isoformat() if window.start > ALWAYS.start else None,
        "until": window.end.isoformat() if window.end < ALWAYS.end else None,
    }


def month_seconds(month: Window) -> int:
    """Length of a month: longer or shorter by an hour where the clocks change in it."""
    return int((month.end - month.start).total_seconds())


def overlap(one: Window, other: Window) -> Window | None:
    """Find what two windows have in common."""
    both = Window(max(one.start, other.start), min(one.end, other.end))
    return both if both.start < both.end else None


def painted_over(entries: Iterable[Price], new: Price) -> list[Price]:
    """Lay an entry over others of its kind: where it holds they don't any more; before and after they do."""
    return sorted([*without(entries, new.valid), new], key=lambda price: price.valid)


def painted(entries: Iterable[Price]) -> list[Price]:
    """Lay entries over each other, the last one on top, so that one holds at a time."""
    found = list[Price]()
    for price in entries:
        found = painted_over(found, price)
    return found


def without(entries: Iterable[Price], window: Window) -> list[Price]:
    """Cut a time out of entries: before and after it they hold."""
    kept = []
    for old in entries:
        before = Window(old.valid.start, min(old.valid.end, window.start))
        after = Window(max(old.valid.start, window.end), old.valid.end)
        kept += [replace(old, valid=part) for part in (before, after) if part.start < part.end]
    return kept


def laid_over(entries: Iterable[Price], new: Iterable[Price]) -> list[Price]:
    """Lay an import's entries of a SKU over the earlier ones, all cells at once: where one holds, no earlier one does.

    Of two new ones for the same cell, the later one holds.
    """
    kept, laid = list(entries), list[Price]()
    for price in new:
        kept = without(kept, price.valid)
        alike = [other for other in laid if other.cell.where == price.cell.where]
        laid = [*(other for other in laid if other not in alike), *without(alike, price.valid), price]
    return sorted([*kept, *laid], key=lambda price: price.valid)
