"""Tiers that count the units held at a time: seats that were there for a part of the month.

At each moment, the tiers price all units that are held then as if for the whole month, and that is due for the time:
of 12 seats, 10 of them in the first tier, the 11th and the 12th pay the second tier's price for the days that they were
there, and never move to another tier because the others were there for longer. So a month of changes costs the same as
its parts, each billed on its own, and half a month of a size costs half of what the month does
(https://docs.getlago.com/guide/plans/charges/prorated-vs-full: "prorated", for graduated and volume charges).

It keeps the month's readings, as `time_weighted` does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from monthclose.domain.money import EXACT
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.metering.aggregation import Readings, Window
from monthclose.domain.pricing.models import Tier, Tiered
from monthclose.domain.usage import UsageEvent

_MICROSECOND = timedelta(microseconds=1)
_PER_SECOND = 1_000_000

type _Changes = Mapping[datetime, Decimal]


class HeldMeter:
    """Takes readings of sizes, and prices what is held at each moment of a window.

    Parameters
    ----------
    free : Decimal
        Units that cost nothing at any moment.
    by_resource : bool
        Whether each resource has tiers of its own; otherwise they count all resources' units together.
    """

    def __init__(self, model: Tiered, window: Window, month_seconds: int, free: Decimal, *, by_resource: bool) -> None:
        self._model, self._window, self._free = model, window, Fraction(free)
        self._month = month_seconds * _PER_SECOND
        self._by_resource = by_resource
        self._readings = Readings()

    def add(self, event: UsageEvent) -> None:
        """Take a reading."""
        self._readings.add(event)

    def measured(self) -> Mapping[str, Fraction]:
        """Size x time, in months."""
        return {
            resource: Fraction(sum(level * time for level, time in held.items())) / self._month
            for resource, held in self._held.items()
        }

    def explain(self, resource: str, into: Explanation) -> None:
        """Add a step for each tier that was reached, and for its flat amount the time for which it was."""
        held = self._held.get(resource) or _time_held([], self._window)
        quantities, times = defaultdict[Tier, Fraction](Fraction), Counter[Tier]()
        for level, time in held.items():
            size = Fraction(level)
            billable = max(size - self._free, Fraction(0)) if size > 0 else size
            for tier, part in self._model.parts(billable):
                quantities[tier] += part * time / self._month
                times[tier] += time if billable >= 0 else -time
        into.add("held", quantity=sum(quantities.values(), Fraction(0)))
        for tier in (tier for tier in self._model.tiers if tier in quantities):
            tier.explain(quantities[tier], into, flat=Decimal(0))
            if tier.flat:
                seconds, of_seconds = Fraction(times[tier], _PER_SECOND), self._month // _PER_SECOND
                into.add("prorated", fee=tier.flat, seconds=seconds, of_seconds=of_seconds)

    @cached_property
    def _held(self) -> Mapping[str, Mapping[Decimal, int]]:
        """For how many microseconds each size was held; to be asked for when all readings are known."""
        changes = {resource: _changes(readings) for resource, readings in self._readings.by_resource.items()}
        if self._by_resource:
            return {resource: _time_held([of], self._window) for resource, of in changes.items()}
        return {"": _time_held(changes.values(), self._window)}


def _changes(readings: Mapping[datetime, Decimal]) -> _Changes:
    """By how much a resource's size changes, and when."""
    times = sorted(readings)
    sizes = [readings[time] for time in times]
    return {
        time: EXACT.subtract(size, before)
        for time, size, before in zip(times, sizes, [Decimal(0), *sizes[:-1]], strict=True)
    }


def _time_held(several: Iterable[_Changes], window: Window) -> Mapping[Decimal, int]:
    """Add up resources' sizes, moment by moment."""
    together: dict[datetime, Decimal] = {window.start: Decimal(0)}
    for changes in several:
        for time, change in changes.items():
            at = max(time, window.start)
            if at < window.end:
                together[at] = EXACT.add(together.get(at, Decimal(0)), change)
    held, level, times = Counter[Decimal](), Decimal(0), sorted(together)
    for time, following in zip(times, [*times[1:], window.end], strict=True):
        level = EXACT.add(level, together[time])
        held[level] += (following - time) // _MICROSECOND
    return held
