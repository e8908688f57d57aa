"""Sizes that continue, by other clocks and from other billing days: each hour is billed once."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.period import LAST, Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.usage import UsageEvent
from tests.unit.closes import test_time_zones as zones
from tests.unit.invoices.late_usage import amounts, close
from tests.unit.invoices.test_billing_days import bill_on
from tests.unit.invoices.test_carried_sizes import GB_HOURS, world_of_sizes
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next


def test_a_month_of_berlin_begins_with_the_sizes_of_the_one_before_at_its_own_midnight() -> None:
    world = World(calendar=BillingCalendar("Europe/Berlin"))
    world.price_books.merge(PriceBook((GB_HOURS,)))
    zones.import_customer(world, "acme", "")
    at = world.calendar.start(OCTOBER)
    world.usage.put([UsageEvent("e1", "acme", "vm", Decimal(10), at, resource="disk")])

    for period in (OCTOBER, NOVEMBER, DECEMBER):
        zones.close(world, period)

    assert zones.billed(world, "acme", OCTOBER, NOVEMBER, DECEMBER) == [10 * 745, 10 * 720, 10 * 744]


def sized(billing_day: str) -> World:
    world = world_of_sizes()
    world.books.records.pop(("customer", "acme"))
    assert bill_on(world, billing_day) == []
    return world


def test_sizes_continue_from_billing_day_to_billing_day() -> None:
    world = sized("15")
    world.usage.put([UsageEvent("e1", "acme", "vm", Decimal(10), OCTOBER.start.replace(day=20), resource="disk")])

    for text in ("2026-10-15", "2026-11-15"):
        close(world, Period.parse(text))

    assert amounts(world, Period.parse("2026-10-15")) == [("2026-10-15", 10 * 26 * 24)]
    assert amounts(world, Period.parse("2026-11-15")) == [("2026-11-15", 10 * 30 * 24)]


@pytest.mark.long
@settings(max_examples=15)
@given(st.sampled_from([1, 7, 15, LAST]), st.sampled_from([1, 7, 15, LAST]), st.integers(0, 27), st.integers(0, 50))
def test_a_changed_billing_day_leaves_no_hour_of_a_size_out_and_bills_none_twice(
    before: int, after: int, changed: int, first: int
) -> None:
    world = sized("last" if before == LAST else str(before))
    world.usage.put(
        [UsageEvent("e1", "acme", "vm", Decimal(1), NOVEMBER.start.replace(day=1 + first % 28), resource="d")]
    )
    days = sorted(
        {
            Period(year, month, day)
            for year, month in ((2026, 10), (2026, 11), (2026, 12), (2027, 1))
            for day in (before, after)
        },
        key=lambda one: one.end,
    )
    moved = False
    for one in days:
        if not moved and one.end >= DECEMBER.start.replace(day=1 + changed):
            world.clock.now = max(world.clock.now, DECEMBER.start.replace(day=1 + changed))
            bill_on(world, "last" if after == LAST else str(after))
            moved = True
        close(world, one)

    billed = [(one, sum(minor for _, minor in amounts(world, one))) for one in days]
    last = max(one.end for one, minor in billed if minor)
    begun = NOVEMBER.start.replace(day=1 + first % 28)
    assert sum(minor for _, minor in billed) == (last - begun).days * 24
