"""A period: what one invoice covers. By default a calendar month, written `2026-10`; by the days of the month too.

A period knows dates only. When it begins and ends for a customer, in instants, is the calendar's business:
`domain.calendar`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from monthclose.domain.errors import UserMistakeError

LAST = 31
"""The billing day that is each month's last."""
MOST_DAYS = 28
"""The highest number that a billing day can be: each month has it."""
_PATTERN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-(0[2-9]|1\d|2[0-8]|last))?")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month that begins on a billing day: `2026-10` on the 1st, `2026-10-15` on the 15th, `2026-10-last` on the 31st.

    Parameters
    ----------
    day : int
        1 to 28, or `LAST`.
    """

    year: int
    month: int
    day: int = 1

    def __str__(self) -> str:
        month = f"{self.year:04}-{self.month:02}"
        if self.day == 1:
            return month
        return f"{month}-last" if self.day == LAST else f"{month}-{self.day:02}"

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `2026-10`, `2026-10-15` or `2026-10-last`.

        Raises
        ------
        UserMistakeError
            The text is not a period.
        """
        match = _PATTERN.fullmatch(text)
        if not match or match[1] in ("0000", "9999"):
            raise UserMistakeError(f"{text!r} is not a period; write the year and month, like 2026-10")
        return cls(int(match[1]), int(match[2]), LAST if match[3] == "last" else int(match[3] or 1))

    @classmethod
    def of(cls, time: datetime) -> Period:
        """Find the calendar month that holds a time, in UTC."""
        if time.tzinfo is not UTC:
            time = time.astimezone(UTC)
        return _calendar_month(time.year, time.month)

    @classmethod
    def on(cls, day: date, billing_day: int = 1) -> Period:
        """Find the period with a billing day that holds a date."""
        if billing_day == 1:
            return _calendar_month(day.year, day.month)
        month = cls(day.year, day.month, billing_day)
        return month if month.first_day <= day else month.previous

    @property
    def first_day(self) -> date:
        """The day that it begins on."""
        day = self.day if self.day <= MOST_DAYS else monthrange(self.year, self.month)[1]  # slow, and seldom needed
        return date(self.year, self.month, day)

    @property
    def end_day(self) -> date:
        """The first day after it."""
        return self.next.first_day

    @property
    def last_day(self) -> date:
        """The last day of it."""
        return self.end_day - timedelta(days=1)

    @property
    def calendar_month(self) -> Period:
        """The calendar month that it begins in."""
        return Period(self.year, self.month)

    @property
    def start(self) -> datetime:
        """Its first instant in UTC."""
        day = self.day if self.day <= MOST_DAYS else self.first_day.day
        return datetime(self.year, self.month, day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it in UTC."""
        return self.next.start

    @property
    def next(self) -> Period:
        """The period after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1, self.day)

    @property
    def previous(self) -> Period:
        """The period before."""
        return Period(self.year - (self.month == 1), (self.month - 2) % 12 + 1, self.day)


@lru_cache(maxsize=4096)
def _calendar_month(year: int, month: int) -> Period:
    """Make a calendar month once: each event of usage asks for its own several times."""
    return Period(year, month)


def day_in_words(day: date) -> str:
    """Write a day as documents do: `1 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def read_billing_day(said: object) -> int:
    """Read a billing day: a number from 1 to 28, or `last`.

    Raises
    ------
    UserMistakeError
        It is neither.
    """
    text = str(said).strip().lower()
    if text == "last":
        return LAST
    if len(text) > 2 or not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise UserMistakeError(f"billing_day is neither a day from 1 to {MOST_DAYS} nor last")
    return int(text)


def billing_day_text(day: int) -> str:
    """Write a billing day as files and settings have it."""
    return "last" if day == LAST else str(day)


def period_in_words(period: Period) -> str:
    """Write a period for people: `October 2026`; one of another billing day by its first and last day."""
    if period.day == 1:
        return f"{period.first_day:%B %Y}"
    return f"{day_in_words(period.first_day)} to {day_in_words(period.last_day)}"
