"""The billing calendar: when a period begins and ends, in the time zone that bills go by.

The one place that turns a period's dates into instants. Days, months and hours are those of the zone: in Berlin, the
25th of October 2026 has 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class BillingCalendar:
    """The company's time zone, and those that customers may have.

    Parameters
    ----------
    zone : str
        The company's, as in the IANA time zone database: `Europe/Berlin`.
    customer_zones : tuple of str
        What a customer's profile may say instead.
    """

    zone: str = "UTC"
    customer_zones: tuple[str, ...] = ()

    def start(self, period: Period, zone: str = "") -> datetime:
        """The first instant of a period, in a customer's zone or the company's; UTC."""
        return midnight(period.first_day, zone or self.zone)

    def end(self, period: Period, zone: str = "") -> datetime:
        """The first instant after a period."""
        return self.start(period.next, zone)

    def over(self, period: Period) -> datetime:
        """When a period is over for every customer, whatever zone they are in."""
        return max(self.end(period, zone) for zone in (self.zone, *self.customer_zones))

    def day(self, time: datetime, zone: str = "") -> date:
        """The date that a time falls on."""
        return time.astimezone(_zone(zone or self.zone)).date()

    def period(self, time: datetime, zone: str = "", billing_day: int = 1) -> Period:
        """Find the period that holds a time."""
        return Period.on(self.day(time, zone), billing_day)


def midnight(day: date, zone: str) -> datetime:
    """The first instant of a day, in UTC. Where the clocks go forward at midnight, it is when the day begins."""
    return _midnight(day, zone)


@lru_cache(maxsize=1024)
def _midnight(day: date, zone: str) -> datetime:
    # A midnight that doesn't exist is read with the offset from before the gap, which is the instant the clocks change.
    return datetime.combine(day, time(), _zone(zone)).astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
