"""When rules start what they start."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.passing.schedules import Daily, Often, Rule, Schedule, UnknownScheduleError, read_schedule, scheduled_event
from monthclose.handlers.find_owing import requested_day
from monthclose.handlers.open_close import requested_period

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("cron(0 0 1 * ? *)", Daily(0, 0, 1)),
        ("cron(0 9 * * ? *)", Daily(9, 0)),
        ("rate(15 minutes)", Often(15)),
        ("rate(1 hour)", Often(60)),
        ("rate(1 day)", Often(1440)),
    ],
)
def test_the_schedules_of_the_stacks_are_read(expression: str, read: Schedule) -> None:
    assert read_schedule(expression) == read


@pytest.mark.parametrize("expression", ["cron(0 9 ? * MON *)", "cron(0/5 * * * ? *)", "at(2026-12-01T00:00:00)", ""])
def test_another_kind_of_schedule_is_refused_and_not_guessed_at(expression: str) -> None:
    with pytest.raises(UnknownScheduleError, match="of a kind that the local clock does not know"):
        read_schedule(expression)


@pytest.mark.parametrize(
    ("schedule", "moment", "then"),
    [
        (Daily(0, 0, 1), "2026-11-29T12:00", "2026-12-01T00:00"),
        (Daily(0, 0, 1), "2026-12-01T00:00", "2027-01-01T00:00"),
        (Daily(8, 0, 31), "2027-02-01T00:00", "2027-03-31T08:00"),
        (Daily(9, 0), "2026-12-31T08:59:59", "2026-12-31T09:00"),
        (Daily(9, 0), "2026-12-31T09:00", "2027-01-01T09:00"),
        (Often(15), "2026-12-01T09:00", "2026-12-01T09:15"),
        (Often(15), "2026-12-01T23:59", "2026-12-02T00:00"),
    ],
)
def test_the_next_start_is_the_first_after_a_moment(schedule: Schedule, moment: str, then: str) -> None:
    assert schedule.after(at(moment)) == at(then)


@given(MOMENTS, st.integers(5, 1440))
def test_one_start_a_day_is_left_of_those_that_come_often(moment: datetime, minutes: int) -> None:
    often = Often(minutes)
    first = often.once_a_day_after(moment)
    second = often.once_a_day_after(first)
    assert moment < first <= moment + timedelta(days=2)
    assert 0 < (second - first) / timedelta(days=1) <= 2
    assert often.after(first - timedelta.resolution) == first, "it is one of the rule's own"


@given(MOMENTS, st.integers(0, 23))
def test_days_are_neither_left_out_nor_done_twice(moment: datetime, hour: int) -> None:
    daily = Daily(hour, 0)
    first = daily.after(moment)
    assert moment < first <= moment + timedelta(days=1)
    assert daily.after(first) - first == timedelta(days=1)


def test_what_a_rule_starts_gets_the_event_that_eventbridge_gives() -> None:
    event: Any = scheduled_event(at("2026-12-01T00:00"))
    assert event["detail-type"] == "Scheduled Event"
    assert str(requested_period(event)) == "2026-11"
    assert str(requested_day(event)) == "2026-12-01"


def test_a_start_has_the_same_name_whenever_it_is_made() -> None:
    rule = Rule("MonthCloseWorkflow-CollectionsEveryDay0123456789-" * 3, Daily(9, 0), "arn")
    assert rule.execution(at("2026-12-01T09:00")) == rule.execution(at("2026-12-01T09:00"))
    assert rule.execution(at("2026-12-01T09:00")) != rule.execution(at("2026-12-02T09:00"))
    assert len(rule.execution(at("2026-12-01T09:00"))) <= 80, "Step Functions' limit"
