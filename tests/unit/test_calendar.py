from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.calendar import BillingCalendar, midnight
from monthclose.domain.period import LAST, MOST_DAYS, Period

BERLIN = BillingCalendar("Europe/Berlin")
_DAYS = st.sampled_from([*range(1, MOST_DAYS + 1), LAST])


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), _DAYS)
def test_each_date_is_in_one_period_of_a_billing_day(day: date, billing_day: int) -> None:
    period = Period.on(day, billing_day)

    assert period.first_day <= day <= period.last_day
    assert period.previous.end_day == period.first_day
    assert period.next.first_day == period.end_day
    assert period.previous.next == period == period.next.previous


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), _DAYS)
def test_a_period_is_read_as_it_is_written(day: date, billing_day: int) -> None:
    period = Period.on(day, billing_day)

    assert Period.parse(str(period)) == period


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.dates(date(2000, 1, 1), date(2100, 1, 1)), _DAYS, _DAYS)
def test_periods_and_their_texts_sort_by_the_month_that_they_begin_in(one: date, other: date, a: int, b: int) -> None:
    first, second = sorted([Period.on(one, a), Period.on(other, b)])

    assert str(first) <= str(second)
    assert first.calendar_month <= second.calendar_month


def test_the_last_day_is_each_month_s_own() -> None:
    february = Period.parse("2027-02-last")

    assert (february.first_day, february.last_day) == (date(2027, 2, 28), date(2027, 3, 30))
    assert Period.on(date(2027, 2, 28), LAST) == february


def test_a_month_in_berlin_has_the_hour_that_the_clocks_go_back() -> None:
    october = Period.parse("2026-10")

    assert BERLIN.start(october) == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert BERLIN.end(october) == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert BERLIN.end(october) - BERLIN.start(october) == timedelta(days=31, hours=1)


def test_a_day_that_has_no_midnight_begins_when_the_clocks_go_forward() -> None:
    assert midnight(date(2018, 11, 4), "America/Sao_Paulo") == datetime(2018, 11, 4, 3, tzinfo=UTC)


def test_a_period_is_over_when_it_is_over_for_the_last_customer() -> None:
    calendar = BillingCalendar("Europe/Berlin", ("Asia/Tokyo", "America/Los_Angeles"))

    assert calendar.over(Period.parse("2026-10")) == datetime(2026, 11, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "expected"), [("", "2026-10"), ("Asia/Tokyo", "2026-11"), ("America/Los_Angeles", "2026-10")]
)
def test_a_time_belongs_to_the_month_that_its_zone_has(zone: str, expected: str) -> None:
    time = datetime(2026, 10, 31, 20, tzinfo=UTC)

    assert str(BERLIN.period(time, zone)) == expected
