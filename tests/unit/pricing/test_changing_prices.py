"""Prices that change within a month: what each of them prices, computed here hour by hour."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import InvoiceLine, PerUnit, Price, PriceBook, Terms, rate
from monthclose.domain.pricing.book.price import ALWAYS
from monthclose.domain.pricing.explanation import recomputed
from monthclose.domain.pricing.line import total_minor
from monthclose.domain.pricing.metering.aggregation import Aggregation, Window
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, OF_EVENTS, any_decimal

HOURS = 31 * 24
AMOUNTS = (Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE)
READINGS = tuple(a for a in OF_EVENTS if a not in AMOUNTS)
ONCE_A_MONTH = tuple(a for a in OF_EVENTS if a not in (Aggregation.SUM, Aggregation.COUNT, Aggregation.TIME_WEIGHTED))


class Use(NamedTuple):
    """An event."""

    hour: int
    quantity: int
    resource: str = "web-1"


class Change(NamedTuple):
    """A price from an hour on, until another; for everybody or for the customer alone."""

    start: int
    end: int
    unit_price: Decimal
    aggregation: Aggregation
    own: bool = False

    def entry(self, **more: bool) -> Price:
        valid = Window(at(self.start) if self.start else ALWAYS.start, at(self.end) if self.end < HOURS else ALWAYS.end)
        model, customer = PerUnit(self.unit_price), "C-1" if self.own else ""
        return Price(
            "sku", "USD", model, aggregation=self.aggregation, valid=valid, customer=customer, per_resource=bool(more)
        )


type Found = dict[tuple[int, str], Fraction]
"""Quantities by the hour at which their price begins, and resource; what is nothing is left out."""


def at(hour: int) -> datetime:
    return OCTOBER.start + timedelta(hours=hour)


def any_uses() -> SearchStrategy[list[Use]]:
    quantities = st.integers(-3, 20) | st.just(5)
    use = st.builds(Use, st.integers(0, HOURS - 1), quantities, st.sampled_from(["web-1", "web-2", "web-3"]))
    return st.lists(use, max_size=9)


@st.composite
def any_changes(draw: st.DrawFn, aggregations: Sequence[Aggregation] | None = None) -> list[Change]:
    """The price that there was, and what became of it."""
    one = st.sampled_from(aggregations or [draw(st.sampled_from(OF_EVENTS))])
    unit_prices = any_decimal("0", "9", places=2)
    first = Change(0, HOURS, draw(unit_prices), draw(one))
    hours = st.tuples(st.integers(0, HOURS - 1), st.integers(1, HOURS) | st.just(HOURS)).filter(lambda h: h[0] < h[1])
    more = st.builds(lambda h, p, a, own: Change(h[0], h[1], p, a, own), hours, unit_prices, one, st.booleans())
    return [first, *draw(st.lists(more, min_size=1, max_size=3))]


def lines_of(uses: Sequence[Use], changes: Sequence[Change], **more: bool) -> list[InvoiceLine]:
    book = PriceBook()
    for change in changes:
        book = book.merged(PriceBook((change.entry(**more),)))
    events = [
        UsageEvent(f"e{number}", "C-1", "sku", Decimal(use.quantity), at(use.hour), resource=use.resource)
        for number, use in enumerate(uses)
    ]
    return rate(events, Terms(book, "C-1", "USD", OCTOBER))


def hour_by_hour(uses: Sequence[Use], changes: Sequence[Change]) -> Found:
    """What each stretch of a price prices of each resource."""
    prices = [holding(changes, hour) for hour in range(HOURS)]
    starts = [hour for hour in range(HOURS) if not hour or prices[hour] is not prices[hour - 1]]
    found: Found = {}
    for start in starts:
        price = prices[start]
        family = READINGS if price.aggregation in READINGS else AMOUNTS
        alike = [prices[hour].aggregation in family for hour in range(HOURS)]
        stretch = range(start, next((hour for hour in starts if hour > start), HOURS))
        for resource in {use.resource for use in uses}:
            mine = [use for use in uses if use.resource == resource and alike[use.hour]]
            used = [amount if alike[hour] else 0 for hour, amount in enumerate(used_hourly(mine, price.aggregation))]
            here = sum(used[hour] for hour in stretch)
            if price.aggregation not in ONCE_A_MONTH:
                part = Fraction(here)
            elif family is READINGS:
                sizes = [abs(size) for size in used]
                part = (
                    Fraction(once(mine, price.aggregation)) * sum(sizes[hour] for hour in stretch) / (sum(sizes) or 1)
                )
            else:
                weights = [
                    max(sum(used[hour] for hour in range(HOURS) if stretches(starts, hour) == other), 0)
                    for other in starts
                ]
                part = Fraction(once(mine, price.aggregation)) * max(here, 0) / (sum(weights) or 1)
            if part:
                found[start, resource] = part
    return found


def holding(changes: Sequence[Change], hour: int) -> Change:
    """The customer's own before the general one, and of each the one that was said last."""
    there = [change for change in changes if change.start <= hour < change.end]
    return [change for own in (False, True) for change in there if change.own is own][-1]


def stretches(starts: Sequence[int], hour: int) -> int:
    return max(start for start in starts if start <= hour)


def used_hourly(uses: Sequence[Use], aggregation: Aggregation) -> list[int]:
    """The size that holds in each hour, or what is used in it."""
    if aggregation is Aggregation.COUNT:
        return [
            sum((use.quantity > 0) - (use.quantity < 0) for use in uses if use.hour == hour) for hour in range(HOURS)
        ]
    if aggregation in AMOUNTS:
        return [sum(use.quantity for use in uses if use.hour == hour) for hour in range(HOURS)]
    sizes, size = [], 0
    by_hour = {hour: max(use.quantity for use in uses if use.hour == hour) for hour in {use.hour for use in uses}}
    for hour in range(HOURS):
        size = by_hour.get(hour, size)
        sizes.append(size)
    return sizes


def once(uses: Sequence[Use], aggregation: Aggregation) -> Fraction | int:
    """What counts once a month."""
    if not uses:
        return 0
    if aggregation is Aggregation.MIN:
        return min(use.quantity for use in uses)
    if aggregation is Aggregation.AVERAGE:
        return Fraction(sum(use.quantity for use in uses), len(uses))
    if aggregation is Aggregation.UNIQUE:
        return int(sum(use.quantity for use in uses) > 0)
    return max(uses, key=lambda use: (aggregation is Aggregation.LAST and use.hour, use.quantity)).quantity


def by_price(found: Mapping[tuple[int, str], Fraction]) -> dict[int, Fraction]:
    return {start: sum((of for (at_, _), of in found.items() if at_ == start), Fraction(0)) for start, _ in found}


def quantities(lines: Sequence[InvoiceLine]) -> Found:
    found: Found = {}
    for line in lines:
        assert recomputed(line.steps, "USD") == line.amount
        hour = round(((line.starts or OCTOBER.start) - OCTOBER.start).total_seconds()) // 3600
        key = (max(hour, 0), line.resource)
        assert key not in found
        found[key] = Fraction(line.quantity)
    return found


def agree[K](one: Mapping[K, Fraction], other: Mapping[K, Fraction]) -> None:
    """Each part is rounded to nine places."""
    for key in one.keys() | other.keys():
        assert one.get(key, Fraction(0)) == pytest.approx(other.get(key, Fraction(0)), abs=1e-8, rel=0)


@given(any_uses(), any_changes())
def test_usage_is_priced_by_the_price_in_force_at_its_time(uses: list[Use], changes: list[Change]) -> None:
    agree(by_price(quantities(lines_of(uses, changes))), by_price(hour_by_hour(uses, changes)))


@given(any_uses(), st.sampled_from([READINGS, AMOUNTS, OF_EVENTS]).flatmap(any_changes))
def test_usage_is_priced_by_its_time_even_where_the_model_changes(uses: list[Use], changes: list[Change]) -> None:
    agree(by_price(quantities(lines_of(uses, changes))), by_price(hour_by_hour(uses, changes)))


@given(
    any_uses(),
    st.sampled_from([a for a in OF_EVENTS if a is not Aggregation.UNIQUE]).flatmap(lambda a: any_changes([a])),
)
def test_usage_is_priced_by_its_time_for_each_separately_priced_resource(
    uses: list[Use], changes: list[Change]
) -> None:
    agree(quantities(lines_of(uses, changes, per_resource=True)), hour_by_hour(uses, changes))


@given(any_uses(), any_changes(), st.randoms())
def test_the_order_of_the_events_does_not_matter(uses: list[Use], changes: list[Change], random: object) -> None:
    shuffled = list(uses)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(shuffled, changes) == lines_of(uses, changes)


@given(any_uses(), any_changes())
def test_a_price_replaced_by_the_same_price_changes_nothing_however_it_is_measured(
    uses: list[Use], changes: list[Change]
) -> None:
    same = [change._replace(unit_price=Decimal("3.21")) for change in changes]
    pieces, whole = lines_of(uses, same), lines_of(uses, same[:1])
    assert sum(line.quantity for line in pieces) == pytest.approx(
        sum(line.quantity for line in whole), abs=Decimal("1e-8")
    )
    assert abs(total_minor(pieces) - total_minor(whole)) <= len(pieces), "a minor unit a line, for rounding"


@pytest.mark.parametrize("aggregation", ONCE_A_MONTH)
@given(
    st.lists(st.integers(1, HOURS - 1), max_size=20),
    st.integers(1, HOURS - 1),
    any_decimal("0", "900", places=2),
    any_decimal("0", "900", places=2),
    st.booleans(),
)
def test_a_steady_resource_is_billed_between_the_cheaper_and_the_dearer_price(
    aggregation: Aggregation, hours: list[int], change: int, old: Decimal, new: Decimal, own: bool
) -> None:
    uses = [Use(hour, 1) for hour in (0, *hours)]
    changes = [Change(0, HOURS, old, aggregation), Change(change, HOURS, new, aggregation, own)]
    total = total_minor(lines_of(uses, changes))
    assert min(old, new) * 100 - 1 <= total <= max(old, new) * 100 + 1


@pytest.mark.parametrize("aggregation", [Aggregation.MAX, Aggregation.LAST])
@given(st.lists(st.integers(1, HOURS - 1), max_size=20), any_changes([Aggregation.MAX]))
def test_repeating_an_unchanged_size_changes_nothing(
    aggregation: Aggregation, hours: list[int], changes: list[Change]
) -> None:
    changes = [change._replace(aggregation=aggregation) for change in changes]
    once_only = lines_of([Use(0, 7)], changes)
    assert lines_of([Use(hour, 7) for hour in (0, *hours)], changes) == once_only
    assert sum(line.quantity for line in once_only) == 7
