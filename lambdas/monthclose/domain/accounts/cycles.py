"""Billing cycles: which period of a customer holds a day, also where their billing day has changed.

A customer is billed from billing day to billing day. When theirs changes, the period that runs is completed as it
began; the next one begins where it ends and is the rest of the period that the new billing day makes there. So each
day is in exactly one period.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from monthclose.domain.period import Period, billing_day_text, day_in_words


class Cycle(NamedTuple):
    """A billing day, and since when it is a customer's.

    Parameters
    ----------
    since : date or None
        The first day that is billed by it, which is also the end of the cycle before; None: always.
    """

    billing_day: int
    since: date | None = None

    def begun(self, day: date) -> bool:
        """Whether it is in force on a day, or was before it."""
        return self.since is None or self.since <= day


class Days(NamedTuple):
    """The days of a period: `end` is the first one after it."""

    first: date
    end: date


type Cycles = tuple[Cycle, ...]
"""A customer's, oldest first; there is at least one, and only the first has no `since`."""
ON_THE_FIRST: Cycles = (Cycle(1),)
"""By calendar months, always."""


def days_of(cycles: Cycles, period: Period) -> Days | None:
    """Say which days of a period are billed with it; None if the customer has no such period.

    Examples
    --------
    >>> days_of((Cycle(1), Cycle(15, date(2026, 11, 1))), Period(2026, 10, 15))
    Days(first=datetime.date(2026, 11, 1), end=datetime.date(2026, 11, 15))
    """
    ends = [cycle.since for cycle in cycles[1:]]
    for cycle, ended in zip(cycles, [*ends, None], strict=True):
        if cycle.billing_day != period.day:
            continue
        first = max(period.first_day, cycle.since or date.min)
        end = min(period.end_day, ended or date.max)
        if first < end:
            return Days(first, end)
    return None


def period_on(cycles: Cycles, day: date) -> Period:
    """Find the period that a day is billed with."""
    cycle = next(cycle for cycle in reversed(cycles) if cycle.begun(day))
    return Period.on(day, cycle.billing_day)


def period_after(cycles: Cycles, period: Period) -> Period:
    """Find the customer's period after one of theirs."""
    days = days_of(cycles, period)
    return period_on(cycles, days.end if days else period.end_day)


def period_before(cycles: Cycles, period: Period) -> Period:
    """Find the customer's period before one of theirs."""
    days = days_of(cycles, period)
    return period_on(cycles, (days.first if days else period.first_day) - timedelta(days=1))


def cycles_for(billing_day: int) -> Cycles:
    """Make the cycles of somebody whose billing day has never changed."""
    return ON_THE_FIRST if billing_day == 1 else (Cycle(billing_day),)


def changed(cycles: Cycles, billing_day: int, today: date) -> Cycles:
    """Change the billing day at the end of the period that holds today.

    A change that was asked for before, and has not begun, is forgotten.
    """
    begun = tuple(cycle for cycle in cycles if cycle.begun(today))
    if begun[-1].billing_day == billing_day:
        return begun
    return (*begun, Cycle(billing_day, Period.on(today, begun[-1].billing_day).end_day))


def content(cycles: Cycles) -> list[list[int | str]]:
    """Write them as JSON."""
    return [[cycle.billing_day, cycle.since.isoformat() if cycle.since else ""] for cycle in cycles]


def read(stored: list[list[int | str]]) -> Cycles:
    """Read them from JSON."""
    return tuple(Cycle(int(day), date.fromisoformat(str(since)) if since else None) for day, since in stored)


def in_words(cycles: Cycles) -> str:
    """Say on which days somebody is billed: `15`; `1, from 1 November 2026 on 15`."""
    first, *later = cycles
    since = (f"from {day_in_words(since)} on {billing_day_text(day)}" for day, since in later if since)
    return ", ".join([billing_day_text(first.billing_day), *since])
