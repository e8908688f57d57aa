"""A period: one calendar month in UTC, written `2026-10`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from monthclose.domain.errors import UserMistakeError

_PATTERN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A calendar month. Usage belongs to it by its time in UTC: start inclusive, end exclusive."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `2026-10`.

        Raises
        ------
        UserMistakeError
            The text is not a month.
        """
        match = _PATTERN.fullmatch(text)
        if not match or match[1] in ("0000", "9999"):
            raise UserMistakeError(f"{text!r} is not a period; write the year and month, like 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, time: datetime) -> Period:
        """Find the period that holds a time."""
        utc = time.astimezone(UTC)
        return cls(utc.year, utc.month)

    @property
    def start(self) -> datetime:
        """First instant of the month, UTC."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """First instant after the month, UTC."""
        return self.next.start

    @property
    def last_day(self) -> date:
        """The last day of the month."""
        return (self.end - timedelta(days=1)).date()

    @property
    def next(self) -> Period:
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def previous(self) -> Period:
        """The month before."""
        return Period.of(self.start - timedelta(days=1))

    def require_ended(self, now: datetime) -> Period:
        """Return itself if the month is over at `now`.

        Raises
        ------
        UserMistakeError
            The month still runs or lies in the future: its usage isn't complete.
        """
        if now < self.end:
            raise UserMistakeError(
                f"{self} is not over yet (it ends {self.end:%Y-%m-%d} 00:00 UTC); "
                f"the latest period that can be closed is {Period.of(now).previous}"
            )
        return self


def day_in_words(day: date) -> str:
    """Write a day as documents do: `1 November 2026`."""
    return f"{day.day} {day:%B %Y}"
