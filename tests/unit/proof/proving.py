"""A month with all outcomes, what the tests read in it, and how they damage its records."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment
from monthclose.ports import Collected, Record
from tests.unit.closes.test_close_in_memory import events_without_price
from tests.world import World

HELD, PENDING, CREDITED, PAID, CARRIED = "refused", "debit", "noted", "paid", "small"


def a_month() -> World:
    """A month with all outcomes, after a credit note, a regenerated invoice and a refund."""
    world = World(policy=InvoicingPolicy({"default": 500}))
    methods = {PAID: "ok", HELD: "declined", PENDING: "debit", CREDITED: "ok", "bare": "", "again": "ok", "back": "ok"}
    for number, (name, method) in enumerate(methods.items()):
        world.use(world.add_customer(name, method=method), f"{10 + number}")
    world.use(world.add_customer(CARRIED), "3")
    world.use(world.add_customer("owed"), "-4")
    world.add_customer("idle")
    world.add_customer("parked")
    world.usage.put(events_without_price("parked"))
    world.change(PAID, credit_minor=250)
    world.close()
    world.clock.pass_time(days=1)
    world.corrector.credit(number_of(world, CREDITED), Money(300, "USD"), "an outage")
    world.use("again", "-5", event_id="late")
    world.regenerator.regenerate(number_of(world, "again"), "it was wrong")
    refunded = payment_of(world, "back")
    world.gateway.outcomes[refunded.provider_ref] = Collected(refunded.amount, refunded_minor=200)
    world.reconcile()
    world.clock.pass_time(hours=1)
    return world


def number_of(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    assert invoice
    return invoice.number


def payment_of(world: World, customer_id: str) -> Payment:
    payment = world.month(customer_id).payment
    assert payment
    return payment


def stored(world: World, kind: type[Record], customer_id: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, record in list(world.books.records.items()):
        if isinstance(record, kind) and record.customer_id == customer_id:
            yield key, record


def damage(kind: type[Record], customer_id: str, **changes: Any) -> Callable[[World], None]:
    """Change a stored record of a customer behind the books' back."""

    def do(world: World) -> None:
        for key, record in stored(world, kind, customer_id):
            world.books.records[key] = replace(record, **{n: _new(record, n, v) for n, v in changes.items()})

    return do


def _new(record: Any, name: str, value: Any) -> Any:
    return value(getattr(record, name)) if callable(value) else value


def more(minor: int) -> Callable[[int], int]:
    return lambda before: before + minor
