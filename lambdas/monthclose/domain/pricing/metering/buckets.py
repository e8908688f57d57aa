"""Buckets: usage is measured in each hour or day first, and the buckets are then aggregated again.

The largest size of each hour, summed; the 95th percentile of a month's 5-minute samples, as network providers bill
traffic: the buckets are sorted, the highest 5% are left out, and the next one counts
(https://improvedtelecom.com/how-95th-percentile-billing-works/). What is left out is rounded down, so the value is the
smallest that at least 95% of the buckets do not exceed (nearest rank).

What a customer's resources have in a bucket is added up before the buckets are aggregated, unless each resource is
priced on its own. Memory: some 150 bytes for each bucket that has something, of each resource where those have to be
kept apart (always, but for sums and counts that are not priced by resource).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from monthclose.domain.calendar import midnight
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import EXACT
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.metering.aggregation import Aggregation, Readings, Window, counted, rounded
from monthclose.domain.usage import UsageEvent

MOST_BUCKETS = 1_000_000
"""Most buckets of a customer's SKU that are kept: 150 MB, of a function that has 1,024."""
SECONDS = {"minute": 60, "5_minutes": 300, "15_minutes": 900, "hour": 3600, "day": 86_400}
"""The sizes of buckets. A day is one of the calendar, which may have 23 or 25 hours."""
IN_A_BUCKET = (
    Aggregation.SUM,
    Aggregation.COUNT,
    Aggregation.MAX,
    Aggregation.MIN,
    Aggregation.LAST,
    Aggregation.AVERAGE,
    Aggregation.UNIQUE,
)
OVER_BUCKETS = (
    Aggregation.SUM,
    Aggregation.COUNT,
    Aggregation.MAX,
    Aggregation.MIN,
    Aggregation.AVERAGE,
    Aggregation.PERCENTILE,
)
SIZES = (Aggregation.MAX, Aggregation.MIN, Aggregation.LAST)
"""What a bucket without a reading may take over from the one before it."""
_ZERO = Decimal(0)


class Empty(StrEnum):
    """What a bucket without events counts as."""

    ZERO = "zero"
    SKIP = "skip"
    """Nothing: it is not among the buckets."""
    CARRY = "carry"
    """What the resource's last reading before it was; each bucket begins with that. Zero before the first one."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """How usage is cut into buckets.

    Parameters
    ----------
    size : str
        One of `SECONDS`.
    aggregation : Aggregation
        What is measured in each bucket; the price's own aggregation is that of the buckets.
    percentile : Decimal or None
        For `percentile`: which one, more than 0 and less than 100.
    """

    size: str
    aggregation: Aggregation
    empty: Empty
    percentile: Decimal | None = None

    @staticmethod
    def usually_empty(aggregation: Aggregation) -> Empty:
        """What an empty bucket is unless the price says otherwise: a size goes on, of anything else there was none."""
        return Empty.CARRY if aggregation in SIZES else Empty.ZERO

    def explain(self, how: str, quantity: Fraction, into: Explanation) -> None:
        """Add the step that says how buckets were made, and what of them."""
        size, within = self.size, str(self.aggregation)
        if self.percentile is None:
            into.add("buckets", bucket=size, within=within, how=how, quantity=quantity)
        else:
            into.add("percentile", bucket=size, within=within, percentile=self.percentile, quantity=quantity)

    def content(self) -> dict[str, object]:
        """As in a price book's file."""
        return {
            "bucket": self.size,
            "bucket_aggregation": str(self.aggregation),
            "empty_buckets": str(self.empty) if self.empty is not self.usually_empty(self.aggregation) else None,
            "percentile": plain(self.percentile) if self.percentile is not None else None,
        }


class Grid:
    """The buckets of a month, numbered from 0, by the clock of a time zone: the first begins where the month does."""

    def __init__(self, size: str, month: Window, zone: str = "UTC") -> None:
        self._start, self._end, self._step = month.start, month.end, timedelta(seconds=SECONDS[size])
        self._days = list(_days(month, zone)) if size == "day" else []

    def place(self, time: datetime) -> int:
        """Find the bucket that a time is in."""
        return bisect_right(self._days, time) - 1 if self._days else (time - self._start) // self._step

    def start(self, place: int) -> datetime:
        """When a bucket begins."""
        return self._days[place] if self._days else self._start + place * self._step

    def end(self, place: int) -> datetime:
        """When a bucket ends."""
        if not self._days:
            return self.start(place + 1)
        return self._days[place + 1] if place + 1 < len(self._days) else self._end

    def first_from(self, time: datetime) -> int:
        """Find the first bucket that begins at a time or after it."""
        return bisect_left(self._days, time) if self._days else -((self._start - time) // self._step)

    def within(self, window: Window) -> range:
        """The buckets that begin in a window, and the one that it begins in; none in an empty one.

        Empty is that of a price that begins in the month's last bucket: it prices the next one first.
        """
        if window.start >= window.end:
            return range(0)
        return range(self.place(window.start), self.first_from(window.end))

    def boundary(self, time: datetime) -> datetime:
        """The first beginning of a bucket from a time on."""
        place = self.first_from(time)
        return min(self.start(place), self._end) if not self._days or place < len(self._days) else self._end


def _days(month: Window, zone: str) -> Iterator[datetime]:
    time = month.start
    while time < month.end:
        yield time
        time = _next_midnight(time, zone)


def _next_midnight(time: datetime, zone: str) -> datetime:
    return midnight(time.astimezone(ZoneInfo(zone)).date() + timedelta(days=1), zone)


type _State = Any
"""What is kept of a bucket: a sum, a number, a reading, or a sum and a number."""
_ADD: Mapping[Aggregation, Callable[[_State, UsageEvent], _State]] = {
    Aggregation.SUM: lambda state, event: EXACT.add(state or _ZERO, event.quantity),
    Aggregation.UNIQUE: lambda state, event: EXACT.add(state or _ZERO, event.quantity),
    Aggregation.COUNT: lambda state, event: (state or 0) + counted(event),
    Aggregation.MAX: lambda state, event: event.quantity if state is None else max(state, event.quantity),
    Aggregation.MIN: lambda state, event: event.quantity if state is None else min(state, event.quantity),
    Aggregation.LAST: lambda state, event: max(state or (event.time, event.quantity), (event.time, event.quantity)),
    Aggregation.AVERAGE: lambda state, event: (
        EXACT.add(state[0] if state else _ZERO, event.quantity),
        (state[1] if state else 0) + 1,
    ),
}
_VALUE: Mapping[Aggregation, Callable[[_State], Fraction]] = {
    Aggregation.UNIQUE: lambda state: Fraction(state > 0),
    Aggregation.LAST: lambda state: Fraction(state[1]),
    Aggregation.AVERAGE: lambda state: rounded(Fraction(state[0]) / state[1]),
}
_OF_READINGS: Mapping[Aggregation, Callable[[list[Decimal]], Decimal]] = {
    Aggregation.MAX: max,
    Aggregation.MIN: min,
    Aggregation.LAST: lambda readings: readings[-1],
}


class BucketMeter:
    """Measures in buckets, and aggregates them.

    Parameters
    ----------
    window : Window
        What of the month is measured: `Grid.within` it.
    over : Aggregation
        What becomes of the buckets: one of `OVER_BUCKETS`.
    by_resource : bool
        Whether each resource's buckets are aggregated on their own.
    """

    def __init__(self, buckets: Buckets, over: Aggregation, grid: Grid, window: Window, *, by_resource: bool) -> None:
        self._buckets, self._over, self._grid, self._places = buckets, over, grid, grid.within(window)
        self._by_resource = by_resource
        self._apart = by_resource or buckets.aggregation not in (Aggregation.SUM, Aggregation.COUNT)
        self._states: dict[str, dict[int, _State]] = defaultdict(dict)
        self._readings = Readings() if buckets.empty is Empty.CARRY else None
        self._kept = 0

    def add(self, event: UsageEvent) -> None:
        """Take an event.

        Raises
        ------
        ParkCustomerError
            There are too many buckets to be kept: `too_many_buckets`.
        """
        if self._readings is not None:
            self._readings.add(event)
            return
        states, place = self._states[event.resource if self._apart else ""], self._grid.place(event.time)
        state = states.get(place)
        if state is None:
            self._kept += 1
            if self._kept > MOST_BUCKETS:
                raise ParkCustomerError(
                    "too_many_buckets",
                    f"SKU {event.sku!r} has usage in more than {MOST_BUCKETS:,} buckets of its resources: price it by "
                    "larger buckets",
                )
        states[place] = _ADD[self._buckets.aggregation](state, event)

    def measured(self) -> Mapping[str, Fraction]:
        """The quantity of each resource; of all together the resource ""."""
        return {resource: self._aggregated(values) for resource, values in self._series()}

    def used(self, windows: Iterable[Window]) -> list[Mapping[str, Fraction]]:
        """What was used in windows, to share the quantity: the buckets that begin in each, whatever their sign."""
        places = [self._grid.within(window) for window in windows]
        used: list[dict[str, Fraction]] = [{} for _ in places]
        for resource, values in self._series():
            for within, found in zip(places, used, strict=True):
                found[resource] = sum((abs(v) for place, v in values.items() if place in within), Fraction(0))
        return list(used)

    def _series(self) -> Iterator[tuple[str, Mapping[int, Fraction]]]:
        """Find the buckets of each resource, one after the other, or of all together."""
        if self._by_resource and self._buckets.aggregation is not Aggregation.UNIQUE:
            yield from self._apart_series()
            return
        together: dict[int, Fraction] = {}
        for _, values in self._apart_series():
            for place, value in values.items():
                together[place] = together.get(place, Fraction(0)) + value
        if together:
            yield "", together

    def _apart_series(self) -> Iterator[tuple[str, Mapping[int, Fraction]]]:
        if self._readings is not None:
            for resource, readings in self._readings.by_resource.items():
                yield resource, dict(self._held(readings))
            return
        value = _VALUE.get(self._buckets.aggregation, Fraction)
        for resource, states in self._states.items():
            yield resource, {place: value(state) for place, state in states.items()}

    def _held(self, readings: Mapping[datetime, Decimal]) -> Iterator[tuple[int, Fraction]]:
        """Measure buckets that begin with what the last reading before them was."""
        times, done, held = sorted(readings), 0, None
        measure = _OF_READINGS[self._buckets.aggregation]
        for place in self._places:
            start, end = self._grid.start(place), self._grid.end(place)
            while done < len(times) and times[done] < start:
                held, done = readings[times[done]], done + 1
            found = [held] if held is not None and not (done < len(times) and times[done] == start) else []
            while done < len(times) and times[done] < end:
                found.append(readings[times[done]])
                done += 1
            if found:
                held = found[-1]
                yield place, Fraction(measure(found))

    def _aggregated(self, values: Mapping[int, Fraction]) -> Fraction:
        """Aggregate buckets, the empty ones included."""
        missing = 0 if self._buckets.empty is Empty.SKIP else len(self._places) - len(values)
        match self._over:
            case Aggregation.SUM:
                return sum(values.values(), Fraction(0))
            case Aggregation.COUNT:
                return Fraction(sum(value > 0 for value in values.values()))
            case Aggregation.AVERAGE:
                return rounded(sum(values.values(), Fraction(0)) / max(len(values) + missing, 1))
        ordered = sorted([*values.values(), *[Fraction(0)] * missing]) or [Fraction(0)]
        match self._over:
            case Aggregation.MAX:
                return ordered[-1]
            case Aggregation.MIN:
                return ordered[0]
        assert self._buckets.percentile is not None
        return ordered[math.ceil(len(ordered) * Fraction(self._buckets.percentile) / 100) - 1]
