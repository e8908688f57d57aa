"""Rules that start something when a period has ended in every time zone of the settings."""

from datetime import timedelta

from aws_cdk import aws_events as events

from monthclose.domain.period import LAST

_MINUTES_A_DAY = 24 * 60


def monthly(after: timedelta, day: int = 1) -> events.Schedule:
    """Make the schedule of a time after the midnight (UTC) that a day of each month begins with.

    EventBridge's rules go by UTC, and `L` is a month's last day
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html). There is no name for the
    day before it.

    Parameters
    ----------
    after : timedelta
        At least a day less than nothing: east of UTC, midnight comes before UTC's. For `LAST`, no less than nothing.
    day : int
        1 to 28, or `LAST`.
    """
    days, minutes = divmod(int(after.total_seconds()) // 60, _MINUTES_A_DAY)
    on = (0 if day == LAST else day) + days
    hour, minute = divmod(minutes, 60)
    return events.Schedule.cron(minute=str(minute), hour=str(hour), day=str(on) if on else "L")
