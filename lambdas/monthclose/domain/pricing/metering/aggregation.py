"""Aggregations: how a month's events of one SKU become a quantity, resource by resource.

Events come in any order, and none is kept unless the aggregation needs it: memory grows with the resources (and, for
`time_weighted` and where a price changes in the month, with the readings, some 100 bytes each; see `sharing`).

For `sum`, `count` and `unique` an event is an amount of use: events add up, corrections are negative. For the others an
event is a reading of a size, which holds until the resource's next one; a wrong reading is corrected by an event that
replaces it. Of two readings of the same instant the larger one counts; for `average` and `min`, which take each reading
as a sample, both do.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, Protocol

from monthclose.domain.money import EXACT
from monthclose.domain.usage import UsageEvent

_ZERO = Decimal(0)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_PLACES = 10**9


class Aggregation(StrEnum):
    """The aggregations, as a price book names them."""

    SUM = "sum"
    COUNT = "count"
    """How many events there are."""
    MAX = "max"
    """The largest reading."""
    MIN = "min"
    """The smallest reading."""
    AVERAGE = "average"
    """The mean of the readings."""
    LAST = "last"
    """The latest reading."""
    UNIQUE = "unique"
    """How many resources have used more than nothing."""
    TIME_WEIGHTED = "time_weighted"
    """Size x time: GB-hours from sizes."""
    PERCENTILE = "percentile"
    """A percentile of buckets (see `buckets`)."""

    @property
    def is_of_sizes(self) -> bool:
        """Whether events are readings of a size, and not amounts of use."""
        return self not in (Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE, Aggregation.PERCENTILE)


class Window(NamedTuple):
    """The part of a month in which a price holds: start inclusive, end exclusive."""

    start: datetime
    end: datetime

    def holds_at(self, time: datetime) -> bool:
        """Whether a time is within it."""
        return self.start <= time < self.end


class Meter(Protocol):
    """Aggregates the events of one SKU."""

    def add(self, event: UsageEvent) -> None:
        """Take an event."""

    def measured(self) -> Mapping[str, Fraction]:
        """The quantity of each resource; events that name none are the resource ""."""


class SumMeter:
    """Adds up; `by_resource` keeps resources apart, which needs memory for each."""

    def __init__(self, *, by_resource: bool) -> None:
        self._by_resource = by_resource
        self._sums: dict[str, Decimal] = {}

    def add(self, event: UsageEvent) -> None:
        """Take an event."""
        resource = event.resource if self._by_resource else ""
        self._sums[resource] = EXACT.add(self._sums.get(resource, _ZERO), event.quantity)

    def measured(self) -> Mapping[str, Fraction]:
        """The sums."""
        return {resource: Fraction(total) for resource, total in self._sums.items()}


class CountMeter:
    """Counts the events that say that something was used: one of a negative quantity takes one back, 0 is none."""

    def __init__(self, *, by_resource: bool) -> None:
        self._by_resource = by_resource
        self._counts: dict[str, int] = {}

    def add(self, event: UsageEvent) -> None:
        """Take an event."""
        resource = event.resource if self._by_resource else ""
        self._counts[resource] = self._counts.get(resource, 0) + counted(event)

    def measured(self) -> Mapping[str, Fraction]:
        """The counts."""
        return {resource: Fraction(number) for resource, number in self._counts.items()}


def counted(event: UsageEvent) -> int:
    """Say what an event counts as: 1, or -1 if it takes back, or 0."""
    return (event.quantity > 0) - (event.quantity < 0)


class AverageMeter:
    """Takes the mean of the readings, rounded to nine places: many resources' means still have a sum of few digits."""

    def __init__(self) -> None:
        self._sums, self._counts = SumMeter(by_resource=True), dict[str, int]()

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        self._sums.add(event)
        self._counts[event.resource] = self._counts.get(event.resource, 0) + 1

    def measured(self) -> Mapping[str, Fraction]:
        """The means."""
        sums = self._sums.measured()
        return {resource: rounded(total / self._counts[resource]) for resource, total in sums.items()}


def rounded(number: Fraction) -> Fraction:
    """Round to nine places, half to even."""
    return Fraction(round(number * _PLACES), _PLACES)


class MaxMeter:
    """Keeps the largest reading."""

    def __init__(self) -> None:
        self._largest: dict[str, Decimal] = {}

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        before = self._largest.get(event.resource)
        if before is None or event.quantity > before:
            self._largest[event.resource] = event.quantity

    def measured(self) -> Mapping[str, Fraction]:
        """The largest readings."""
        return {resource: Fraction(size) for resource, size in self._largest.items()}


class MinMeter:
    """Keeps the smallest reading."""

    def __init__(self) -> None:
        self._smallest: dict[str, Decimal] = {}

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        before = self._smallest.get(event.resource)
        if before is None or event.quantity < before:
            self._smallest[event.resource] = event.quantity

    def measured(self) -> Mapping[str, Fraction]:
        """The smallest readings."""
        return {resource: Fraction(size) for resource, size in self._smallest.items()}


class LastMeter:
    """Keeps the latest reading."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[datetime, Decimal]] = {}

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        reading, before = (event.time, event.quantity), self._latest.get(event.resource)
        if before is None or reading > before:
            self._latest[event.resource] = reading

    def measured(self) -> Mapping[str, Fraction]:
        """The latest readings."""
        return {resource: Fraction(size) for resource, (_, size) in self._latest.items()}


class UniqueMeter:
    """Counts the resources whose use adds up to more than nothing. Exact, so it remembers each of them."""

    def __init__(self) -> None:
        self._sums = SumMeter(by_resource=True)

    def add(self, event: UsageEvent) -> None:
        """Take an event."""
        self._sums.add(event)

    def counted(self) -> Mapping[str, Fraction]:
        """Those resources, each of which counts 1."""
        return {resource: Fraction(1) for resource, total in self._sums.measured().items() if total > 0}

    def measured(self) -> Mapping[str, Fraction]:
        """Their number, which belongs to no resource."""
        return {"": Fraction(len(self.counted()))}


class Readings:
    """Sizes of resources, each of which holds until the resource's next one."""

    def __init__(self) -> None:
        self.by_resource: dict[str, dict[datetime, Decimal]] = defaultdict(dict)

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        readings = self.by_resource[event.resource]
        before = readings.get(event.time)
        if before is None or event.quantity > before:
            readings[event.time] = event.quantity

    def weighted(self, window: Window, of: Callable[[Decimal], Decimal] = Decimal) -> Mapping[str, Decimal]:
        """Weight sizes (or what is made `of` them) with the microseconds for which they hold within a window."""
        return {resource: _weighted(readings, window, of) for resource, readings in self.by_resource.items()}


def _weighted(readings: Mapping[datetime, Decimal], window: Window, of: Callable[[Decimal], Decimal]) -> Decimal:
    total, times = _ZERO, sorted(readings)
    for time, following in zip(times, [*times[1:], window.end], strict=True):
        span = min(following, window.end) - max(time, window.start)
        if span > timedelta(0):
            total = EXACT.add(total, EXACT.multiply(of(readings[time]), Decimal(span // _MICROSECOND)))
    return total


class TimeWeightedMeter:
    """Weights each size with the time for which it held, within a window; before a resource's first reading: nothing.

    A resource that goes on from the month before needs a reading at the month's start: what came earlier isn't read.
    """

    def __init__(self, window: Window, unit_seconds: int) -> None:
        self._window, self._microseconds = window, unit_seconds * (_SECOND // _MICROSECOND)
        self._readings = Readings()

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        self._readings.add(event)

    def measured(self) -> Mapping[str, Fraction]:
        """Size x time in the unit of time."""
        weighted = self._readings.weighted(self._window)
        return {resource: Fraction(total) / self._microseconds for resource, total in weighted.items()}


def meter(aggregation: Aggregation, window: Window, *, by_resource: bool, unit_seconds: int) -> Meter:
    """Make the meter of an aggregation; `unit_seconds` is the unit of time that `time_weighted` counts in."""
    match aggregation:
        case Aggregation.SUM:
            return SumMeter(by_resource=by_resource)
        case Aggregation.COUNT:
            return CountMeter(by_resource=by_resource)
        case Aggregation.TIME_WEIGHTED:
            return TimeWeightedMeter(window, unit_seconds)
        case _:
            return _BY_RESOURCE[aggregation]()


_BY_RESOURCE: Mapping[Aggregation, Callable[[], Meter]] = {
    Aggregation.MAX: MaxMeter,
    Aggregation.MIN: MinMeter,
    Aggregation.AVERAGE: AverageMeter,
    Aggregation.LAST: LastMeter,
    Aggregation.UNIQUE: UniqueMeter,
}
"""The meters that keep resources apart in any case. A percentile is one of buckets: see `buckets`."""
