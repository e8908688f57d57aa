"""Commitments and prices that change in the month: late usage, new invoices, previews and explanations agree."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.pricing import Commitment, Discount, Fee, PerUnit, Price, PriceBook
from monthclose.domain.pricing.book.price import ALWAYS
from monthclose.domain.pricing.metering.aggregation import Aggregation, Window
from monthclose.domain.pricing.metering.buckets import Buckets, Empty
from monthclose.use_cases.invoices.explain_invoice import explain
from tests.unit.any import OF_EVENTS
from tests.unit.invoices.late_usage import amounts, close, lines, use
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next
MIDDLE = OCTOBER.start.replace(day=15)
ONE, TEN = Price.plain("vm", "USD", Decimal(1)), Price.plain("db", "USD", Decimal(10))
COMMITTED = PriceBook(
    prices=(TEN, ONE),
    fees=(Fee("vm", "USD", Decimal(5)),),
    discounts=(Discount("fifth", percent=Decimal(20)),),
    commitments=(
        Commitment("all", "USD", Decimal(100)),
        Commitment("vm", "USD", Decimal(50), skus=("vm",)),
    ),
)


def a_world(book: PriceBook) -> World:
    world = World()
    world.price_books.merge(book)
    world.add_customer("acme")
    return world


def changing(aggregation: Aggregation, **more: Any) -> PriceBook:
    """A price of 31 in October's first fourteen days, and of 62 from then on."""
    old, new = (
        Price("vm", "USD", PerUnit(Decimal(price)), aggregation=aggregation, valid=window, **more)
        for price, window in ((31, Window(ALWAYS.start, MIDDLE)), (62, Window(MIDDLE, ALWAYS.end)))
    )
    return PriceBook((old, new))


def explained(world: World, document: Draft) -> list[dict[str, Any]]:
    found = list(explain(document, world.usage, 10)["lines"])
    assert all(line["recomputed_minor"] == line["amount_minor"] for line in found)
    return found


def previewed(world: World, period: Any = OCTOBER) -> Draft:
    books, taxes = world.price_books.latest(), world.tax_tables.latest()
    return world.drafter.draft(world.customer("acme"), period, books, taxes, period.end, period.end.date())


def total(world: World, *periods: Any) -> int:
    return sum(minor for period in periods for _, minor in amounts(world, period))


def test_late_usage_reduces_the_true_ups_of_every_minimum_it_counts_towards() -> None:
    world = a_world(COMMITTED)
    use(world, "e1", "30")
    preview = previewed(world)
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", minor) for minor in (3_000, 500, -700, 2_600, 4_600)]
    assert [line["amount_minor"] for line in preview["lines"]] == [minor for _, minor in amounts(world, OCTOBER)]

    use(world, "e2", "20")
    use(world, "e3", "2", sku="db")
    close(world, NOVEMBER)

    adjusted = {
        (line["model"], line["sku"]): line["amount_minor"] for line in lines(world, NOVEMBER) if "period" in line
    }
    assert adjusted == {
        ("per_unit", "vm"): 2_000,
        ("per_unit", "db"): 2_000,
        ("discount", ""): -800,
        ("commitment", "vm"): -1_600,
        ("commitment", "all"): -1_600,
    }
    assert total(world, OCTOBER) + sum(adjusted.values()) == 10_000


def test_a_regenerated_invoice_has_the_true_ups_of_all_known_usage() -> None:
    world = a_world(COMMITTED)
    use(world, "e1", "30")
    close(world, OCTOBER)
    use(world, "e2", "200")
    world.regenerator.regenerate("INV-00000001", "usage came late")
    assert [minor for _, minor in amounts(world, OCTOBER)] == [23_000, 500, -4_700]


def test_an_explanation_counts_events_for_usage_and_not_for_other_lines_of_that_name() -> None:
    world = a_world(COMMITTED)
    use(world, "e1", "30")
    close(world, OCTOBER)
    use(world, "e2", "20")
    preview = previewed(world, NOVEMBER)
    counts = [
        (line["model"], line["kind"], line["events"]["count"])
        for line in explained(world, preview)
        if line.get("sku") == "vm"
    ]
    assert ("per_unit", "adjustment", 2) in counts
    assert {count for model, _, count in counts if model != "per_unit"} == {0}


@pytest.mark.parametrize("aggregation", [Aggregation.LAST, Aggregation.MAX, Aggregation.UNIQUE])
def test_a_steady_resource_is_billed_once_and_its_lines_are_explained_by_all_its_events(
    aggregation: Aggregation,
) -> None:
    world = a_world(changing(aggregation))
    for day in range(1, 32):
        use(world, f"e{day}", "1", resource="web-1", time=f"2026-10-{day:02}")
    preview = previewed(world)

    close(world, OCTOBER)

    assert amounts(world, OCTOBER) == [("2026-10", 1_400), ("2026-10", 3_400)]
    assert [line["amount_minor"] for line in preview["lines"]] == [1_400, 3_400]
    old, new = explained(world, preview)
    assert (old["events"]["count"], new["events"]["count"]) == (31, 31)
    assert old["in_words"][0] == f"{aggregation}: 1 in the month, 0.451612903 of it at this price"


def test_a_size_that_continues_explains_the_lines_of_later_prices() -> None:
    world = a_world(changing(Aggregation.TIME_WEIGHTED, time_unit="month"))
    use(world, "e1", "1", resource="web-1", time="2026-10-01")
    use(world, "e2", "2", resource="web-1", time="2026-10-20")
    assert [line["events"]["count"] for line in explained(world, previewed(world))] == [1, 2]


@pytest.mark.parametrize("aggregation", [Aggregation.LAST, Aggregation.MAX, Aggregation.UNIQUE])
def test_a_late_event_moves_what_is_shared_from_one_price_to_the_other(aggregation: Aggregation) -> None:
    world = a_world(changing(aggregation))
    use(world, "e1", "1", resource="web-1", time="2026-10-15")
    close(world, OCTOBER)
    assert [minor for _, minor in amounts(world, OCTOBER)] == [0, 6_200]
    use(world, "e2", "1", resource="web-1", time="2026-10-14")

    close(world, NOVEMBER)

    shares = {Aggregation.UNIQUE: (1_550, 3_100)}
    old, new = shares.get(aggregation, (172, 5_856))  # one of two uses; one of eighteen days
    assert [minor for _, minor in amounts(world, NOVEMBER)] == [old, new - 6_200]
    assert lines(world, NOVEMBER)[0]["steps"][0]["kind"] == "shared"


BUCKETS = (
    (Aggregation.SUM, Buckets("hour", Aggregation.MAX, Empty.CARRY)),
    (Aggregation.PERCENTILE, Buckets("day", Aggregation.SUM, Empty.ZERO, Decimal(90))),
    (Aggregation.AVERAGE, Buckets("day", Aggregation.UNIQUE, Empty.SKIP)),
)
type Arrival = tuple[int, int, int, str]
"""In which month an event comes, its day, its quantity and its resource."""


@pytest.mark.long
@settings(max_examples=25)
@given(
    st.sampled_from([*((aggregation, None) for aggregation in OF_EVENTS), *BUCKETS]),
    st.booleans(),
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 31), st.integers(-2, 9), st.sampled_from(["web-1", "web-2"])),
        max_size=6,
    ),
    st.integers(0, 2),
)
def test_whenever_usage_arrives_and_an_invoice_is_regenerated_the_month_costs_the_same(
    measured: tuple[Aggregation, Buckets | None], by_resource: bool, arrivals: list[Arrival], regenerated: int
) -> None:
    commitments = (Commitment("all", "USD", Decimal(300)), Commitment("one", "USD", Decimal(150), skus=("vm",)))
    aggregation, buckets = measured
    book = changing(aggregation, per_resource=by_resource, buckets=buckets).merged(
        PriceBook(discounts=(Discount("fifth", percent=Decimal(20)),), commitments=commitments)
    )

    def world_with(late: bool) -> World:
        world = a_world(book)
        for turn, month in enumerate((OCTOBER, NOVEMBER, DECEMBER)):
            for number, (when, day, quantity, resource) in enumerate(arrivals):
                if (when if late else 0) == turn:
                    use(world, f"e{number}", str(quantity), resource=resource, time=f"2026-10-{day:02}")
            close(world, month)
            invoice = world.month("acme").invoice
            if late and turn == regenerated and invoice:
                world.regenerator.regenerate(invoice.number, "once more")
        return world

    def of_october(world: World) -> int:
        return sum(
            minor for month in (OCTOBER, NOVEMBER, DECEMBER) for of, minor in amounts(world, month) if of == "2026-10"
        )

    assert of_october(world_with(late=True)) == of_october(world_with(late=False))
