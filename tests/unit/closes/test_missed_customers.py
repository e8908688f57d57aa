"""Who is billed by a retry for customers whom a close has missed: also with payers and in other time zones."""

from dataclasses import replace
from decimal import Decimal

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.closes.retry import Chosen
from monthclose.domain.pricing import Price, PriceBook
from tests.unit.invoices.groups import documents, imported, row
from tests.unit.invoices.test_billing_days import used
from tests.world import OCTOBER, World


def closed(*rows: dict[str, str], calendar: BillingCalendar | None = None) -> World:
    """A world whose October is closed, with the given customers and one more."""
    world = World(calendar=calendar or BillingCalendar())
    world.clock.now = OCTOBER.start
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    assert imported(world, row("acme"), *rows)[1] == {}
    used(world, "first", "1", time="2026-10-05", customer_id="acme")
    world.clock.now = world.calendar.over(OCTOBER)
    world.close()
    return world


def missed(world: World) -> Chosen:
    close = world.closes.get(OCTOBER)
    assert close
    return world.use_cases.retry_chooser.missed(close)


def retried(world: World) -> Chosen:
    chosen, close = missed(world), world.closes.get(OCTOBER)
    assert close
    world.close(OCTOBER, "retry", world.use_cases.retry_chooser.store(close, chosen))
    return chosen


def test_customers_of_a_payer_who_was_billed_are_not_missed() -> None:
    world = World()
    world.clock.now = OCTOBER.start
    assert imported(world, row("head"), row("north", "head"))[1] == {}
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    used(world, "e1", "3", time="2026-10-05", customer_id="north")
    world.clock.now = OCTOBER.end
    world.close()

    assert missed(world) == Chosen()


def test_a_payer_who_came_after_the_snapshot_is_billed_for_the_usage_of_their_customers() -> None:
    world = closed()
    for name, payer in (("head", ""), ("north", "head"), ("south", "head"), ("idle", ""), ("below", "idle")):
        one = row(name, payer, payment_provider="gocardless" if payer else "stripe")
        assert imported(world, one)[1] == {}
    used(world, "e1", "3", time="2026-10-05", customer_id="north")

    assert retried(world) == Chosen({"head": "stripe"})

    assert [line["amount_minor"] for line in documents(world, "head")[OCTOBER]["lines"]] == [300]
    assert documents(world, "north") == documents(world, "idle") == {}
    assert missed(world) == Chosen()


def test_usage_of_missed_customers_counts_by_the_months_of_their_own_time_zones() -> None:
    west = "America/Los_Angeles"
    world = closed(calendar=BillingCalendar("UTC", (west,)))
    for name in ("october", "september"):
        world.add_customer(name)
        world.change(name, profile=replace(world.customer(name).profile, time_zone=west))
    used(world, "e1", "3", time="2026-11-01T03:00:00", customer_id="october")
    used(world, "e2", "3", time="2026-10-01T03:00:00", customer_id="september")

    assert retried(world) == Chosen({"october": "stripe"})
    assert [line["amount_minor"] for line in documents(world, "october")[OCTOBER]["lines"]] == [300]


def test_usage_of_missed_customers_counts_by_the_months_of_the_companys_time_zone() -> None:
    world = closed(calendar=BillingCalendar("Asia/Tokyo"))
    for name, time in (("october", "2026-09-30T16:00:00"), ("november", "2026-10-31T16:00:00")):
        world.add_customer(name)
        used(world, name, "3", time=time, customer_id=name)

    assert missed(world) == Chosen({"october": "stripe"})
