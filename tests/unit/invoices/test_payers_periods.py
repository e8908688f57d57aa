"""Payers with billing days and time zones that change: whoever joins and leaves, each day is billed once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monthclose.domain.accounts.group import HAS_CHILDREN, LEAVING, payer_for
from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from tests.unit.invoices.groups import billed, documents, imported, row, use
from tests.world import OCTOBER, World

CALENDAR = BillingCalendar("UTC", ("Asia/Tokyo",))
TOKYO = "Asia/Tokyo"
START = datetime(2026, 9, 2, tzinfo=UTC)
DAYS = (1, 15)
NOVEMBER = OCTOBER.next


def world_of(*rows: dict[str, str]) -> World:
    """A world on 2 September in which a machine costs 1.00, and the given customers."""
    world = World(calendar=CALENDAR, billing_days=DAYS)
    world.clock.now = START
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    assert imported(world, *rows)[1] == {}
    return world


def close(world: World, *periods: str) -> None:
    for period in map(Period.parse, periods):
        world.clock.now = max(world.clock.now, CALENDAR.over(period) + timedelta(minutes=1))
        world.close(period, f"execution-{period}-{world.clock.now}")


def rejected_on(world: World, day: str, *rows: dict[str, str]) -> dict[str, str]:
    world.clock.now = max(world.clock.now, datetime.fromisoformat(day).replace(tzinfo=UTC))
    return imported(world, *rows)[1]


@pytest.mark.parametrize(("before", "after"), [("1", "15"), ("15", "1")])
def test_a_customer_joins_a_payer_with_another_billing_day_once_a_whole_period_has_begun(
    before: str, after: str
) -> None:
    world = world_of(row("head", billing_day=after), row("north", method="ok", billing_day=before))
    joining = row("north", "head", billing_day=after)
    not_yet = "billing_day is that of the payer, but was not when the present period began"
    assert rejected_on(world, "2026-10-10", joining)["north"].startswith(not_yet)
    assert rejected_on(world, "2026-10-10", row("north", method="ok", billing_day=after)) == {}
    used = ("2026-10-20", "2026-11-05", "2026-11-20", "2026-12-10", "2026-12-20")
    close(world, "2026-08-15", "2026-09")
    for number, day in enumerate(used):
        rest = "2026-11-05" if after == "15" else "2026-10-20"  # the rest of a period, with the new billing day
        if day == rest:
            assert rejected_on(world, day, joining)["north"].startswith(not_yet)
        if number == 2:
            close(world, "2026-09-15", "2026-10", "2026-10-15")
            assert rejected_on(world, day, joining) == {}
        world.clock.now = max(world.clock.now, datetime.fromisoformat(day).replace(tzinfo=UTC))
        use(world, "north", 10**number, day)
    close(world, "2026-11", "2026-11-15", "2026-12", "2026-12-15")
    assert billed(world, ["head", "north"])["north"] == 1111100


def test_a_customer_joins_a_payer_in_another_time_zone_once_a_whole_month_has_begun_there() -> None:
    world = world_of(row("head", time_zone=TOKYO), row("north", method="ok"))
    joining = row("north", "head", time_zone=TOKYO)
    world.clock.now = datetime(2026, 10, 2, tzinfo=UTC)
    use(world, "north", 5, "2026-09-30T20:00")  # of October in Tokyo
    close(world, "2026-09")
    assert "time_zone is that of the payer, but was not" in rejected_on(world, "2026-10-10", joining)["north"]
    assert rejected_on(world, "2026-10-10", row("north", method="ok", time_zone=TOKYO)) == {}
    world.clock.now = datetime(2026, 10, 31, 16, tzinfo=UTC)
    use(world, "north", 70, "2026-10-31T15:30")  # of November
    close(world, "2026-10")
    assert rejected_on(world, "2026-11-10", joining) == {}
    close(world, "2026-11")
    assert billed(world, ["head", "north"])["north"] == 7500
    assert [*documents(world, "head")] == [NOVEMBER]


@pytest.mark.parametrize("change", [{"billing_day": "15"}, {"time_zone": TOKYO}])
def test_who_pays_for_others_keeps_billing_day_and_time_zone(change: dict[str, str]) -> None:
    world = world_of(row("head"), row("north", "head"))
    for number, day in enumerate(("2026-09-10", "2026-10-10", "2026-10-20", "2026-11-10", "2026-12-02")):
        world.clock.now = max(world.clock.now, datetime.fromisoformat(day).replace(tzinfo=UTC))
        use(world, "north", 10**number, day)
        if number == 1:
            close(world, "2026-09")
            assert rejected_on(world, "2026-10-10", row("head", **change)) == {"head": HAS_CHILDREN}
    close(world, "2026-10", "2026-11")
    use(world, "north", 100000, "2026-11-05", "late")
    assert rejected_on(world, "2026-12-05", row("north", method="ok")) == {}
    assert rejected_on(world, "2026-12-05", row("head", **change)) == {"head": HAS_CHILDREN}
    assert rejected_on(world, "2026-12-06", row("head", **change)) == {}
    close(world, "2026-12", "2026-12-15")
    assert billed(world, ["head", "north"])["north"] == 11111100


def test_who_leaves_after_the_month_was_settled_changes_time_zone_another_day() -> None:
    world = world_of(row("head"), row("north", "head"))
    assert rejected_on(world, "2026-10-31T12:00", row("north", method="ok", time_zone=TOKYO)) == {"north": LEAVING}
    assert rejected_on(world, "2026-10-31T12:00", row("north", method="ok")) == {}
    assert rejected_on(world, "2026-11-01T12:00", row("north", method="ok", time_zone=TOKYO)) == {}


def test_a_new_customer_has_had_the_billing_days_of_its_payer() -> None:
    world = world_of(row("head"))
    assert rejected_on(world, "2026-09-10", row("head", billing_day="15")) == {}
    close(world, "2026-09")
    assert rejected_on(world, "2026-10-05", row("north", "head", billing_day="15")) == {}
    use(world, "north", 3, "2026-09-20")
    close(world, "2026-09-15")
    assert payer_for(world.customer("north"), Period(2026, 9)) == "head"
    [line] = documents(world, "head")[Period(2026, 9, 15)]["lines"]
    assert (line["period"], line["amount_minor"]) == ("2026-09", 300)


NAMES = ("a", "b", "c")
ROWS = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["", *NAMES]), st.sampled_from(["1", "15"]), st.sampled_from(["", TOKYO])
)
CHANGES = st.lists(st.tuples(st.floats(0, 100), st.one_of(ROWS, st.sampled_from(NAMES))), max_size=16)
PERIODS = [Period(2026, 8, 15), *(Period(2026, month, day) for month in range(9, 13) for day in DAYS)]
LAST = [Period(2027, month, day) for month in (1, 2) for day in DAYS]


@given(CHANGES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_becomes_of_payers_billing_days_and_time_zones_usage_is_billed_once(
    changes: list[tuple[float, tuple[str, str, str, str] | str]],
) -> None:
    world, used = world_of(*(row(name, method="ok") for name in NAMES)), Counter[str]()
    left = sorted([*PERIODS, *LAST], key=lambda period: (CALENDAR.over(period), period))
    for number, (days, what) in enumerate(sorted(changes, key=lambda change: change[0])):
        now = START + timedelta(days=days)
        while CALENDAR.over(left[0]) + timedelta(hours=1) < now:
            close(world, str(left.pop(0)))
        world.clock.now = max(now, world.clock.now)
        if isinstance(what, str):
            late = timedelta(days=20 * (number % 2))
            use(world, what, 1, max(world.clock.now - late, START).isoformat(), f"e{number}")
            used[what] += 100
        else:
            name, payer, day, zone = what
            imported(world, row(name, payer, payment_method="ok", billing_day=day, time_zone=zone))
    close(world, *map(str, left))
    assert billed(world, NAMES) == used
    assert all(not world.customer(name).late_usage for name in NAMES)
