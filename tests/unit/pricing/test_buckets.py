"""Buckets: hours and days that are measured first, and then aggregated; against a person's slow way to do it."""

import math
import random
import tracemalloc
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monthclose.domain.calendar import midnight
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.pricing import InvoiceLine, PerUnit, Price, PriceBook, Terms, rate
from monthclose.domain.pricing.metering import buckets
from monthclose.domain.pricing.metering.aggregation import Aggregation, Window
from monthclose.domain.pricing.metering.buckets import IN_A_BUCKET, OVER_BUCKETS, SECONDS, SIZES, Buckets, Empty, Grid
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER
from tests.unit.pricing import test_time_zones as zones

HOUR = timedelta(hours=1)
HOURS = 31 * 24


def priced(over: Aggregation, made: Buckets, *, per_resource: bool = False) -> Price:
    return Price("sku", "USD", PerUnit(Decimal(1)), aggregation=over, per_resource=per_resource, buckets=made)


def event(number: int, time: datetime, quantity: Decimal | int, resource: str = "p1") -> UsageEvent:
    return UsageEvent(f"e{number}", "C-1", "sku", Decimal(quantity), time, resource=resource)


def lines_of(events: list[UsageEvent], *prices: Price) -> list[InvoiceLine]:
    return rate(events, Terms(PriceBook(prices), "C-1", "USD", OCTOBER))


def test_traffic_is_billed_at_its_95th_percentile_as_network_providers_do() -> None:
    """8,928 samples of 5 minutes; 446 are left out, and the next highest counts."""
    samples = [event(n, OCTOBER.start + n * timedelta(minutes=5), n + 1) for n in range(8928)]
    random.Random(7).shuffle(samples)

    (line,) = lines_of(
        samples, priced(Aggregation.PERCENTILE, Buckets("5_minutes", Aggregation.SUM, Empty.ZERO, Decimal(95)))
    )

    assert line.quantity == 8928 - 446
    assert [step["kind"] for step in line.steps] == ["percentile", "units"]


def test_the_hundred_readings_of_a_hosting_companys_example() -> None:
    """https://wiki.lunarpages.com/95th_Percentile_Billing: of 100 readings the top 5 are ignored."""
    ignored, kept = [2080, 1670, 1310, 890, 880], [870, *range(94)]
    samples = [event(n, OCTOBER.start + n * HOUR, kbps) for n, kbps in enumerate([*ignored, *kept])]

    (line,) = lines_of(
        samples, priced(Aggregation.PERCENTILE, Buckets("hour", Aggregation.SUM, Empty.SKIP, Decimal(95)))
    )

    assert line.quantity == 870


def any_empty(within: Aggregation) -> st.SearchStrategy[Empty]:
    return st.sampled_from([Empty.ZERO, Empty.SKIP, *([Empty.CARRY] if within in SIZES else [])])


@st.composite
def any_price(draw: st.DrawFn) -> Price:
    within, over = draw(st.sampled_from(IN_A_BUCKET)), draw(st.sampled_from(OVER_BUCKETS))
    percentile = Decimal(draw(st.sampled_from([50, 90, 95, 99]))) if over is Aggregation.PERCENTILE else None
    made = Buckets(draw(st.sampled_from(["hour", "day"])), within, draw(any_empty(within)), percentile)
    return priced(over, made, per_resource=draw(st.booleans()))


type Uses = list[tuple[int, int, str]]
"""Half hours since the month's start, quantities, resources."""


def any_uses() -> st.SearchStrategy[Uses]:
    one = st.tuples(st.integers(0, 2 * HOURS - 1), st.integers(-2, 9), st.sampled_from(["p1", "p2"]))
    return st.lists(one, min_size=1, max_size=8, unique_by=lambda use: (use[0], use[2]))


def events_of(uses: Uses) -> list[UsageEvent]:
    return [event(n, OCTOBER.start + use[0] * HOUR / 2, use[1], use[2]) for n, use in enumerate(uses)]


def by_hand(uses: Uses, price: Price) -> dict[str, Fraction]:
    """Measure bucket by bucket, resource by resource."""
    assert price.buckets
    size = 2 * SECONDS[price.buckets.size] // 3600
    everything: dict[str, dict[int, Fraction]] = {}
    for resource in {use[2] for use in uses}:
        mine = sorted(use for use in uses if use[2] == resource)
        for place in range(2 * HOURS // size):
            here = [use for use in mine if use[0] // size == place]
            before = [use for use in mine if use[0] < place * size]
            if price.buckets.empty is Empty.CARRY and before and not (here and here[0][0] == place * size):
                here = [before[-1], *here]
            if here:
                found = everything.setdefault(resource, {})
                found[place] = within(price.buckets.aggregation, [use[1] for use in here])
    if not price.per_resource or price.buckets.aggregation is Aggregation.UNIQUE:
        places = {place for values in everything.values() for place in values}
        pooled = {p: sum((values.get(p, Fraction(0)) for values in everything.values()), Fraction(0)) for p in places}
        everything = {"": pooled}
    return {resource: over_all(price, values, 2 * HOURS // size) for resource, values in everything.items()}


def within(aggregation: Aggregation, quantities: list[int]) -> Fraction:
    if aggregation is Aggregation.AVERAGE:
        return round(Fraction(sum(quantities), len(quantities)), 9)
    found = {
        Aggregation.SUM: sum(quantities),
        Aggregation.COUNT: sum((q > 0) - (q < 0) for q in quantities),
        Aggregation.MAX: max(quantities),
        Aggregation.MIN: min(quantities),
        Aggregation.LAST: quantities[-1],
        Aggregation.UNIQUE: int(sum(quantities) > 0),
    }
    return Fraction(found[aggregation])


def over_all(price: Price, values: dict[int, Fraction], places: int) -> Fraction:
    assert price.buckets
    all_of_them = list(values.values())
    if price.buckets.empty is not Empty.SKIP:
        all_of_them += [Fraction(0)] * (places - len(values))
    if price.aggregation is Aggregation.PERCENTILE:
        assert price.buckets.percentile
        left_out = math.floor(len(all_of_them) * (100 - Fraction(price.buckets.percentile)) / 100)
        return sorted(all_of_them, reverse=True)[left_out]
    return {
        Aggregation.SUM: sum(all_of_them, Fraction(0)),
        Aggregation.COUNT: Fraction(sum(value > 0 for value in all_of_them)),
        Aggregation.MAX: max(all_of_them),
        Aggregation.MIN: min(all_of_them),
        Aggregation.AVERAGE: round(sum(all_of_them, Fraction(0)) / len(all_of_them), 9),
    }[price.aggregation]


@given(any_uses(), any_price())
def test_buckets_are_what_a_person_makes_of_them_one_by_one(uses: Uses, price: Price) -> None:
    lines = lines_of(events_of(uses), price)

    assert {line.resource: Fraction(line.quantity) for line in lines} == by_hand(uses, price)


@given(any_uses(), any_price(), st.randoms(use_true_random=False))
def test_the_order_of_the_events_does_not_matter(uses: Uses, price: Price, order: random.Random) -> None:
    events = events_of(uses)
    lines = lines_of(events, price)
    order.shuffle(events)
    assert lines_of(events, price) == lines


@given(any_uses(), any_price(), st.integers(1, 2 * HOURS - 1))
@example([(0, 1, "p1")], priced(Aggregation.SUM, Buckets("day", Aggregation.MAX, Empty.CARRY)), 2 * HOURS - 47)
def test_a_price_that_changes_into_itself_changes_nothing(uses: Uses, price: Price, half_hours: int) -> None:
    at = OCTOBER.start + half_hours * HOUR / 2
    book = PriceBook((price,)).merged(PriceBook((replace(price, valid=price.valid._replace(start=at)),)))

    lines = rate(events_of(uses), Terms(book, "C-1", "USD", OCTOBER))

    found: dict[str, Fraction] = {}
    for line in lines:
        found[line.resource] = found.get(line.resource, Fraction(0)) + Fraction(line.quantity)
    expected = by_hand(uses, price)
    assert {r: q for r, q in found.items() if q} == {r: q for r, q in expected.items() if q}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 10, 1), 24)])
def test_a_day_is_one_of_the_calendar_however_many_hours_it_has(day: date, hours: int) -> None:
    berlin = "Europe/Berlin"
    month = Window(
        midnight(day.replace(day=1), berlin), midnight((day.replace(day=28) + timedelta(5)).replace(day=1), berlin)
    )
    days, by_hour = Grid("day", month, berlin), Grid("hour", month, berlin)

    place = day.day - 1
    assert days.end(place) - days.start(place) == hours * HOUR
    assert len(days.within(month)) == 31
    assert len(by_hour.within(month)) == (month.end - month.start) / HOUR
    assert by_hour.start(by_hour.place(midnight(day, berlin))) == midnight(day, berlin)


def test_the_day_on_which_clocks_go_back_has_a_bucket_of_25_hours() -> None:
    peak = priced(Aggregation.MAX, Buckets("day", Aggregation.SUM, Empty.ZERO))
    hourly = [zones.event("1", zones.BERLIN.start(OCTOBER) + n * HOUR) for n in range(HOURS + 1)]
    (line,) = zones.rated(PriceBook((peak,)), hourly, OCTOBER, zones.BERLIN)
    assert line.quantity == 25


def test_more_buckets_than_fit_in_memory_park_the_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_BUCKETS", 3)
    price = priced(Aggregation.SUM, Buckets("hour", Aggregation.MAX, Empty.ZERO))
    events = [event(n, OCTOBER.start + n * HOUR, 1, f"r{n}") for n in range(4)]
    assert lines_of(events[:3], price)
    with pytest.raises(ParkCustomerError, match="larger buckets") as parked:
        lines_of(events, price)
    assert parked.value.reason == "too_many_buckets"


def test_five_minute_samples_need_little_memory_however_many_ports_send_them() -> None:
    price = priced(Aggregation.PERCENTILE, Buckets("5_minutes", Aggregation.SUM, Empty.ZERO, Decimal(95)))
    events = (
        event(n, OCTOBER.start + (n % 8928) * timedelta(minutes=5), n % 7, f"p{n // 8928}") for n in range(5 * 8928)
    )
    tracemalloc.start()
    rate(events, Terms(PriceBook((price,)), "C-1", "USD", OCTOBER))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8928 * 700
