"""When the deployed rules start what they start: pure arithmetic on their schedule expressions.

The expressions are read from the deployed rules, so nobody keeps a second list of them. Known are those that the stacks
write (EventBridge's guide, "Cron expressions" and "Rate expressions"): numbers for minute and hour, and for the day a
number, none, or `L`, a month's last.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_CRON = re.compile(r"cron\((\d+) (\d+) (\*|L|\d+) \* \? \*\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_NOON = 12
_LAST = 0


class UnknownScheduleError(ValueError):
    """A rule has a schedule of a kind that is not known here."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day, or every month on a day of it, at a time (UTC); the day 0 is a month's last."""

    hour: int
    minute: int
    day: int | None = None

    def after(self, moment: datetime) -> datetime:
        """Find the first time after a moment."""
        found = moment.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        while found <= moment or not self._on(found):
            found += timedelta(days=1)
        return found

    def _on(self, moment: datetime) -> bool:
        if self.day == _LAST:
            return (moment + timedelta(days=1)).day == 1
        return self.day in (None, moment.day)


@dataclass(frozen=True, slots=True)
class Often:
    """Every so many minutes, from midnight (UTC). AWS counts from when the rule was made."""

    minutes: int

    def after(self, moment: datetime) -> datetime:
        """Find the first time after a moment."""
        return self._first_from(moment + timedelta(microseconds=1))

    def once_a_day_after(self, moment: datetime) -> datetime:
        """Find the first time after a moment that is the first of a day from noon on, when the day's work is done."""
        noon = moment.replace(hour=_NOON, minute=0, second=0, microsecond=0)
        found = self._first_from(noon)
        return found if found > moment else self._first_from(noon + timedelta(days=1))

    def _first_from(self, moment: datetime) -> datetime:
        midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        every = timedelta(minutes=self.minutes)
        return midnight + -(-(moment - midnight) // every) * every


type Schedule = Daily | Often


def read_schedule(expression: str) -> Schedule:
    """Read a rule's schedule expression.

    Raises
    ------
    UnknownScheduleError
        It is of a kind that the stacks do not use.
    """
    if match := _CRON.fullmatch(expression):
        minute, hour, day = match.groups()
        return Daily(int(hour), int(minute), None if day == "*" else _LAST if day == "L" else int(day))
    if match := _RATE.fullmatch(expression):
        return Often(int(match[1]) * _MINUTES[match[2]])
    raise UnknownScheduleError(f"the schedule {expression!r} is of a kind that the local clock does not know")


@dataclass(frozen=True, slots=True)
class Rule:
    """A deployed rule with a schedule, and the state machine that it starts."""

    name: str
    schedule: Schedule
    machine: str
    """ARN."""
    request: Mapping[str, object] = field(default_factory=dict)
    """What the state machine is given instead of the event; empty where it is given that."""

    def execution(self, moment: datetime) -> str:
        """Name the execution that it starts at a moment: one that was started before is not started twice."""
        return f"clock-{self.name[-40:]}-{moment:%Y%m%dT%H%M}"


def scheduled_event(moment: datetime) -> dict[str, object]:
    """Write the event that a rule gives to what it starts (EventBridge's guide, "Rules that run on a schedule")."""
    time = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "time": time, "detail": {}}
