"""Sizes that continue from the month before: of prices with `carry_over`, no reading is needed at a month's start.

A month's sizes at its end are kept in the document that bills it, and the next month begins with them, as if there were
a reading of each at its first instant; a real reading at that instant counts instead. A size is one of a resource and,
where prices are told apart by attributes, of its values: what moves from one to another needs a 0 where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, NotRequired, TypedDict

from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.exact import plain
from monthclose.domain.usage import Attributes, UsageEvent


class Series(NamedTuple):
    """What a size is of."""

    sku: str
    resource: str
    attributes: Attributes = ()


type Sizes = Mapping[Series, Decimal]
"""Those that are not 0."""


class SizeContent(TypedDict):
    """A size in a document."""

    sku: str
    resource: str
    size: str
    attributes: NotRequired[Mapping[str, str]]


def sizes_content(sizes: Sizes) -> list[SizeContent]:
    """Write sizes as JSON, in order."""
    return [_content(series, size) for series, size in sorted(sizes.items())]


def _content(series: Series, size: Decimal) -> SizeContent:
    content: SizeContent = {"sku": series.sku, "resource": series.resource, "size": plain(size)}
    return {**content, "attributes": dict(series.attributes)} if series.attributes else content


def read_sizes(content: Iterable[SizeContent]) -> Sizes:
    """Read what `sizes_content` wrote."""
    return {
        Series(one["sku"], one["resource"], tuple(sorted(one.get("attributes", {}).items()))): Decimal(one["size"])
        for one in content
    }


class Continuing:
    """Follows the sizes of a month: lets its events pass, and knows then what it began with and what it ends with.

    Parameters
    ----------
    opening : mapping
        The sizes at the end of the month before.
    """

    def __init__(self, opening: Sizes, terms: Terms) -> None:
        self._terms, self._start = terms, terms.window.start
        self._names: dict[str, tuple[str, ...] | None] = {}
        """By SKU, the attributes that its sizes are told apart by; None: they do not continue."""
        self._opening = {series: size for series, size in opening.items() if self._names_of(series.sku) is not None}
        self._latest: dict[Series, tuple[datetime, Decimal]] = {}

    def passing(self, events: Iterable[UsageEvent]) -> Iterator[UsageEvent]:
        """Let the month's events pass."""
        for event in events:
            names = self._names_of(event.sku) if event.unit_price is None else None
            if names is not None:
                said = tuple(each for each in event.attributes if each[0] in names) if names else ()
                series, reading = Series(event.sku, event.resource, said), (event.time, event.quantity)
                self._latest[series] = max(self._latest.get(series, reading), reading)
                if event.time == self._start:
                    self._opening.pop(series, None)
            yield event

    def opened(self) -> Iterator[UsageEvent]:
        """The readings that the month begins with; to be asked for when all events have passed."""
        for series, size in sorted(self._opening.items()):
            yield UsageEvent(
                event_id="",
                customer_id=self._terms.customer_id,
                sku=series.sku,
                quantity=size,
                time=self._start,
                resource=series.resource,
                attributes=series.attributes,
            )

    def closing(self) -> Sizes:
        """The sizes at the month's end; to be asked for when all events have passed."""
        ends = self._opening | {series: size for series, (_, size) in self._latest.items()}
        return {series: size for series, size in ends.items() if size}

    def _names_of(self, sku: str) -> tuple[str, ...] | None:
        if sku not in self._names:
            self._names[sku] = self._terms.names(sku) if self._terms.carries_over(sku) else None
        return self._names[sku]
