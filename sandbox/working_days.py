"""Working days of banks: Monday to Friday, without bank holidays. When they do what they do is the sandbox's choice."""

from datetime import UTC, date, datetime, timedelta

_SATURDAY = 5
_HOUR = 6
"""The hour, UTC, at which banks report what happened: before the collections of the day (`collections.hour`)."""


def working_day(day: date) -> date:
    """Return the day itself, or the Monday after it."""
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def after_working_days(day: date, days: int) -> date:
    """Return the working day so many working days after one."""
    day = working_day(day)
    for _ in range(days):
        day = working_day(day + timedelta(days=1))
    return day


def report_on(day: date) -> float:
    """Return when banks report on a day, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, _HOUR, tzinfo=UTC).timestamp()


def report_after(moment: float, days: int) -> float:
    """Return when banks report, so many working days after a moment; both in seconds since the epoch."""
    return report_on(after_working_days(datetime.fromtimestamp(moment, UTC).date(), days))
