"""Worlds in which September is closed and October is to be rehearsed."""

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.rehearsals.gate import GateSettings, Required
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.rehearsals.settings import OFF, GateRules
from monthclose.domain.usage import UsageEvent
from tests.world import OCTOBER, World

SEPTEMBER = Period(2026, 9)
EVERYBODY = GateRules(everybody_percent=50, everybody_customers=3)


def world_of(*amounts: str, required: Required = Required.OFF, rules: GateRules = OFF, **settings: Any) -> World:
    """Customers `c-0`, `c-1`, ... who used so much in September and in October; September is closed."""
    world = World(**settings).at(datetime(2026, 10, 1, 6, tzinfo=UTC))
    for number, amount in enumerate(amounts):
        name = world.add_customer(f"c-{number}")
        world.use(name, amount, period=SEPTEMBER)
        world.use(name, amount)
    if amounts:
        world.close(SEPTEMBER, "september")
    return with_gates(world, required, rules).at(datetime(2026, 11, 1, 6, tzinfo=UTC))


def with_gates(world: World, required: Required, rules: GateRules = OFF) -> World:
    """The same world, deployed again with other settings."""
    world.gates = GateSettings(required, rules)
    world.__post_init__()
    return world


def add_wrong_fee(world: World) -> None:
    """A fee that names no customers, so that it is due from everybody."""
    fee = {"id": "support", "description": "Support", "currency": "USD", "monthly_fee": "25.00"}
    world.price_books.merge(read_book({"fees": [fee]}))


def use_unpriced(world: World, customer_id: str, quantity: int) -> None:
    """Let a new customer use something that has no price: they are parked."""
    event = UsageEvent(f"{customer_id}-gpu", world.add_customer(customer_id), "gpu", Decimal(quantity), OCTOBER.start)
    world.usage.put([event])


def add_price(world: World) -> None:
    """Give it one: 1.00 USD."""
    world.price_books.merge(read_book({"prices": [{"sku": "gpu", "currency": "USD", "unit_price": "1.00"}]}))


def remove(world: World, customer_id: str) -> None:
    """Take a customer out of the directory; their months stay."""
    del world.books.records["customer", customer_id]
    del world.books._keys[customer_id]["customer", customer_id]


def tables(world: World) -> dict[str, Any]:
    """Everything that is stored in tables, at a provider or in a mailbox, but the rehearsals' own record."""
    closes = {name: value for name, value in vars(world.closes).items() if name not in ("register", "hear")}
    kept = (world.books.records, closes, vars(world.claims), vars(world.gateway))
    usage = {key: events for key, events in vars(world.usage)["_events"].items() if events}
    names = ("books", "closes", "claims", "gateway")
    limits = {name: value for name, value in vars(world.limits).items() if "lock" not in name}
    more = {"limits": limits, "usage": usage, "mail": world.mailer.sent}
    return copy.deepcopy({**dict(zip(names, kept, strict=True)), **more})


def documents(world: World, period: Period) -> dict[str, dict[str, Any]]:
    """The documents of a month's invoices, by customer."""
    found = {}
    for planned in world.directory.scan():
        invoice = world.month(planned.customer_id, period).invoice
        if invoice:
            place = invoice.document
            found[planned.customer_id] = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
    return found


def drafts_of(world: World, rehearsal: Rehearsal) -> dict[str, dict[str, Any]]:
    """A rehearsal's drafts, by customer."""
    keys = [f"{rehearsal.folder}drafts-{number:05}.jsonl" for number in range(rehearsal.batches)]
    lines = [json.loads(line) for key in keys for line in world.documents.lines(key)]
    return {line["customer_id"]: line["draft"] for line in lines if "draft" in line}


DATES = ("number", "issued_on", "due_on", "usage_until")
"""What of an invoice's document is its number or a time."""


def but_for_dates(document: dict[str, Any]) -> bytes:
    """A document's bytes without its number and times."""
    left = {name: value for name, value in document.items() if name not in DATES}
    return json.dumps(left, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
