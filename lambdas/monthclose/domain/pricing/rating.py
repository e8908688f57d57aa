"""Rating: a customer's events of one month, in one pass, to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import EXACT
from monthclose.domain.pricing.aggregation import Aggregation, Meter, meter
from monthclose.domain.pricing.book import Terms
from monthclose.domain.pricing.deductions import with_deductions
from monthclose.domain.pricing.exact import shown
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind
from monthclose.domain.pricing.price import Price, month_seconds
from monthclose.domain.usage import UsageEvent

type _Add = Callable[[UsageEvent], None]


def rate(events: Iterable[UsageEvent], terms: Terms) -> list[InvoiceLine]:
    """Price a customer's usage of one period, fees, discounts and commitments included.

    In one pass and in memory that depends on SKUs and resources only (see `aggregation` for `time_weighted`). The
    order of the events doesn't matter, nor, where they are added up, does splitting one in two.

    Raises
    ------
    ParkCustomerError
        A SKU has no price in the customer's currency at the time of its use, unless that usage comes to 0; or events
        lack their resource.
    """
    rated, metered = _Rated(terms), _Metered(terms)
    adders = metered.adders
    for event in events:
        if event.unit_price is not None:
            rated.add(event, event.unit_price)
        else:
            (adders.get(event.sku) or metered.adder(event.sku))(event)
    lines = sorted([*rated.lines(), *metered.lines()], key=_place)
    return with_deductions([*lines, *_fees(terms)], terms)


def _place(line: InvoiceLine) -> tuple[object, ...]:
    return (line.sku, line.resource, line.starts, line.unit_price or Decimal(0))


class _Rated:
    """Usage that was rated upstream: one line per (SKU, unit price)."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._quantities: dict[tuple[str, Decimal], Decimal] = {}
        self._texts: dict[tuple[str, Decimal], str] = {}

    def add(self, event: UsageEvent, unit_price: Decimal) -> None:
        key, text = (event.sku, unit_price), event.description
        self._quantities[key] = EXACT.add(self._quantities.get(key, Decimal(0)), event.quantity)
        # Upstream descriptions vary from event to event: the smallest is the same whatever the order.
        known = self._texts.get(key)
        if known is None or (not text, text) < (not known, known):
            self._texts[key] = text

    def lines(self) -> Iterator[InvoiceLine]:
        for (sku, unit_price), quantity in self._quantities.items():
            explanation = Explanation()
            explanation.add("units", quantity=quantity, unit_price=unit_price)
            yield InvoiceLine(
                sku=sku,
                description=self._texts[sku, unit_price] or sku,
                unit="",
                quantity=quantity,
                unit_price=unit_price,
                amount=explanation.rounded(self._terms.currency),
                starts=self._terms.window.start,
                ends=self._terms.window.end,
                steps=tuple(explanation.steps),
            )


class _Metered:
    """Usage that the price book prices: a meter for each price of a SKU that holds in the month."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._meters: list[tuple[Price, Meter]] = []
        self._unpriced: dict[str, tuple[Decimal, datetime]] = {}
        """By SKU: the usage that no price holds for, and when it began. Corrected to 0 it needs none."""
        self._later: dict[str, list[tuple[Price, Meter]]] = {}
        self.adders: dict[str, _Add] = {}
        """By SKU: what takes its events."""

    def adder(self, sku: str) -> _Add:
        """Make what takes the events of a SKU that is seen for the first time."""
        prices = self._terms.prices(sku)
        made = [(price, self._meter(price)) for price in prices]
        self._meters += made
        whole = len(made) == 1 and prices[0].valid == self._terms.window
        add = made[0][1].add if whole else self._by_time(made)
        if any(price.needs_resource for price in prices):
            add = _naming_its_resource(sku, add)
        self.adders[sku] = add
        return add

    def _meter(self, price: Price) -> Meter:
        unit = price.unit_seconds(self._terms.period)
        return meter(price.aggregation, price.valid, by_resource=price.by_resource, unit_seconds=unit)

    def _by_time(self, made: list[tuple[Price, Meter]]) -> _Add:
        """Choose by the event's time; a size goes on to hold under the prices that come after it."""

        def add(event: UsageEvent) -> None:
            priced = False
            for price, counting in made:
                holds = price.valid.start <= event.time < price.valid.end
                priced = priced or holds
                if holds or (price.aggregation is Aggregation.TIME_WEIGHTED and event.time < price.valid.end):
                    counting.add(event)
            if not priced:
                self._add_later(event)

        return add

    def _add_later(self, event: UsageEvent) -> None:
        """Take an event that the frozen book has no price for: by a price that came later, if there is one."""
        if event.sku not in self._later:
            made = [(price, self._meter(price)) for price in self._terms.later_prices(event.sku)]
            self._later[event.sku] = made
            self._meters += made
        for price, counting in self._later[event.sku]:
            if price.valid.start <= event.time < price.valid.end:
                add = counting.add
                (_naming_its_resource(event.sku, add) if price.needs_resource else add)(event)
                return
        quantity, since = self._unpriced.get(event.sku, (Decimal(0), event.time))
        self._unpriced[event.sku] = EXACT.add(quantity, event.quantity), min(since, event.time)

    def lines(self) -> Iterator[InvoiceLine]:
        for sku, (quantity, since) in sorted(self._unpriced.items()):
            if quantity:
                raise self._terms.no_price(sku, since)
        for price, counting in self._meters:
            quantities = counting.measured()
            if not price.by_resource:
                quantities = {"": sum(quantities.values(), Fraction(0))}
            free = Fraction(price.free)
            for resource in sorted(quantities):
                used = max(min(free, quantities[resource]), Fraction(0))
                free -= used
                yield self._line(price, resource, quantities[resource], used)

    def _line(self, price: Price, resource: str, quantity: Fraction, free: Fraction) -> InvoiceLine:
        explanation = Explanation(month_seconds(self._terms.period))
        if price.aggregation is not Aggregation.SUM:
            explanation.add("measured", how=price.aggregation.replace("_", "-"), quantity=quantity)
        if free:
            explanation.add("allowance", free=free, quantity=quantity, billable=quantity - free)
        price.model.explain(quantity - free, explanation)
        return InvoiceLine(
            sku=price.sku,
            description=price.description or price.sku,
            unit=price.unit,
            quantity=shown(quantity),
            unit_price=price.model.single_price,
            amount=explanation.rounded(self._terms.currency),
            model=price.model.name,
            resource=resource,
            starts=price.valid.start,
            ends=price.valid.end,
            steps=tuple(explanation.steps),
        )


def _naming_its_resource(sku: str, add: _Add) -> _Add:
    def checked(event: UsageEvent) -> None:
        if not event.resource:
            raise ParkCustomerError(
                "no_resource",
                f"SKU {sku!r} is priced by resource, and event {event.event_id!r} names none: "
                "import its usage with the field resource",
            )
        add(event)

    return checked


def _fees(terms: Terms) -> Iterator[InvoiceLine]:
    of_seconds = month_seconds(terms.period)
    for fee, part in terms.fees():
        seconds = Fraction((part.end - part.start).total_seconds())
        explanation = Explanation()
        explanation.add("prorated", fee=fee.monthly_fee, seconds=seconds, of_seconds=of_seconds)
        yield InvoiceLine(
            sku=fee.id,
            description=fee.description or fee.id,
            unit="month",
            quantity=shown(seconds / of_seconds),
            unit_price=None,
            amount=explanation.rounded(terms.currency),
            kind=LineKind.FEE,
            model="fee",
            starts=part.start,
            ends=part.end,
            steps=tuple(explanation.steps),
        )
