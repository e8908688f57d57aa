"""When a customer's period begins and ends: their billing day says on which days, the calendar at which instants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.cycles import ON_THE_FIRST, Cycles, days_of, period_on
from monthclose.domain.calendar import IN_UTC, BillingCalendar, Zones
from monthclose.domain.period import Period


class Span(NamedTuple):
    """Instants in UTC: `end` is the first one after it."""

    start: datetime
    end: datetime


def span_of(cycles: Cycles, period: Period, calendar: BillingCalendar, zones: Zones = ()) -> Span | None:
    """Say what of a period is billed with it; None if the customer has no such period."""
    days = days_of(cycles, period)
    return Span(calendar.midnight(days.first, zones), calendar.midnight(days.end, zones)) if days else None


def period_at(cycles: Cycles, time: datetime, calendar: BillingCalendar = IN_UTC, zones: Zones = ()) -> Period:
    """Find the period that a time is billed with."""
    return period_on(cycles, calendar.day(time, zones))


class PeriodFinder:
    """`period_at` for one customer and many times: most of them are in the period of the one before."""

    def __init__(self, cycles: Cycles = ON_THE_FIRST, calendar: BillingCalendar = IN_UTC, zones: Zones = ()) -> None:
        self._cycles, self._calendar, self._zones = cycles, calendar, zones
        self._period: Period | None = None
        self._span: Span | None = None

    def at(self, time: datetime) -> Period:
        """Find the period that a time is billed with."""
        span = self._span
        if self._period is None or span is None or not span.start <= time < span.end:
            self._period = period_at(self._cycles, time, self._calendar, self._zones)
            self._span = span_of(self._cycles, self._period, self._calendar, self._zones)
        return self._period
