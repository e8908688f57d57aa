"""Sizes that continue from month to month, without a reading at the month's start."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.period import Period
from monthclose.domain.pricing import PerUnit, Price, PriceBook
from monthclose.domain.pricing.book.cell import Cell
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.late_usage import amounts, close, lines, load, use
from tests.unit.invoices.test_late_pricing import a_world, explained, previewed
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next
JANUARY = DECEMBER.next
GB_HOURS = Price(
    "vm", "USD", PerUnit(Decimal("0.01")), aggregation=Aggregation.TIME_WEIGHTED, carries_over=True, per_resource=True
)


def world_of_sizes(*prices: Price) -> World:
    return a_world(PriceBook(prices or (GB_HOURS,)))


def size(world: World, gb: int, time: str, resource: str = "disk", **more: str) -> None:
    at = datetime.fromisoformat(time).replace(tzinfo=UTC)
    world.clock.now = max(world.clock.now, at)
    use(world, f"{resource}-{time}-{gb}", str(gb), time=time, resource=resource, **more)


def document(world: World, period: Period) -> dict[str, Any]:
    invoice = world.month("acme", period).invoice
    assert invoice
    place = invoice.document
    return dict(json.loads(world.documents.get_slice(place.key, place.offset, place.length)))


def test_a_size_continues_until_its_next_reading() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    size(world, 0, "2026-12-02")

    for period in (OCTOBER, NOVEMBER, DECEMBER, JANUARY):
        close(world, period)

    assert amounts(world, OCTOBER) == [("2026-10", 10 * 48)]
    assert amounts(world, NOVEMBER) == [("2026-11", 10 * 720)]
    assert amounts(world, DECEMBER) == [("2026-12", 10 * 24)]
    assert amounts(world, JANUARY) == []


def test_a_reading_at_the_months_start_counts_instead() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    size(world, 3, "2026-11-01")

    close(world, OCTOBER)
    close(world, NOVEMBER)

    assert amounts(world, NOVEMBER) == [("2026-11", 3 * 720)]


def test_the_line_says_what_continues() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    close(world, OCTOBER)

    (line,) = explained(world, previewed(world, NOVEMBER))

    assert line["in_words"][:2] == ["continuing from the month before: 10", "time-weighted: 7,200"]
    close(world, NOVEMBER)
    assert [one["amount_minor"] for one in lines(world, NOVEMBER)] == [line["amount_minor"]]


@pytest.mark.parametrize("aggregation", [Aggregation.MAX, Aggregation.MIN, Aggregation.LAST, Aggregation.AVERAGE])
def test_every_aggregation_of_sizes_begins_with_what_continues(aggregation: Aggregation) -> None:
    world = world_of_sizes(replace(GB_HOURS, aggregation=aggregation))
    size(world, 10, "2026-10-30")
    close(world, OCTOBER)

    close(world, NOVEMBER)

    assert amounts(world, NOVEMBER) == [("2026-11", 10)]


def test_sizes_of_cells_continue_side_by_side() -> None:
    ssd, hdd = (
        replace(GB_HOURS, model=PerUnit(Decimal(price)), cell=Cell((("tier", (tier,)),)))
        for tier, price in (("ssd", "0.02"), ("hdd", "0.01"))
    )
    world = world_of_sizes(ssd, hdd)
    for tier, gb in (("ssd", "1"), ("hdd", "5")):
        event = {"event_id": tier, "quantity": gb, "time": "2026-10-31", "resource": "disk"}
        assert load(world, {**event, "attributes": json.dumps({"tier": tier, "host": "h1"})}) == []
    close(world, OCTOBER)

    close(world, NOVEMBER)

    assert amounts(world, NOVEMBER) == [("2026-11", 5 * 720), ("2026-11", 2 * 720)]
    assert [line["attributes"] for line in lines(world, NOVEMBER)] == [{"tier": "hdd"}, {"tier": "ssd"}]


def test_a_late_reading_changes_the_months_after_its_own_too() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    close(world, OCTOBER)
    close(world, NOVEMBER)

    size(world, 4, "2026-10-31")
    close(world, DECEMBER)

    assert amounts(world, DECEMBER) == [
        ("2026-12", 4 * 744),
        ("2026-10", -6 * 24),
        ("2026-11", -6 * 720),
    ]
    close(world, JANUARY)
    assert amounts(world, JANUARY) == [("2027-01", 4 * 744)]


def test_a_month_that_is_parked_is_bridged_by_its_usage() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    close(world, OCTOBER)
    size(world, 20, "2026-11-30")
    use(world, "unpriced", "1", time="2026-11-05", sku="gpu")
    close(world, NOVEMBER)
    assert world.month("acme", NOVEMBER).parked

    close(world, DECEMBER)

    assert amounts(world, DECEMBER) == [("2026-12", 20 * 744)]
    world.price_books.merge(PriceBook.of([Price.plain("gpu", "USD", Decimal(1))]))
    close(world, NOVEMBER)
    close(world, JANUARY)
    assert sum(minor for _, minor in amounts(world, NOVEMBER)) == 100 + 10 * 29 * 24 + 20 * 24
    assert amounts(world, JANUARY) == [("2027-01", 20 * 744)]


def test_sizes_of_a_first_month_that_was_parked_are_billed_in_the_months_since() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    use(world, "unpriced", "1", time="2026-10-05", sku="gpu")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == []

    world.price_books.merge(PriceBook.of([Price.plain("gpu", "USD", Decimal(1))]))
    close(world, OCTOBER)
    close(world, DECEMBER)

    assert amounts(world, DECEMBER) == [("2026-12", 10 * 744), ("2026-11", 10 * 720)]


@pytest.mark.parametrize("nothing", [{"unit_price": 0}, {"free": 100_000}])
def test_a_size_continues_after_months_that_came_to_nothing(nothing: dict[str, int]) -> None:
    world = world_of_sizes()
    price = {"sku": "vm", "currency": "USD", "unit_price": "0.01", "aggregation": "time_weighted", "carry_over": True}
    world.price_books.merge(read_book({"prices": [price | {"time_unit": "hour"} | nothing]}))
    size(world, 10, "2026-10-30")
    for period in (OCTOBER, NOVEMBER):
        report = close(world, period)
        assert (report["customers"]["carried"], report["proof"]["ties"]) == (1, True)

    world.price_books.merge(read_book({"prices": [price | {"time_unit": "hour"}]}))
    close(world, DECEMBER)

    assert amounts(world, DECEMBER) == [("2026-12", 10 * 744)]
    assert world.customer("acme").carried_minor == 0


def test_whose_resource_is_gone_is_billed_on_for_the_rest() -> None:
    world = world_of_sizes(GB_HOURS, Price.plain("other", "USD", Decimal(1)))
    size(world, 10, "2026-10-30")
    size(world, 0, "2026-11-01")
    for period in (OCTOBER, NOVEMBER, DECEMBER):
        close(world, period)
    use(world, "e1", "3", sku="other", time="2027-01-02")
    size(world, 5, "2027-01-31")

    close(world, JANUARY)
    close(world, JANUARY.next)

    assert amounts(world, JANUARY) == [("2027-01", 300), ("2027-01", 5 * 24)]
    assert amounts(world, JANUARY.next) == [("2027-02", 5 * 28 * 24)]


def test_an_invoice_that_is_regenerated_passes_on_what_it_ends_with() -> None:
    world = world_of_sizes()
    size(world, 10, "2026-10-30")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    size(world, 4, "2026-10-31")

    world.regenerator.regenerate(document(world, OCTOBER)["number"], "a reading came late")
    close(world, DECEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 10 * 24 + 4 * 24)]
    assert amounts(world, DECEMBER) == [("2026-12", 4 * 744), ("2026-11", -6 * 720)]


def test_only_a_customer_with_such_sizes_costs_more_requests() -> None:
    asked: list[str] = []

    def counting(name: str, ask: Any) -> Any:
        def counted(*given: object) -> Any:
            asked.append(name)
            return ask(*given)

        return counted

    def of(price: Price, sku: str = "other") -> list[str]:
        world = world_of_sizes(price, Price.plain("other", "USD", Decimal(1)))
        use(world, "e1", "1", sku=sku, resource="disk")
        close(world, OCTOBER)
        world.clock.now = NOVEMBER.end
        use(world, "e2", "1", sku="other", time="2026-11-05")
        asked.clear()
        for store, name in ((world.books, "month"), (world.books, "months"), (world.closes, "get")):
            setattr(store, name, counting(name, getattr(store, name)))
        world.documents.get_slice = counting("document", world.documents.get_slice)  # type: ignore[method-assign]
        previewed(world, NOVEMBER)
        return list(asked)

    assert of(GB_HOURS) == of(replace(GB_HOURS, carries_over=False)) == []
    assert of(GB_HOURS, "vm") == ["months", "document", "get"]


class Reading(NamedTuple):
    """A size from an hour on, since the beginning of October; it arrives before so many more months are closed."""

    hour: int
    gb: int
    resource: str
    late: int


PERIODS = [OCTOBER, NOVEMBER, DECEMBER, JANUARY, JANUARY.next, JANUARY.next.next]
HOURS = (31 + 30 + 31) * 24


def any_readings() -> st.SearchStrategy[list[Reading]]:
    one = st.builds(
        Reading, st.integers(0, HOURS - 1), st.integers(0, 9), st.sampled_from(["a", "b"]), st.integers(0, 2)
    )
    return st.lists(one, max_size=6, unique_by=lambda reading: (reading.hour, reading.resource))


@settings(max_examples=40)
@given(any_readings())
def test_whenever_readings_arrive_each_hour_is_billed_once_at_its_size(readings: list[Reading]) -> None:
    world = world_of_sizes()
    for number, period in enumerate(PERIODS):
        for reading in readings:
            time = OCTOBER.start + timedelta(hours=reading.hour)
            month = PERIODS.index(Period.of(time))
            if month + reading.late == number:
                size(world, reading.gb, time.isoformat(), reading.resource)
        close(world, period)

    billed = sum(minor for period in PERIODS for _, minor in amounts(world, period))
    hours = (PERIODS[-1].end - OCTOBER.start).days * 24
    assert billed == sum(_held(readings, name, hour) for name in ("a", "b") for hour in range(hours))


def _held(readings: list[Reading], resource: str, hour: int) -> int:
    mine = [reading for reading in readings if reading.resource == resource and reading.hour <= hour]
    return max(mine).gb if mine else 0
