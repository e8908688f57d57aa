"""Explain an invoice or a draft: for each line its events, its price book, and the arithmetic, recomputed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.money import EXACT
from monthclose.domain.period import Period
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.line import LineContent, LineKind
from monthclose.domain.usage import AsOf, UsageEvent
from monthclose.ports import UsageStore

_MADE_FROM = ("number", "replaces", "period", "currency", "price_book", "tax_table", "usage_until")
_OF_USAGE = (LineKind.USAGE, LineKind.ADJUSTMENT)
_BESIDE_USAGE = (LineKind.FEE, LineKind.DISCOUNT, LineKind.COMMITMENT)
"""What is made from no events: its ids may be those of SKUs."""


@dataclass(slots=True)
class _Seen:
    """The events of one line: all are counted, the first few are kept."""

    line: LineContent
    count: int = 0
    quantity: Decimal = Decimal(0)
    first: list[UsageEvent] = field(default_factory=list)

    def take(self, event: UsageEvent, most: int) -> None:
        self.count += 1
        self.quantity = EXACT.add(self.quantity, event.quantity)
        if len(self.first) < most:
            self.first.append(event)


def explain(document: Draft, usage: UsageStore, most_events: int) -> dict[str, Any]:
    """Explain a document by the usage that it was made from.

    Events are counted as they go by, so memory does not grow with them.

    Parameters
    ----------
    document : Draft
        An invoice's document, or a draft.
    most_events : int
        How many events of each line are listed.
    """
    lines = document["lines"]
    seen = [_Seen(line) for line in lines]
    for period in {_period(line, document) for line in lines if _is_of_usage(line)}:
        _go_over(document, period, seen, usage, most_events)
    return {
        **{name: document.get(name, "") for name in _MADE_FROM},
        "customer_id": document["customer"]["customer_id"],
        "lines": [_explained(one, document) for one in seen],
        "taxes": document.get("taxes", []),
        "prices_include_tax": document.get("prices_include_tax", False),
        "total_minor": document["total_minor"],
        "credits": document.get("credits", []),
    }


def _go_over(document: Draft, period: Period, seen: list[_Seen], usage: UsageStore, most: int) -> None:
    mine = [one for one in seen if _is_of_usage(one.line) and _period(one.line, document) == period]
    by_sku: dict[str, list[_Seen]] = {}
    for one in mine:
        by_sku.setdefault(one.line["sku"], []).append(one)
    for event in _events(document, period, usage):
        for one in by_sku.get(event.sku, ()):
            if _belongs(event, one.line):
                one.take(event, most)


def _events(document: Draft, period: Period, usage: UsageStore) -> Iterator[UsageEvent]:
    events: Iterable[UsageEvent] = usage.events(document["customer"]["customer_id"], period)
    until = document.get("usage_until")
    return iter(AsOf(events, datetime.fromisoformat(until)) if until else events)


def _belongs(event: UsageEvent, line: LineContent) -> bool:
    if (line["model"] == "rated") != (event.unit_price is not None):
        return False
    if event.unit_price is not None:
        return line["unit_price"] is not None and Decimal(line["unit_price"]) == event.unit_price
    if line.get("resource") and line["resource"] != event.resource:
        return False
    starts, ends = _window(line)
    return not (starts and event.time < datetime.fromisoformat(starts)) and not (
        ends and event.time >= datetime.fromisoformat(ends)
    )


def _window(line: LineContent) -> tuple[str | None, str | None]:
    """When what a line is made from was used: sizes go on, and what is shared among prices is the whole month's."""
    steps = line.get("steps", [])
    if any(step["kind"] == "shared" for step in steps):
        return None, None
    goes_on = any(step["kind"] == "measured" and step["how"] == "time-weighted" for step in steps)
    return None if goes_on else line.get("from"), line.get("until")


def _explained(seen: _Seen, document: Draft) -> dict[str, Any]:
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
        "received_at": event.received_at.isoformat() if event.received_at else "",
    }


def _is_of_usage(line: LineContent) -> bool:
    return line.get("kind", LineKind.USAGE) in _OF_USAGE and line["model"] not in _BESIDE_USAGE


def _period(line: LineContent, document: Draft) -> Period:
    return Period.parse(line.get("period", document["period"]))
