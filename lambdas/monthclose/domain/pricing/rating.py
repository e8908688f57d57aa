"""Rating: a customer's events of one month, in one pass, to lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import chain, groupby, islice

from monthclose.domain.calendar import local
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import EXACT
from monthclose.domain.pricing.advance import in_advance
from monthclose.domain.pricing.book.cell import Cell
from monthclose.domain.pricing.book.price import Price, month_seconds, painted
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.deductions.in_order import with_deductions
from monthclose.domain.pricing.deductions.tax_shares import with_tax_classes
from monthclose.domain.pricing.exact import shown
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import MOST_LINES, InvoiceLine, LineKind, too_many_lines
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.metering.cell_meters import Add, CellMeters
from monthclose.domain.pricing.metering.held import HeldMeter
from monthclose.domain.pricing.metering.sharing import Feed, Measure, Metered, meters
from monthclose.domain.pricing.metering.transactions import TransactionMeter
from monthclose.domain.usage import Attributes, UsageEvent


def rate(events: Iterable[UsageEvent], terms: Terms, opened: Iterable[UsageEvent] = ()) -> list[InvoiceLine]:
    """Price a customer's usage of one period, fees, discounts and commitments included.

    In one pass and in memory that depends on SKUs and resources only (see `aggregation` for `time_weighted`). The
    order of the events doesn't matter, nor, where they are added up, does splitting one in two.

    Parameters
    ----------
    opened : iterable of UsageEvent
        The sizes that the month begins with (see `sizes`); asked for when all events have gone by.

    Raises
    ------
    ParkCustomerError
        A SKU has no price in the customer's currency at the time of its use, unless that usage comes to 0; events lack
        their resource; or they come to too many lines.
    """
    terms = terms.placed()
    rated, metered = _Rated(terms), _Metered(terms)
    adders = metered.adders
    for event in events:
        if event.unit_price is not None:
            rated.add(event, event.unit_price)
        else:
            (adders.get(event.sku) or metered.adder(event.sku))(event)
    for size in opened:
        metered.open(size)
    lines = sorted(not_too_many(chain(rated.lines(), metered.lines())), key=_place)
    lines = with_deductions([*lines, *_fees(terms)], terms)
    return [_timed(line, terms) for line in with_tax_classes(lines, terms)]


def _timed(line: InvoiceLine, terms: Terms) -> InvoiceLine:
    """Say only which part of the month a line is for, in the customer's own time; nothing if it is for all of it."""
    (start, end), starts, ends = terms.window, line.starts, line.ends
    return replace(
        line,
        starts=local(starts, terms.zone) if starts and starts != start else None,
        ends=local(ends, terms.zone) if ends and ends != end else None,
    )


def not_too_many[T](lines: Iterable[T]) -> list[T]:
    """Take the lines of an invoice, and no more than it can have.

    Raises
    ------
    ParkCustomerError
        There are more: `too_many_lines`.
    """
    some = list(islice(lines, MOST_LINES + 1))
    if len(some) > MOST_LINES:
        raise too_many_lines()
    return some


def _place(line: InvoiceLine) -> tuple[object, ...]:
    return (line.sku, line.attributes, line.resource, line.starts, line.unit_price or Decimal(0))


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
                tax_class=self._terms.book.class_by_sku.get(sku, ""),
            )


class _Metered:
    """Usage that the price book prices: a meter for each price of a SKU that holds in the month."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._meters: list[Metered] = []
        self._cells: list[CellMeters] = []
        self._unpriced: dict[tuple[str, Attributes], tuple[Decimal, datetime]] = {}
        """By SKU and cell: the usage that no price holds for, and when it began. Corrected to 0 it needs none."""
        self._later: dict[str, Add] = {}
        self._opened: dict[_Opened, Decimal] = {}
        """The sizes that the month begins with, by the price that holds at its start and what of it they are for."""
        self.adders: dict[str, Add] = {}
        """By SKU: what takes its events."""
        for sku in terms.due_unused():
            self.adder(sku)

    def adder(self, sku: str) -> Add:
        """Make what takes the events of a SKU that is seen for the first time."""
        add = self._metering(sku, self._terms.ranked(sku), self._add_later)
        self.adders[sku] = add
        return add

    def open(self, size: UsageEvent) -> None:
        """Take a size that the month begins with."""
        (self.adders.get(size.sku) or self.adder(size.sku))(size)
        said = dict(size.attributes)
        holding = [
            price
            for price in self._terms.ranked(size.sku)
            if price.valid.holds_at(size.time) and price.cell.matches(said)
        ]
        for price in holding[-1:]:
            key = _opened(price, price.cell.group(said), size.resource if price.by_resource else "")
            self._opened[key] = EXACT.add(self._opened.get(key, Decimal(0)), size.quantity)

    def _metering(self, sku: str, prices: Sequence[Price], otherwise: Add) -> Add:
        """Meter events by the price that holds for them; those that none holds for go elsewhere."""

        def fed(holding: Sequence[Price]) -> tuple[list[Metered], Add]:
            made, feeds = meters(holding, self._terms.month, self._terms.zone)
            whole = len(feeds) == 1 and feeds[0].window == self._terms.window
            return made, feeds[0].meter.add if whole else _by_time(feeds, otherwise)

        if any(price.cell.names for price in prices):
            self._cells.append(CellMeters(prices, fed))
            add: Add = self._cells[-1].add
        else:
            made, add = fed(painted(prices))
            self._meters += made
        if any(price.needs_resource for price in prices):
            add = _naming_its_resource(sku, add)
        return add

    def _add_later(self, event: UsageEvent) -> None:
        """Take an event that the frozen book has no price for: by a price that came later, if there is one."""
        sku = event.sku
        if sku not in self._later:
            self._later[sku] = self._metering(sku, self._terms.later_ranked(sku), self._leave_unpriced)
        self._later[sku](event)

    def _leave_unpriced(self, event: UsageEvent) -> None:
        names = self._terms.names(event.sku) if event.attributes else ()
        key = (event.sku, tuple(each for each in event.attributes if each[0] in names))
        quantity, since = self._unpriced.get(key, (Decimal(0), event.time))
        self._unpriced[key] = EXACT.add(quantity, event.quantity), min(since, event.time)

    def lines(self) -> Iterator[InvoiceLine]:
        for (sku, attributes), (quantity, since) in sorted(self._unpriced.items()):
            if quantity:
                raise self._terms.no_price(sku, since, attributes)
        for metered in self._meters:
            yield from self._lines_of([metered])
        for cells in self._cells:
            for _, groups in groupby(cells.metered(), key=lambda each: each.price):
                yield from self._lines_of(groups)

    def _lines_of(self, groups: Iterable[Metered]) -> Iterator[InvoiceLine]:
        """Make the lines of a price: its free allowance is one pool for all of them."""
        left: Fraction | None = None
        for price, own, whole, group in groups:
            if isinstance(own, TransactionMeter | HeldMeter):
                yield from self._priced_by_meter(price, own, group)
                continue
            quantities = _pooled(own, price)
            wholes = _pooled(whole, price) if whole else {}
            free = Fraction(price.free) if left is None else left
            for resource in sorted(quantities):
                measured = quantities[resource]
                billed = price.rule.of_month(measured) if price.rule else measured
                used = max(min(free, billed), Fraction(0))
                free -= used
                opened = self._opened.get(_opened(price, group, resource))
                explanation = self._measured(price, measured, wholes.get(resource), opened)
                if used:
                    explanation.add("allowance", free=used, quantity=billed, billable=billed - used)
                price.model.explain(billed - used, explanation)
                yield self._line(price, resource, billed, explanation, group)
            left = free

    def _priced_by_meter(
        self, price: Price, own: TransactionMeter | HeldMeter, group: Attributes
    ) -> Iterator[InvoiceLine]:
        """Make the lines of what cannot be priced from its sum."""
        for resource, quantity in sorted(_pooled(own, price).items()):
            explanation = Explanation(month_seconds(self._terms.month))
            opened = self._opened.get(_opened(price, group, resource))
            if opened is not None:
                explanation.add("opening", size=opened)
            own.explain(resource, explanation)
            yield self._line(price, resource, quantity, explanation, group)

    def _measured(
        self, price: Price, measured: Fraction, whole: Fraction | None, opened: Decimal | None
    ) -> Explanation:
        """Begin an explanation with how the quantity was found."""
        explanation = Explanation(month_seconds(self._terms.month))
        how = price.aggregation.replace("_", "-")
        if opened is not None:
            explanation.add("opening", size=opened)
        if price.buckets:
            price.buckets.explain(how, measured if whole is None else whole, explanation)
        if whole is not None:
            explanation.add("shared", how=how, whole=whole, quantity=measured)
        elif price.aggregation is not Aggregation.SUM and not price.buckets:
            explanation.add("measured", how=how, quantity=measured)
        if price.rule:
            price.rule.explain(measured, explanation)
        return explanation

    def _line(
        self, price: Price, resource: str, quantity: Fraction, explanation: Explanation, group: Attributes
    ) -> InvoiceLine:
        line = InvoiceLine(
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
            tax_class=self._terms.tax_class(price),
        )
        return _in_cell(line, price.cell, group) if price.cell.names else line


type _Opened = tuple[object, ...]


def _opened(price: Price, group: Attributes, resource: str) -> _Opened:
    return (price.sku, price.customer, price.cell, price.valid.start, group, resource)


def _in_cell(line: InvoiceLine, cell: Cell, group: Attributes) -> InvoiceLine:
    """Say which of a SKU's usage a line is for: `Storage (eu, ssd)`."""
    shown = cell.shown(group)
    values = ", ".join(value or f"no {name}" for name, value in shown)
    return replace(line, attributes=shown, description=f"{line.description} ({values})")


def _by_time(feeds: list[Feed], otherwise: Add) -> Add:
    """Choose by the event's time: where a price holds, there is something to take it."""

    def add(event: UsageEvent) -> None:
        taken, time = False, event.time
        for (start, end), counting in feeds:
            if start <= time < end:
                counting.add(event)
                taken = True
        if not taken:
            otherwise(event)

    return add


def _pooled(measure: Measure, price: Price) -> Mapping[str, Fraction]:
    """Measure each resource, or all of them together where they are not priced one by one."""
    quantities = measure.measured()
    return quantities if price.by_resource else {"": sum(quantities.values(), Fraction(0))}


def _naming_its_resource(sku: str, add: Add) -> Add:
    def checked(event: UsageEvent) -> None:
        if not event.resource:
            raise ParkCustomerError(
                "no_resource",
                f"SKU {sku!r} is priced by resource, but event {event.event_id!r} names none: "
                "import its usage with the field resource",
            )
        add(event)

    return checked


def fees_in_advance(terms: Terms) -> list[InvoiceLine]:
    """Make the lines of those fees of a period that the invoice before it bills."""
    due = in_advance(_fees(terms, only_in_advance=True), terms.period)
    return [_timed(line, terms) for line in due]


def _fees(terms: Terms, *, only_in_advance: bool = False) -> Iterator[InvoiceLine]:
    of_seconds = month_seconds(terms.month)
    for fee, part in terms.fees():
        if only_in_advance and not fee.in_advance:
            continue
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
            tax_class=fee.tax_class,
        )
