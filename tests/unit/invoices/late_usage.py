"""A month with usage of one customer, closed when a test says so, and what its invoices charge."""

import json
from decimal import Decimal
from typing import Any

from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.explanation import recomputed
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next
LAYOUT = ColumnMapping({name: name for name in USAGE.fields}, {})


def world_of_acme() -> World:
    """Return a world with one customer and a price of 1.00 per machine."""
    world = World()
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    world.add_customer("acme")
    return world


def load(world: World, *events: dict[str, str]) -> list[str]:
    """Import events; returns the reasons of those that were rejected."""
    usual = {"customer_id": "acme", "sku": "vm", "time": "2026-10-05"}
    reasons: list[str] = []
    rows = [Row(number, usual | event) for number, event in enumerate(events, 1)]
    world.importer.load(rows, LAYOUT, "usage.csv", lambda _, reason: reasons.append(reason))
    return reasons


def use(world: World, event_id: str, quantity: str, **more: str) -> None:
    assert load(world, {"event_id": event_id, "quantity": quantity, **more}) == []


def close(world: World, period: Period) -> Report:
    """Close a month on the first of the next, and let some time pass."""
    world.clock.now = max(period.end, world.clock.now)
    report = world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(days=3)
    return report


def document(world: World, period: Period) -> dict[str, Any]:
    """Read acme's invoice of a period; empty if there is none."""
    invoice = world.month("acme", period).invoice
    if invoice is None:
        return {}
    place = invoice.document
    found: dict[str, Any] = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
    for line in found["lines"]:
        assert recomputed(line["steps"], found["currency"]).minor == line["amount_minor"]
    return found


def lines(world: World, period: Period) -> list[dict[str, Any]]:
    return list(document(world, period).get("lines", []))


def amounts(world: World, period: Period) -> list[tuple[str, int]]:
    return [(line.get("period", str(period)), line["amount_minor"]) for line in lines(world, period)]
