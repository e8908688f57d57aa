"""The billing calendar: when a period begins and ends, in the time zone that bills go by.

The one place that turns dates into instants. Days, months and hours are those of the zone: in Berlin, the 25th of
October 2026 has 25 hours.

A zone may change, the company's or a customer's. What counts is the zone of the day that one period ends and the next
one begins on: both take the same instant, so no second is billed twice and none is left out. A change counts for days
that are still to come, so it never moves the end of a period that may have been billed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import LAST, Period, day_in_words

PLAIN = "UTC"
"""The zone that everything goes by unless a setting says otherwise."""
FARTHEST_AHEAD = timedelta(hours=14)
"""No zone's midnight comes earlier than this before UTC's (Pacific/Kiritimati)."""
_DAY, _NONE = timedelta(days=1), timedelta(0)


class EarlierZone(NamedTuple):
    """A zone that the company went by, up to the periods that begin or end on a day, and with that day."""

    zone: str
    until: date


class ZoneSince(NamedTuple):
    """A customer's own zone, and the first day that goes by it.

    Parameters
    ----------
    zone : str
        Empty for the company's.
    since : date or None
        None: always.
    """

    zone: str
    since: date | None = None


type Zones = tuple[ZoneSince, ...]
"""A customer's, oldest first; only the first has no `since`. None at all: the company's."""


@dataclass(frozen=True, slots=True)
class BillingCalendar:
    """The company's time zone, and those that customers may have.

    Parameters
    ----------
    zone : str
        The company's, as in the IANA time zone database: `Europe/Berlin`.
    customer_zones : tuple of str
        What a customer's profile may say instead.
    earlier : tuple of EarlierZone
        The company's former zones, oldest first.
    """

    zone: str = PLAIN
    customer_zones: tuple[str, ...] = ()
    earlier: tuple[EarlierZone, ...] = ()

    def values(self) -> dict[str, object]:
        """Write as JSON what is not at its default."""
        earlier = [[before.zone, before.until.isoformat()] for before in self.earlier]
        found = {"zone": self.zone, "customer_zones": list(self.customer_zones), "earlier": earlier}
        return {name: value for name, value in found.items() if value and value != PLAIN}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> BillingCalendar:
        """Read what `values` wrote."""
        earlier = tuple(EarlierZone(zone, date.fromisoformat(until)) for zone, until in values.get("earlier", ()))
        return cls(values.get("zone", PLAIN), tuple(values.get("customer_zones", ())), earlier)

    @property
    def plain(self) -> bool:
        """Whether everything of the company goes by UTC, and always has."""
        return self.zone == PLAIN and not self.earlier

    def zone_on(self, day: date, zones: Zones = ()) -> str:
        """The zone that a day begins in, for a customer or for the company."""
        own = next((own for own in reversed(zones) if own.since is None or own.since <= day), None)
        if own and own.zone:
            return own.zone
        return next((earlier.zone for earlier in self.earlier if day <= earlier.until), self.zone)

    def midnight(self, day: date, zones: Zones = ()) -> datetime:
        """The first instant of a day, in a customer's zone or the company's; UTC."""
        return midnight(day, self.zone_on(day, zones))

    def start(self, period: Period, zones: Zones = ()) -> datetime:
        """The first instant of a period."""
        return self.midnight(period.first_day, zones)

    def end(self, period: Period, zones: Zones = ()) -> datetime:
        """The first instant after a period."""
        return self.midnight(period.end_day, zones)

    def over(self, period: Period) -> datetime:
        """When a period is over for every customer, whatever zone they are in."""
        own = (midnight(period.end_day, zone) for zone in self.customer_zones)
        return max((self.end(period), *own))

    def require_over(self, period: Period, now: datetime) -> None:
        """Check that a period is over for every customer.

        Raises
        ------
        UserMistakeError
            It still runs or lies in the future: its usage isn't complete.
        """
        over = self.over(period)
        if now < over:
            elsewhere = "" if over == self.end(period) else " for the last of its customers"
            raise UserMistakeError(
                f"{period} is not over yet (it ends {over:%Y-%m-%d %H:%M} UTC{elsewhere}); "
                f"the latest period that can be closed is {self.last_over(now, period.day)}"
            )

    @property
    def latest_over(self) -> timedelta:
        """How long after UTC's midnight a day has begun in all the zones, on the latest day of a year.

        Negative where all are east of UTC.
        """
        zones = {self.zone, *self.customer_zones, *(earlier.zone for earlier in self.earlier)}
        days = [date(2028, 1, 1) + number * _DAY for number in range(366)]
        return max(midnight(day, zone) - midnight(day, PLAIN) for zone in zones for day in days)

    def closes_after(self, billing_day: int) -> timedelta:
        """How long after UTC's midnight a billing day's close starts by itself, throughout the year.

        Never before it on the last day of a month: a rule has no name for the day before that.
        """
        return max(self.latest_over, _NONE) if billing_day == LAST else self.latest_over

    def starts_closing(self, period: Period) -> datetime:
        """When the close of a period starts by itself."""
        return midnight(period.end_day, PLAIN) + self.closes_after(period.day)

    def last_over(self, now: datetime, billing_day: int = 1) -> Period:
        """The latest period with a billing day that is over for every customer."""
        period = self.period(now, billing_day=billing_day)
        while self.over(period) > now:
            period = period.previous
        return period

    def day(self, time: datetime, zones: Zones = ()) -> date:
        """The date that a time falls on."""
        about = time.astimezone(UTC).date()
        if not zones and self.plain:
            return about
        around = (about + _DAY, about, about - _DAY)  # no zone is a day from UTC
        return next(day for day in around if self.midnight(day, zones) <= time)

    def local(self, time: datetime) -> datetime:
        """Write an instant as the company's clocks showed it."""
        return local(time, self.zone_on(self.day(time)))

    def period(self, time: datetime, zones: Zones = (), billing_day: int = 1) -> Period:
        """Find the period that holds a time."""
        return Period.on(self.day(time, zones), billing_day)

    def instant(self, local: datetime) -> datetime:
        """Turn a time without a zone into an instant, in the company's zone; UTC.

        Raises
        ------
        UserMistakeError
            There is no such time or there are two, as the clocks change.
        """
        return instant(local, self.zone_on(local.date()))


IN_UTC = BillingCalendar()
"""Everything goes by UTC."""


def changed(zones: Zones, before: str, zone: str, today: date) -> Zones:
    """Change a customer's zone: days after today begin in the new one.

    Parameters
    ----------
    zones : tuple of ZoneSince
        Those that they have had; empty if theirs has never changed.
    before, zone : str
        Their present zone and the new one; empty for the company's.
    today : date
        The company's.
    """
    begun = tuple(own for own in zones or (ZoneSince(before),) if own.since is None or own.since <= today)
    return begun if begun[-1].zone == zone else (*begun, ZoneSince(zone, today + _DAY))


def zones_in_words(zones: Zones) -> str:
    """Say which zones somebody goes by: `Asia/Tokyo`; `the company's, from 1 November 2026 on Asia/Tokyo`."""
    names = [own.zone or "the company's" for own in zones]
    since = [f"from {day_in_words(own.since)} on " if own.since else "" for own in zones]
    return ", ".join(f"{begins}{name}" for begins, name in zip(since, names, strict=True))


def zones_content(zones: Zones) -> list[list[str]]:
    """Write a customer's zones as JSON."""
    return [[own.zone, own.since.isoformat() if own.since else ""] for own in zones]


def read_zones(stored: Iterable[Sequence[str]]) -> Zones:
    """Read a customer's zones from JSON."""
    return tuple(ZoneSince(zone, date.fromisoformat(since) if since else None) for zone, since in stored)


def instant(local: datetime, zone: str) -> datetime:
    """Turn a time without a zone into an instant; UTC.

    Raises
    ------
    UserMistakeError
        There is no such time in the zone or there are two, as the clocks change.
    """
    if zone == PLAIN:
        return local.replace(tzinfo=UTC)
    first, second = (local.replace(tzinfo=zone_named(zone), fold=fold) for fold in (0, 1))  # PEP 495
    before, after = first.utcoffset() or _NONE, second.utcoffset() or _NONE
    if before > after:
        raise UserMistakeError(f"time exists twice in {zone}, because clocks go back: write its offset, like +01:00")
    if before < after:
        raise UserMistakeError(f"time does not exist in {zone}, because clocks go forward")
    return first.astimezone(UTC)


@lru_cache(maxsize=4096)
def midnight(day: date, zone: str) -> datetime:
    """The first instant of a day, in UTC. Where the clocks go forward at midnight, it is when the day begins."""
    # A midnight that doesn't exist is read with the offset from before the gap, which is the instant the clocks change.
    return datetime.combine(day, time(), zone_named(zone)).astimezone(UTC)


def local(time: datetime, zone: str) -> datetime:
    """Write an instant with the zone's offset from UTC, so that its date is the zone's."""
    return time.astimezone(zone_named(zone))


def checked_zone(name: str) -> str:
    """Return the name of a time zone.

    Raises
    ------
    UserMistakeError
        There is no such zone.
    """
    try:
        zone_named(name)
    except (KeyError, ValueError, OSError):
        raise UserMistakeError(f"{name!r} is not a time zone like Europe/Berlin (IANA)") from None
    return name


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Find a time zone by its name.

    Raises
    ------
    KeyError, ValueError, OSError
        There is no such zone.
    """
    return ZoneInfo(name)
