"""Terms: the months over which a maximum or a minimum counts what is billed.

A term is whole months of billing. One of the calendar begins where the calendar's month, quarter or year does; one from
the start begins with the first month that its entry holds in, and again every so many months. What an entry doesn't
hold for is no part of its amount: that is prorated by the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from monthclose.domain.period import Period
from monthclose.domain.pricing.book.price import ALWAYS, overlap, window_content
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.models import Content

_MICROSECOND = timedelta(microseconds=1)
_A_SECOND = timedelta(seconds=1) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Months:
    """Whole months, from `first` to before `end`; None: without that bound."""

    first: Period | None = None
    end: Period | None = None

    def __contains__(self, period: Period) -> bool:
        return (self.first is None or self.first <= period) and (self.end is None or period < self.end)

    def content(self) -> Content:
        """As in a price book's file."""
        return {
            "from": str(self.first) if self.first else None,
            "until": str(self.end) if self.end else None,
        }


type Instants = Callable[[Period], Window]
"""When a period begins and ends for the customer."""


ALL_MONTHS = Months()


def whole_period(period: Period) -> Window:
    """A period's instants in UTC."""
    return Window(period.start, period.end)


class Length(StrEnum):
    """How long a term is, as a price book names it."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def months(self) -> int:
        """Its months."""
        return {"month": 1, "quarter": 3, "year": 12}[self]


class Term(NamedTuple):
    """One term: its first and its last period, and the part of it that an entry holds for.

    Parameters
    ----------
    seconds, of_seconds : Fraction
        The part, and all of it.
    """

    first: Period
    last: Period
    seconds: Fraction
    of_seconds: Fraction

    @property
    def is_whole(self) -> bool:
        """Whether the entry holds for all of it."""
        return self.seconds == self.of_seconds

    def part_of(self, amount: Decimal) -> Fraction:
        """Prorate an amount for a whole term."""
        return Fraction(amount) * self.seconds / self.of_seconds


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an entry holds, and what terms it has.

    Parameters
    ----------
    months : Months
        Bounds that are whole months.
    valid : Window
        Bounds within a month.
    calendar : bool
        Whether terms are those of the calendar, and not from the start. Always if `months` has no start.
    """

    months: Months = ALL_MONTHS
    valid: Window = ALWAYS
    length: Length = Length.MONTH
    calendar: bool = False

    def content(self) -> Content:
        """As in a price book's file; an entry for each month says no more than its bounds."""
        bounds = {**window_content(self.valid), **{n: v for n, v in self.months.content().items() if v}}
        return {
            **bounds,
            "term": None if self.length is Length.MONTH else self.length.value,
            "calendar": self.calendar or None,
        }

    def holds_in(self, period: Period, instants: Instants = whole_period) -> bool:
        """Whether it holds in a period, or in some of it."""
        if period not in self.months:
            return False
        return self.valid == ALWAYS or overlap(self.valid, instants(period)) is not None

    def term(self, period: Period, instants: Instants = whole_period, whole_of: Instants | None = None) -> Term:
        """Find the term that a period, in which it holds, belongs to.

        Parameters
        ----------
        whole_of : callable or None
            The instants of whole periods, where `instants` has one that is shortened.
        """
        whole_of = whole_of or instants
        if self.length is Length.MONTH and self.valid == ALWAYS:
            return Term(period, period, _seconds(instants(period)), _seconds(whole_of(period)))
        begins = self._begins(period)
        ends = _later(begins, self.length.months - 1)
        whole = Window(whole_of(begins).start, whole_of(ends).end)
        first = max(begins, _on_day(self.months.first, period)) if self.months.first else begins
        last = min(ends, _on_day(self.months.end, period).previous) if self.months.end else ends
        # A shortened period has its part of a month's amount, and all of its quarter's or year's.
        within = instants if self.length is Length.MONTH else whole_of
        held = overlap(self.valid, Window(within(first).start, within(last).end)) or whole
        while first < last and instants(first).end <= held.start:
            first = first.next
        while first < last and instants(last).start >= held.end:
            last = last.previous
        return Term(first, last, _seconds(held), _seconds(whole))

    def _begins(self, period: Period) -> Period:
        """Find the period that the term begins with, whether or not the entry holds in it."""
        ordinal, length = _ordinal(period), self.length.months
        from_start = self.months.first if not self.calendar else None
        offset = _ordinal(from_start) if from_start else 0
        return _later(period, -((ordinal - offset) % length))


def _ordinal(period: Period) -> int:
    return period.year * 12 + period.month - 1


def _later(period: Period, months: int) -> Period:
    ordinal = _ordinal(period) + months
    return Period(ordinal // 12, ordinal % 12 + 1, period.day)


def _on_day(month: Period, like: Period) -> Period:
    """Take the period of a customer's billing day that begins in a month."""
    return Period(month.year, month.month, like.day)


def _seconds(window: Window) -> Fraction:
    return Fraction((window.end - window.start) // _MICROSECOND, _A_SECOND)
