"""A month in which a SKU has several prices: what each of them prices.

What was used under a price is priced by it. Amounts are used at one time, and sizes go on across the change. But `max`,
`min`, `average`, `last` and `unique` count a resource once a month: so they are measured over the whole month, as if
the price had not changed, and each price has the part of a resource's quantity that was used under it: by size x time
for readings, by the amounts for `unique`. So it is with what is made of buckets and is not their sum or number: it is
shared by what the buckets have that begin under each price. A price that changes into itself changes nothing; where it
changes within a bucket, the whole bucket has the earlier price.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

from monthclose.domain.pricing.book.price import Price
from monthclose.domain.pricing.metering.aggregation import (
    Aggregation,
    Meter,
    Readings,
    SumMeter,
    UniqueMeter,
    Window,
    meter,
    rounded,
)
from monthclose.domain.pricing.metering.buckets import BucketMeter, Buckets, Grid
from monthclose.domain.pricing.metering.held import HeldMeter
from monthclose.domain.pricing.metering.quantities import EachEvent
from monthclose.domain.pricing.metering.transactions import PerTransaction, TransactionMeter
from monthclose.domain.pricing.models import Tiered
from monthclose.domain.usage import Attributes, UsageEvent


class Measure(Protocol):
    """What can be measured once all events are known."""

    def measured(self) -> Mapping[str, Fraction]:
        """The quantity of each resource; events that name none are the resource ""."""


class Metered(NamedTuple):
    """What a price's quantity is taken from; `whole`, if that is a part only, is the month's; `group`, the group's."""

    price: Price
    own: Measure
    whole: Measure | None = None
    group: Attributes = ()


class Feed(NamedTuple):
    """A meter takes the events of a window."""

    window: Window
    meter: Meter


type _Kind = tuple[Aggregation, Buckets | None, bool]
"""What prices have in common that share what is measured once."""


class _Month(NamedTuple):
    """The instants of a month, and the time zone that its days are counted in."""

    whole: Window
    zone: str

    def grid(self, size: str) -> Grid:
        """Cut it into buckets."""
        return Grid(size, self.whole, self.zone)


def meters(prices: Sequence[Price], whole: Window, zone: str) -> tuple[list[Metered], list[Feed]]:
    """Make what measures for each of a SKU's prices in a month, and what takes which events.

    The prices hold one after the other; with gaps, if need be.

    Parameters
    ----------
    whole : Window
        All of the month, whether or not all of it is billed with it.
    zone : str
        The time zone that days are counted in.
    """
    made, feeds = list[Metered](), list[Feed]()
    shared: dict[_Kind, SharedMeter] = {}
    month = _Month(whole, zone)
    windows = _windows(prices, month)
    for price, window in zip(prices, windows, strict=True):
        sizes = price.measuring.is_of_sizes
        alike = [w for other, w in zip(prices, windows, strict=True) if other.measuring.is_of_sizes == sizes]
        if price.once_a_month and len(alike) > 1:
            kind = (price.aggregation, price.buckets, price.by_resource)
            if kind not in shared:
                shared[kind] = SharedMeter(price, alike, month)
                feeds += [Feed(of, shared[kind]) for of in alike]
            made.append(Metered(price, shared[kind].part(window), shared[kind]))
        else:
            own = _meter(price, window, month)
            before = [of for of in alike if price.sizes_continue and of < window]
            feeds += [Feed(of, own) for of in (*before, window)]
            made.append(Metered(price, own))
    return made, feeds


def _windows(prices: Sequence[Price], month: _Month) -> list[Window]:
    """When each price takes events: where one follows another within a bucket, from the next bucket on."""
    windows = [price.valid for price in prices]
    for place, (price, following) in enumerate(pairwise(prices)):
        size = price.buckets.size if price.buckets else ""
        if following.buckets and following.buckets.size == size and price.valid.end == following.valid.start:
            boundary = month.grid(size).boundary(following.valid.start)
            windows[place] = windows[place]._replace(end=boundary)
            windows[place + 1] = windows[place + 1]._replace(start=boundary)
    return windows


def _meter(price: Price, window: Window, month: _Month) -> Meter:
    if price.buckets:
        grid = month.grid(price.buckets.size)
        return BucketMeter(price.buckets, price.aggregation, grid, window, by_resource=price.by_resource)
    unit, model = price.unit_seconds(month.whole), price.model
    if isinstance(model, PerTransaction):
        return TransactionMeter(model, by_resource=price.by_resource)
    if isinstance(model, Tiered) and model.prorated:
        return HeldMeter(model, window, unit, price.free, by_resource=price.by_resource)
    own = meter(price.aggregation, window, by_resource=price.by_resource, unit_seconds=unit)
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

    def __init__(self, price: Price, windows: Sequence[Window], month: _Month) -> None:
        self._windows = windows
        self._whole: UniqueMeter | Meter
        self._used: _Sizes | _Amounts | _InBuckets
        if price.buckets:
            whole = Window(windows[0].start, windows[-1].end)
            grid = month.grid(price.buckets.size)
            in_buckets = BucketMeter(price.buckets, price.aggregation, grid, whole, by_resource=price.by_resource)
            self._whole, self._used = in_buckets, _InBuckets(in_buckets, windows)
        else:
            self._whole = meter(price.aggregation, windows[0], by_resource=True, unit_seconds=1)
            self._used = _Sizes(windows) if price.aggregation.is_of_sizes else _Amounts(windows)

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


class _InBuckets(NamedTuple):
    """What was used in buckets: the meter of the month has it."""

    meter: BucketMeter
    windows: Sequence[Window]

    def add(self, event: UsageEvent) -> None:
        """Take nothing: the meter has the event."""

    def by_window(self) -> list[Mapping[str, Fraction]]:
        return self.meter.used(self.windows)


def _shared(quantity: Fraction, used: Sequence[Fraction]) -> Iterator[Fraction]:
    """Cut a quantity in proportion to what was used."""
    total, so_far, given = sum(used), Fraction(0), Fraction(0)
    for one in used:
        so_far += one
        due = quantity if so_far == total else rounded(quantity * so_far / total)
        yield due - given
        given = due
