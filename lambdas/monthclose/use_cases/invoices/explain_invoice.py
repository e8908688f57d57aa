"""Explain an invoice or a draft: for each line its events, its price book, and the arithmetic, recomputed."""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.served import served_in
from monthclose.domain.money import EXACT
from monthclose.domain.period import Period
from monthclose.domain.pricing.book.cell import in_words as attributes_in_words
from monthclose.domain.pricing.deductions.earlier import MAXIMUM_MODELS
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.line import LineContent, LineKind
from monthclose.domain.pricing.metering.buckets import SIZES
from monthclose.domain.usage import AsOf, UsageEvent
from monthclose.ports import UsageStore
from monthclose.use_cases.usage_within import usage_within

_MADE_FROM = ("number", "replaces", "period", "currency", "price_book", "tax_table", "usage_until")
_FROM_USAGE = (LineKind.USAGE, LineKind.ADJUSTMENT)
_NOT_FROM_USAGE = (LineKind.FEE, LineKind.DISCOUNT, LineKind.COMMITMENT, LineKind.OVERAGE, *MAXIMUM_MODELS)
"""Lines that no events belong to, even if their id equals a SKU."""


@dataclass(slots=True)
class _LineEvents:
    """The events of one line: all are counted, the earliest few are kept."""

    line: LineContent
    count: int = 0
    quantity: Decimal = Decimal(0)
    first: list[UsageEvent] = field(default_factory=list)

    def add(self, event: UsageEvent, most: int) -> None:
        self.count += 1
        self.quantity = EXACT.add(self.quantity, event.quantity)
        if most and (len(self.first) < most or _by_time(event) < _by_time(self.first[-1])):
            insort(self.first, event, key=_by_time)
            del self.first[most:]


def _by_time(event: UsageEvent) -> tuple[datetime, str]:
    return event.time, event.event_id


def explain(document: Draft, usage: UsageStore, most_events: int) -> dict[str, Any]:
    """Explain a document by the usage that it was made from.

    Events are streamed, so memory does not grow with their number.

    Parameters
    ----------
    document : Draft
        An invoice's document, or a draft.
    most_events : int
        How many events of each line are listed.
    """
    lines = document["lines"]
    seen = [_LineEvents(line) for line in lines]
    for customer_id, period in {(_whose(x, document), _period(x, document)) for x in lines if _is_from_usage(x)}:
        of_customer = [one for one in seen if _whose(one.line, document) == customer_id]
        events = _events(document, customer_id, period, usage)
        _count_events(document, period, of_customer, events, most_events)
    return {
        **{name: document.get(name, "") for name in _MADE_FROM},
        "customer_id": document["customer"]["customer_id"],
        "lines": [_explained(one, document) for one in seen],
        "taxes": document.get("taxes", []),
        "prices_include_tax": document.get("prices_include_tax", False),
        "total_minor": document["total_minor"],
        "credits": document.get("credits", []),
    }


def _count_events(
    document: Draft, period: Period, seen: list[_LineEvents], events: Iterator[UsageEvent], most: int
) -> None:
    of_period = [one for one in seen if _is_from_usage(one.line) and _period(one.line, document) == period]
    by_sku: dict[str, list[_LineEvents]] = {}
    for one in of_period:
        by_sku.setdefault(one.line["sku"], []).append(one)
    for event in events:
        for one in _narrowest([one for one in by_sku.get(event.sku, ()) if _belongs(event, one.line)]):
            one.add(event, most)


def _events(document: Draft, customer_id: str, period: Period, usage: UsageStore) -> Iterator[UsageEvent]:
    events = usage_within(usage, customer_id, served_in(document, period))
    until = document.get("usage_until")
    return iter(AsOf(events, datetime.fromisoformat(until)) if until else events)


def _belongs(event: UsageEvent, line: LineContent) -> bool:
    if (line["model"] == "rated") != (event.unit_price is not None):
        return False
    of_price = _has_its_price if event.unit_price is not None else _has_its_resource
    if not of_price(event, line):
        return False
    starts, ends = _window(line)
    return not (starts and event.time < datetime.fromisoformat(starts)) and not (
        ends and event.time >= datetime.fromisoformat(ends)
    )


def _has_its_price(event: UsageEvent, line: LineContent) -> bool:
    return line["unit_price"] is not None and Decimal(line["unit_price"]) == event.unit_price


def _has_its_resource(event: UsageEvent, line: LineContent) -> bool:
    return line.get("resource", "") in ("", event.resource) and _matches(event, line)


def _said(line: LineContent) -> Mapping[str, str]:
    return line.get("attributes", {})


def _matches(event: UsageEvent, line: LineContent) -> bool:
    """Whether an event has what the line says of its usage; several values are separated by commas."""
    has = dict(event.attributes)
    return all(has.get(name, "") in (values, *values.split(", ")) for name, values in _said(line).items())


def _narrowest(lines: list[_LineEvents]) -> list[_LineEvents]:
    """Of lines that an event's attributes match, those that say most: the others have what those leave."""
    most = max((len(_said(one.line)) for one in lines), default=0)
    return [one for one in lines if len(_said(one.line)) == most]


def _window(line: LineContent) -> tuple[str | None, str | None]:
    """When a line's usage starts and ends: a size persists from before, usage shared among prices is the month's."""
    steps = line.get("steps", [])
    if any(step["kind"] == "shared" for step in steps):
        return None, None
    persists = any(step["kind"] == "measured" and step["how"] == "time-weighted" for step in steps) or any(
        step["kind"] in ("buckets", "percentile") and step["within"] in SIZES for step in steps
    )
    return None if persists else line.get("from"), line.get("until")


def _explained(seen: _LineEvents, document: Draft) -> dict[str, Any]:
    line = seen.line
    steps = line.get("steps", [])
    return {
        **line,
        "in_words": [in_words(step) for step in steps],
        "recomputed_minor": recomputed(steps, document["currency"]).minor,
        "events": {
            "count": seen.count,
            "quantity": plain(seen.quantity),
            "first": [_event(event) for event in seen.first],
        },
    }


def _event(event: UsageEvent) -> dict[str, str]:
    return {
        "event_id": event.event_id,
        "time": event.time.isoformat(),
        "quantity": plain(event.quantity),
        "resource": event.resource,
        "attributes": attributes_in_words(event.attributes),
        "received_at": event.received_at.isoformat() if event.received_at else "",
    }


def _is_from_usage(line: LineContent) -> bool:
    return line.get("kind", LineKind.USAGE) in _FROM_USAGE and line["model"] not in _NOT_FROM_USAGE


def _whose(line: LineContent, document: Draft) -> str:
    """Name the customer whose usage a line has: not the document's, where they pay for others."""
    return line.get("customer_id") or document["customer"]["customer_id"]


def _period(line: LineContent, document: Draft) -> Period:
    return Period.parse(line.get("period", document["period"]))
