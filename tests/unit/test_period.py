"""Periods: calendar months in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import LAST, Period, read_billing_day
from tests.unit.any import any_period


@given(any_period())
def test_a_period_reads_back_from_its_text(period: Period) -> None:
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-1", "2026-13", "2026-00", "0000-01", "2026-10-01", "10-2026", "2026/10", "2026-10\n"]
)
def test_a_text_that_is_not_a_month_is_a_mistake_that_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(UserMistakeError, match="like 2026-10"):
        Period.parse(text)


@given(any_period())
def test_periods_follow_each_other_without_gap_or_overlap(period: Period) -> None:
    assert period.end == period.next.start
    assert period.next.previous == period
    assert period < period.next
    assert timedelta(days=28) <= period.end - period.start <= timedelta(days=31)


def test_december_is_followed_by_january_of_the_next_year() -> None:
    assert Period(2026, 12).next == Period(2027, 1)
    assert Period(2027, 1).previous == Period(2026, 12)


@given(st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_every_instant_lies_in_its_period(time: datetime) -> None:
    period = Period.of(time)
    assert period.start <= time < period.end


def test_the_start_belongs_to_the_period_and_the_end_to_the_next() -> None:
    october = Period(2026, 10)
    assert Period.of(october.start) == october
    assert Period.of(october.end - timedelta(microseconds=1)) == october
    assert Period.of(october.end) == october.next


def test_a_local_time_belongs_to_the_month_it_has_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Period.of(datetime(2026, 11, 1, 8, 59, tzinfo=tokyo)) == Period(2026, 10)
    assert Period.of(datetime(2026, 11, 1, 9, 0, tzinfo=tokyo)) == Period(2026, 11)


@pytest.mark.parametrize(("said", "day"), [("1", 1), (" 28 ", 28), ("07", 7), (15, 15), ("Last", LAST)])
def test_a_billing_day_is_read_from_what_files_and_settings_say(said: object, day: int) -> None:
    assert read_billing_day(said) == day


@pytest.mark.parametrize("said", ["", "0", "29", "001", "0010", "1500", "-1", "1.5", "²", "\u0661", "first"])
def test_another_billing_day_is_a_mistake(said: str) -> None:
    with pytest.raises(UserMistakeError, match="neither a day from 1 to 28 nor last"):
        read_billing_day(said)
