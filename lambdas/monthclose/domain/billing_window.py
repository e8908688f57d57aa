"""When a customer's period begins and ends: their billing day says on which days, the calendar at which instants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.cycles import Cycles, days_of, period_on
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
