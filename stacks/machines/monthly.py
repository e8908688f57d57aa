"""Rules that start something once a month, at a time that a month's end decides."""

from datetime import timedelta

from aws_cdk import aws_events as events

_LAST_DAY = timedelta(days=-1)


def monthly(after: timedelta) -> events.Schedule:
    """Make the schedule of a time after the first midnight (UTC) of each month; up to a day before it, if negative.

    EventBridge's rules go by UTC, and `L` is a month's last day
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html).
    """
    if after < _LAST_DAY:
        raise ValueError(f"{after} is more than a day before the month")
    minutes = int(after.total_seconds()) // 60
    days, of_day = divmod(minutes, 24 * 60)
    hour, minute = divmod(of_day, 60)
    return events.Schedule.cron(minute=str(minute), hour=str(hour), day="L" if days < 0 else str(1 + days))
