from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.calendar import (
    IN_UTC,
    BillingCalendar,
    EarlierZone,
    Zones,
    ZoneSince,
    changed,
    checked_zone,
    local,
    midnight,
    zones_in_words,
)
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import LAST, MOST_DAYS, Period

BERLIN = BillingCalendar("Europe/Berlin")
_INSTANT = timedelta(microseconds=1)
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

    assert str(BERLIN.period(time, (ZoneSince(zone),))) == expected


def test_each_hour_of_the_day_on_which_the_clocks_go_back_is_there_once() -> None:
    day = date(2026, 10, 25)
    begins, ends = midnight(day, "Europe/Berlin"), midnight(date(2026, 10, 26), "Europe/Berlin")
    hours = [begins + timedelta(hours=hour) for hour in range(25)]

    assert ends - begins == timedelta(hours=25)
    assert [BERLIN.day(hour) for hour in (begins - _INSTANT, *hours, ends)] == [
        date(2026, 10, 24),
        *[day] * 25,
        date(2026, 10, 26),
    ]
    assert [f"{local(hour, 'Europe/Berlin'):%H:%M %Z}" for hour in hours[1:5]] == [
        "01:00 CEST",
        "02:00 CEST",
        "02:00 CET",
        "03:00 CET",
    ]


@pytest.mark.parametrize(
    ("local_time", "said"),
    [
        (datetime(2026, 10, 25, 2, 30), "time exists twice in Europe/Berlin"),
        (datetime(2027, 3, 28, 2, 30), "time does not exist in Europe/Berlin"),
    ],
)
def test_a_local_time_that_the_clocks_leave_out_or_repeat_is_refused(local_time: datetime, said: str) -> None:
    with pytest.raises(UserMistakeError, match=said):
        BERLIN.instant(local_time)
    assert BERLIN.instant(local_time + timedelta(hours=1)) == (local_time + timedelta(hours=1)).replace(
        tzinfo=ZoneInfo("Europe/Berlin")
    )


@pytest.mark.parametrize("name", ["Berlin", "europe", "Europe", "../etc/passwd", "", "Europe/Berlin\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(UserMistakeError, match="is not a time zone like Europe/Berlin"):
        checked_zone(name)


_ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "Asia/Tokyo",
        "America/Los_Angeles",
        "Pacific/Kiritimati",
        "Pacific/Niue",
        "Asia/Kathmandu",
    ]
)
_OWN = st.sampled_from(["", "UTC", "Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles"])
_IN_2026 = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(
    st.lists(st.tuples(_ZONES, _IN_2026), max_size=3),
    _ZONES,
    _OWN,
    st.lists(st.tuples(_OWN, _IN_2026), max_size=5),
    st.datetimes(datetime(2026, 1, 2), datetime(2027, 1, 30), timezones=st.just(UTC)),
    _DAYS,
)
def test_each_second_is_billed_once_however_the_zones_change(
    earlier: list[tuple[str, date]],
    zone: str,
    own: str,
    changes: list[tuple[str, date]],
    time: datetime,
    billing_day: int,
) -> None:
    before = sorted(earlier, key=lambda zone_until: zone_until[1])
    calendar = BillingCalendar(zone, earlier=tuple(EarlierZone(*zone_until) for zone_until in before))
    zones: Zones = (ZoneSince(own),)
    for new, today in sorted(changes, key=lambda change: change[1]):
        zones = changed(zones, zones[-1].zone, new, today)
    period = calendar.period(time, zones, billing_day)

    assert calendar.start(period, zones) <= time < calendar.end(period, zones)
    assert calendar.end(period, zones) == calendar.start(period.next, zones)
    assert calendar.start(period, zones) < calendar.end(period, zones)


def test_a_changed_zone_leaves_the_days_that_have_begun_as_they_are() -> None:
    today = date(2026, 11, 15)
    zones = changed((), "", "Asia/Tokyo", today)

    assert zones == (ZoneSince(""), ZoneSince("Asia/Tokyo", date(2026, 11, 16)))
    assert zones_in_words(zones) == "the company's, from 16 November 2026 on Asia/Tokyo"
    assert BERLIN.start(Period(2026, 11), zones) == BERLIN.start(Period(2026, 11))
    assert BERLIN.end(Period(2026, 11), zones) == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert changed(zones, "Asia/Tokyo", "", today) == (ZoneSince(""),), "changed back on the same day"


def test_the_company_s_earlier_zone_counts_to_its_last_day_with_that_day() -> None:
    calendar = BillingCalendar("Europe/Berlin", earlier=(EarlierZone("UTC", date(2026, 11, 1)),))

    assert calendar.end(Period(2026, 10)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert calendar.start(Period(2026, 11)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert calendar.end(Period(2026, 11)) == datetime(2026, 11, 30, 23, tzinfo=UTC)


def test_a_period_that_still_runs_somewhere_is_not_over() -> None:
    calendar = BillingCalendar("Europe/Berlin", ("America/Los_Angeles",))
    october, over = Period(2026, 10), datetime(2026, 11, 1, 7, tzinfo=UTC)

    with pytest.raises(UserMistakeError, match=r"ends 2026-11-01 07:00 UTC for the last of its customers\).*2026-09"):
        calendar.require_over(october, over - _INSTANT)
    calendar.require_over(october, over)
    assert calendar.last_over(over) == october
    assert calendar.last_over(over - _INSTANT) == october.previous


def test_a_period_can_be_closed_from_its_end_and_not_a_moment_before() -> None:
    october = Period(2026, 10)
    IN_UTC.require_over(october, october.end)
    with pytest.raises(UserMistakeError, match=r"2026-10 is not over yet .* can be closed is 2026-09"):
        IN_UTC.require_over(october, october.end - _INSTANT)
