"""Meters of a SKU whose prices are told apart by attributes (see `cell`).

Usage with the same values of those attributes has the same prices, one after the other in time, and is measured as a
SKU without cells is. An entry that prices usage of several values, in one cell, prices all of it together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from monthclose.domain.pricing.book.cell import names_of
from monthclose.domain.pricing.book.price import Price, without
from monthclose.domain.pricing.line import MOST_LINES, too_many_lines
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.metering.sharing import Measure, Metered
from monthclose.domain.usage import Attributes, UsageEvent

type Add = Callable[[UsageEvent], None]
type Fed = Callable[[Sequence[Price]], tuple[list[Metered], Add]]
"""Makes the meters of prices that hold one after the other, and what takes their events."""


class CellMeters:
    """Takes the events of one SKU.

    Parameters
    ----------
    prices : sequence of Price
        Those that may hold in the month: of several that match an event, the last one counts.
    """

    def __init__(self, prices: Sequence[Price], fed: Fed) -> None:
        self._prices, self._fed = prices, fed
        self._names = names_of(price.cell for price in prices)
        named: dict[str, set[str]] = defaultdict(set)
        for name, values in (condition for price in prices for condition in price.cell.where):
            named[name].update(values)
        grouped = {name for price in prices for name in price.cell.group_by}
        self._named: list[tuple[str, set[str] | None]] = [
            (name, None if name in grouped else named[name]) for name in self._names
        ]
        """The attributes, and which of their values make a difference; None: each does."""
        self._by_values: dict[tuple[str, ...], Add] = {}
        self._alike: dict[tuple[object, ...], Add] = {}
        self._made: dict[tuple[int, Attributes], list[Metered]] = defaultdict(list)

    def add(self, event: UsageEvent) -> None:
        """Take an event.

        Raises
        ------
        ParkCustomerError
            The groups come to too many lines.
        """
        said = dict(event.attributes)
        values = tuple(
            value if (value := said.get(name, "")) and (named is None or value in named) else ""
            for name, named in self._named
        )
        add = self._by_values.get(values)
        if add is None:
            add = self._by_values[values] = self._adder(dict(zip(self._names, values, strict=True)))
        add(event)

    def metered(self) -> Iterator[Metered]:
        """What was measured for each price and group."""
        for (place, group), parts in sorted(self._made.items()):
            price = self._prices[place]
            whole = _Together([part.whole or part.own for part in parts]) if any(p.whole for p in parts) else None
            own = parts[0].own if len(parts) == 1 else _Together([part.own for part in parts])
            yield Metered(price, own, whole, group)

    def _adder(self, said: Mapping[str, str]) -> Add:
        """Make what takes events with some attributes, or find what takes those with the same prices."""
        timeline = self._timeline(said)
        groups = [self._prices[place].cell.group(said) for place, _ in timeline]
        alike = (tuple(timeline), tuple(groups))
        if alike not in self._alike:
            made, self._alike[alike] = self._fed([replace(self._prices[place], valid=w) for place, w in timeline])
            for (place, _), group, metered in zip(timeline, groups, made, strict=True):
                self._made[place, group].append(metered)
            if len(self._made) > MOST_LINES:
                raise too_many_lines()
        return self._alike[alike]

    def _timeline(self, said: Mapping[str, str]) -> list[tuple[int, Window]]:
        """Find the prices of usage with some attributes, one after the other."""
        holding = list[tuple[int, Window]]()
        for place, price in enumerate(self._prices):
            if price.cell.matches(said):
                kept = [
                    (before, part.valid)
                    for before, window in holding
                    for part in without([replace(price, valid=window)], price.valid)
                ]
                holding = [*kept, (place, price.valid)]
        return sorted(holding, key=lambda each: each[1])


class _Together(NamedTuple):
    """What several measures come to together."""

    measures: Sequence[Measure]

    def measured(self) -> Mapping[str, Fraction]:
        total: dict[str, Fraction] = {}
        for measure in self.measures:
            for resource, quantity in measure.measured().items():
                total[resource] = total.get(resource, Fraction(0)) + quantity
        return total
