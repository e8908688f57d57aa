"""What of time a customer's periods are, however their billing day and their time zone change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts import cycles
from monthclose.domain.accounts.cycles import period_after
from monthclose.domain.billing_window import period_at
from monthclose.domain.calendar import BillingCalendar, EarlierZone, changed
from monthclose.domain.invoices.served import served
from monthclose.domain.period import LAST, Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.fakes import FakeUsageStore
from tests.unit.any import a_customer
from tests.unit.invoices.late_usage import amounts, lines
from tests.world import World

_CALENDAR = BillingCalendar(
    "Europe/Berlin", ("Asia/Tokyo", "America/Los_Angeles"), (EarlierZone("UTC", date(2026, 6, 15)),)
)
_DAYS, _ZONES = st.sampled_from([1, 15, 28, LAST]), st.sampled_from(["", "Asia/Tokyo", "America/Los_Angeles"])
_CHANGES = st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2026, 12, 31)), _DAYS, _ZONES), max_size=6)


@given(_CHANGES, st.datetimes(datetime(2026, 1, 3), datetime(2027, 1, 30), timezones=st.just(UTC)))
def test_each_instant_is_in_one_period_however_billing_day_and_zone_change(
    changes: list[tuple[date, int, str]], time: datetime
) -> None:
    customer = a_customer()
    for today, day, zone in sorted(changes):
        profile = customer.profile
        customer = replace(
            customer,
            profile=replace(profile, billing_day=day, time_zone=zone),
            cycles=cycles.changed(customer.billing_cycles, day, today),
            zones=changed(customer.zones, profile.time_zone, zone, today),
        )
    period = period_at(customer.billing_cycles, time, _CALENDAR, customer.billing_zones)
    window = served(customer, period, _CALENDAR).window
    following = served(customer, period_after(customer.billing_cycles, period), _CALENDAR).window

    assert window.start <= time < window.end == following.start
    assert served(customer, period, _CALENDAR).month.start <= window.start


def _world(billing_day: int, **book: list[dict[str, Any]]) -> World:
    world = World(calendar=_CALENDAR, billing_days=(1, 15))
    world.price_books.merge(read_book(book, _CALENDAR))
    world.add_customer("acme")
    profile = replace(world.customer("acme").profile, billing_day=billing_day, time_zone="Asia/Tokyo")
    world.change("acme", profile=profile)
    return world


def _use(world: World, event_id: str, quantity: str, time: str) -> None:
    at = datetime.fromisoformat(time).astimezone(UTC)
    world.usage.put([UsageEvent(event_id, "acme", "vm", Decimal(quantity), at, received_at=world.clock())])


def _close(world: World, period: Period) -> None:
    world.clock.now = max(_CALENDAR.over(period), world.clock.now)
    world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(days=1)


def test_a_billing_day_begins_at_the_customer_s_own_midnight() -> None:
    world = _world(15, prices=[{"sku": "vm", "currency": "USD", "unit_price": "1"}])
    world.clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    _use(world, "before", "1", "2026-10-14T23:59+09:00")
    _use(world, "first", "10", "2026-10-15T00:00+09:00")
    _use(world, "last", "100", "2026-11-14T23:59+09:00")
    _use(world, "after", "1000", "2026-11-15T00:00+09:00")

    for text in ("2026-09-15", "2026-10-15", "2026-11-15"):
        _close(world, Period.parse(text))

    found = [amounts(world, Period.parse(text)) for text in ("2026-09-15", "2026-10-15", "2026-11-15")]
    assert [[minor for _, minor in one] for one in found] == [[100], [11000], [100000]]


def test_daily_peaks_are_those_of_the_customer_s_days_and_late_ones_are_settled_by_them() -> None:
    buckets = {"bucket": "day", "bucket_aggregation": "sum", "aggregation": "max"}
    world = _world(1, prices=[{"sku": "vm", "currency": "USD", "unit_price": "1", **buckets}])
    world.clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    # The evening of the 5th and the morning of the 6th in Tokyo are one day in UTC.
    _use(world, "evening", "3", "2026-10-05T23:00+09:00")
    _use(world, "morning", "4", "2026-10-06T01:00+09:00")
    _close(world, Period(2026, 10))
    assert [line["amount_minor"] for line in lines(world, Period(2026, 10))] == [400]

    _use(world, "late", "9", "2026-10-05T22:00+09:00")
    world.change("acme", late_usage={"2026-10": world.clock().isoformat()})
    _close(world, Period(2026, 11))
    assert [line["amount_minor"] for line in lines(world, Period(2026, 11))] == [800], "12 on the 5th, in place of 4"


def test_an_invoice_that_is_made_again_bills_the_same_time() -> None:
    world = _world(1, prices=[{"sku": "vm", "currency": "USD", "unit_price": "1"}])
    world.clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    _use(world, "first", "10", "2026-10-01T00:00+09:00")
    _use(world, "next", "100", "2026-11-01T00:00+09:00")
    october = Period(2026, 10)
    _close(world, october)
    invoice = world.month("acme", october).invoice
    assert invoice
    before = world.issued.document(invoice)

    customer = world.customer("acme")
    again = world.drafter.redraft(customer, before.content(), "wrong address", world.clock() + timedelta(hours=1))

    assert again["total_minor"] == invoice.total_minor == 1000
    assert again["served"] == before.more["served"]


class _Counted(FakeUsageStore):
    """Counts the queries for usage."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Period] = []

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        self.asked.append(period)
        return super().events(customer_id, period)


@pytest.mark.parametrize(("zone", "months"), [("UTC", ["2026-10"]), ("Europe/Berlin", ["2026-09", "2026-10"])])
def test_a_month_in_utc_takes_one_query_and_another_one_two(zone: str, months: list[str]) -> None:
    usage = _Counted()
    world = World(calendar=BillingCalendar(zone), usage=usage)
    world.price_books.merge(read_book({"prices": [{"sku": "vm", "currency": "USD", "unit_price": "1"}]}))
    world.add_customer("acme")
    world.clock.now = datetime(2026, 11, 1, tzinfo=UTC)
    world.close()
    assert [str(period) for period in usage.asked] == months
