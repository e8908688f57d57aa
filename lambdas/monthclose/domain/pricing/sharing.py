"""A month in which a SKU has several prices: what each of them prices.

What was used under a price is priced by it. Amounts are used at one time, and sizes go on across the change. But `max`,
`last` and `unique` count a resource once a month: so they are measured over the whole month, as if the price had not
changed, and each price has the part of a resource's quantity that was used under it: by size x time for readings, by
the amounts for `unique`. A price that changes into itself changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, Protocol

from monthclose.domain.period import Period
from monthclose.domain.pricing.aggregation import Aggregation, Meter, Readings, SumMeter, UniqueMeter, Window, meter
from monthclose.domain.pricing.held import HeldMeter
from monthclose.domain.pricing.models import Tiered
from monthclose.domain.pricing.price import Price
from monthclose.domain.pricing.quantities import EachEvent
from monthclose.domain.pricing.transactions import PerTransaction, TransactionMeter
from monthclose.domain.usage import UsageEvent

_PLACES = 10**9
_ONCE_A_MONTH = (Aggregation.MAX, Aggregation.LAST, Aggregation.UNIQUE)


class Measure(Protocol):
    """What can be measured once all events are known."""

    def measured(self) -> Mapping[str, Fraction]:
        """The quantity of each resource; events that name none are the resource ""."""


class Metered(NamedTuple):
    """What a price's quantity is taken from; `whole`, if that is a part only, is the month's."""

    price: Price
    own: Measure
    whole: Measure | None = None


class Feed(NamedTuple):
    """A meter takes the events of a window."""

    window: Window
    meter: Meter


def meters(prices: Sequence[Price], period: Period) -> tuple[list[Metered], list[Feed]]:
    """Make what measures for each of a SKU's prices in a month, and what takes which events."""
    made, feeds = list[Metered](), list[Feed]()
    shared: dict[Aggregation, SharedMeter] = {}
    for price in prices:
        alike = [other.valid for other in prices if other.aggregation.is_of_sizes == price.aggregation.is_of_sizes]
        if price.aggregation in _ONCE_A_MONTH and len(alike) > 1:
            if price.aggregation not in shared:
                shared[price.aggregation] = SharedMeter(price.aggregation, alike)
                feeds += [Feed(window, shared[price.aggregation]) for window in alike]
            month = shared[price.aggregation]
            made.append(Metered(price, month.part(price.valid), month))
        else:
            own = _meter(price, period)
            goes_on = price.aggregation is Aggregation.TIME_WEIGHTED
            before = [window for window in alike if goes_on and window < price.valid]
            feeds += [Feed(window, own) for window in (*before, price.valid)]
            made.append(Metered(price, own))
    return made, feeds


def _meter(price: Price, period: Period) -> Meter:
    unit, model = price.unit_seconds(period), price.model
    if isinstance(model, PerTransaction):
        return TransactionMeter(model, by_resource=price.by_resource)
    if isinstance(model, Tiered) and model.prorated:
        return HeldMeter(model, price.valid, unit, price.free, by_resource=price.by_resource)
    own = meter(price.aggregation, price.valid, by_resource=price.by_resource, unit_seconds=unit)
    return EachEvent(price.rule, own) if price.rule and price.rule.each_event else own


class SharedMeter:
    """Measures a month once for all its prices, and shares what it measured among them.

    It keeps a month's readings, and the sums of `unique` for each price. Parts are rounded to nine places, so that many
    resources still have a sum of few digits; they add up to what is shared exactly.

    Parameters
    ----------
    windows : sequence of Window
        When each price holds, in order.
    """

    def __init__(self, aggregation: Aggregation, windows: Sequence[Window]) -> None:
        self._windows = windows
        self._whole: UniqueMeter | Meter = meter(aggregation, windows[0], by_resource=True, unit_seconds=1)
        self._used: _Sizes | _Amounts = _Sizes(windows) if aggregation.is_of_sizes else _Amounts(windows)

    def add(self, event: UsageEvent) -> None:
        """Take an event."""
        self._whole.add(event)
        self._used.add(event)

    def measured(self) -> Mapping[str, Fraction]:
        """Measure the whole month."""
        return self._whole.measured()

    def part(self, window: Window) -> Measure:
        """The part of the price that holds in a window."""
        return _Part(self, self._windows.index(window))

    @cached_property
    def parts(self) -> list[dict[str, Fraction]]:
        """Each price's part; to be asked for when all events are known."""
        used = self._used.by_window()
        parts: list[dict[str, Fraction]] = [{} for _ in used]
        for resource, quantity in self._to_share().items():
            shares = _shared(quantity, [of.get(resource, Fraction(0)) for of in used])
            for part, share in zip(parts, shares, strict=True):
                if share or not quantity:
                    part[resource] = share
        if isinstance(self._whole, UniqueMeter):  # a number of resources belongs to none of them
            return [{"": sum(part.values(), Fraction(0))} for part in parts]
        return parts

    def _to_share(self) -> Mapping[str, Fraction]:
        return self._whole.counted() if isinstance(self._whole, UniqueMeter) else self._whole.measured()


class _Part(NamedTuple):
    month: SharedMeter
    place: int

    def measured(self) -> Mapping[str, Fraction]:
        return self.month.parts[self.place]


class _Sizes:
    """What was used of sizes: size x time, whatever a size's sign."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows, self._readings = windows, Readings()

    def add(self, event: UsageEvent) -> None:
        self._readings.add(event)

    def by_window(self) -> list[Mapping[str, Fraction]]:
        return [
            {resource: Fraction(size) for resource, size in self._readings.weighted(window, of=abs).items()}
            for window in self._windows
        ]


class _Amounts:
    """What was used of amounts: their sums, where corrections leave anything."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._sums = [(window, SumMeter(by_resource=True)) for window in windows]

    def add(self, event: UsageEvent) -> None:
        for window, sums in self._sums:
            if window.holds_at(event.time):
                sums.add(event)

    def by_window(self) -> list[Mapping[str, Fraction]]:
        return [
            {resource: max(total, Fraction(0)) for resource, total in sums.measured().items()} for _, sums in self._sums
        ]


def _shared(quantity: Fraction, used: Sequence[Fraction]) -> Iterator[Fraction]:
    """Cut a quantity in proportion to what was used."""
    total, so_far, given = sum(used), Fraction(0), Fraction(0)
    for one in used:
        so_far += one
        due = quantity if so_far == total else Fraction(round(quantity * so_far / total * _PLACES), _PLACES)
        yield due - given
        given = due
