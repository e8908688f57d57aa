"""A company's customers in groups: imported from rows, used, closed; and what each invoice bills for whom."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.imports.column_mapping import CUSTOMERS, ColumnMapping
from monthclose.domain.imports.intake import Row, Tally
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.tax.tax_table import NoTaxTable
from monthclose.use_cases.imports.import_customers import import_customers
from tests.unit.invoices.late_usage import load
from tests.world import World

LAYOUT = ColumnMapping({name: name for name in CUSTOMERS.fields}, {})
START = datetime(2026, 10, 20, tzinfo=UTC)


def row(customer_id: str, payer: str = "", **more: str) -> dict[str, str]:
    """A customer's row; only payers have a card."""
    usual = {"name": f"{customer_id} Ltd", "email": f"{customer_id}@customers.example", "currency": "USD"}
    method = "" if payer else "ok"
    return {"customer_id": customer_id, "payment_provider": "stripe", "payment_method": method, **usual} | {
        "payer": payer,
        **more,
    }


def imported(world: World, *rows: dict[str, str]) -> tuple[Tally, dict[str, str]]:
    """Import customers; returns the tally, and the reasons for those that were rejected by id."""
    rejected: dict[str, str] = {}

    def reject(one: Row, reason: str) -> None:
        rejected[one.cells["customer_id"]] = reason

    tally = import_customers(
        [Row(number, cells) for number, cells in enumerate(rows, 1)],
        LAYOUT,
        directory=world.directory,
        regrouper=world.use_cases.regrouper,
        check_tax_id=check_tax_id,
        taxes=NoTaxTable(),
        today=world.calendar.day(world.clock()),
        reject=reject,
        billing_days=(1, 15),
        time_zones=("Asia/Tokyo",),
    )
    return tally, rejected


def company(*rows: dict[str, str], prices: Iterable[Price] = ()) -> World:
    """A world in October in which a machine costs 1.00, and the given customers."""
    world = World()
    world.clock.now = START
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1)), *prices]))
    _, rejected = imported(world, *rows)
    assert rejected == {}
    return world


def use(world: World, customer_id: str, quantity: int, time: str = "2026-10-05", event_id: str = "") -> None:
    """Import usage of machines."""
    name = event_id or f"{customer_id}-{time}-{quantity}"
    assert load(world, {"customer_id": customer_id, "event_id": name, "quantity": str(quantity), "time": time}) == []


def documents(world: World, customer_id: str) -> dict[Period, Draft]:
    """The documents of a customer's invoices in force."""
    found = {}
    for period, month in world.books.months(customer_id).items():
        if month.invoice:
            found[period] = json.loads(world.issued.content(month.invoice))
    return found


def billed(world: World, customers: Iterable[str]) -> Counter[str]:
    """What was billed for whose usage on all invoices, in minor units."""
    sums: Counter[str] = Counter()
    for customer_id in customers:
        for document in documents(world, customer_id).values():
            for line in document["lines"]:
                sums[line.get("customer_id", customer_id)] += line["amount_minor"]
    return sums
