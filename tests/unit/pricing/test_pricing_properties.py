"""What holds for every pricing model, whatever the usage."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import (
    Commitment,
    Discount,
    Flat,
    Graduated,
    InvoiceLine,
    LineKind,
    Package,
    Percentage,
    PerUnit,
    Price,
    PriceBook,
    Terms,
    Tier,
    Volume,
    rate,
)
from monthclose.domain.pricing.explanation import Explanation, recomputed
from monthclose.domain.pricing.line import total_minor
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.models import Model
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, OF_EVENTS, any_currency, any_decimal, any_time

MONTH = 2_678_400


def any_price_number() -> SearchStrategy[Decimal]:
    return any_decimal("0", "1000", places=5)


@st.composite
def any_tiers(draw: st.DrawFn, *, flat: bool = True) -> tuple[Tier, ...]:
    ends = sorted(draw(st.sets(st.integers(1, 1000).map(Decimal), max_size=4)))
    starts = [Decimal(0), *ends]
    flats = any_price_number() if flat else st.just(Decimal(0))
    return tuple(
        Tier(start, end, draw(any_price_number()), draw(flats))
        for start, end in zip(starts, [*ends, None], strict=True)
    )


def any_model() -> SearchStrategy[Model]:
    return st.one_of(
        st.builds(PerUnit, any_price_number()),
        st.builds(PerUnit, any_price_number(), st.none() | any_price_number(), st.integers(1, 744).map(Decimal)),
        st.builds(Graduated, any_tiers()),
        st.builds(Volume, any_tiers()),
        st.builds(Package, any_price_number(), any_decimal("0.001", "1000", places=3)),
        st.builds(Percentage, any_decimal("0", "100", places=2)),
        st.builds(Flat, any_price_number()),
    )


ADDING_UP = (Aggregation.SUM, Aggregation.UNIQUE)


@st.composite
def any_metered_price(draw: st.DrawFn, aggregations: tuple[Aggregation, ...] = OF_EVENTS) -> Price:
    model = draw(any_model())
    aggregation = draw(st.sampled_from(aggregations))
    if isinstance(model, Flat):
        aggregation = Aggregation.TIME_WEIGHTED
    free = draw(st.sampled_from([Decimal(0), Decimal("12.5")]))
    return Price(
        "sku", "USD", model, aggregation=aggregation, free=free, per_resource=draw(st.booleans()), time_unit="day"
    )


def any_events(**fixed: SearchStrategy[object]) -> SearchStrategy[list[UsageEvent]]:
    event = st.builds(
        UsageEvent,
        event_id=st.uuids().map(str),
        customer_id=st.just("C-1"),
        sku=st.just("sku"),
        quantity=any_decimal("-50", "500", places=3),
        time=any_time(),
        unit_price=st.none(),
        description=st.just(""),
        resource=st.sampled_from(["web-1", "web-2"]),
    )
    return st.lists(event, max_size=8)


def lines_of(
    events: list[UsageEvent], *prices: Price, currency: str = "USD", book: PriceBook | None = None
) -> list[InvoiceLine]:
    whole = (book or PriceBook()).merged(PriceBook(prices))
    return rate(events, Terms(whole, "C-1", currency, OCTOBER))


def cost(model: Model, quantity: Decimal | int) -> Fraction:
    explanation = Explanation(MONTH)
    model.explain(Fraction(quantity), explanation)
    return explanation.total


@given(any_events(), any_metered_price(), st.randoms())
def test_the_order_of_the_events_does_not_matter(events: list[UsageEvent], price: Price, random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(shuffled, price) == lines_of(events, price)


@pytest.mark.long
@given(any_events(), any_metered_price((Aggregation.SUM, Aggregation.UNIQUE)), any_decimal("-50", "50", places=3))
def test_splitting_an_event_in_two_does_not_matter(events: list[UsageEvent], price: Price, part: Decimal) -> None:
    if not events or price.aggregation not in ADDING_UP:
        return
    whole, *others = events
    halves = [replace(whole, quantity=part), replace(whole, quantity=whole.quantity - part)]
    assert lines_of([*halves, *others], price) == lines_of(events, price)


@given(any_events(), any_metered_price((Aggregation.MAX, Aggregation.LAST, Aggregation.TIME_WEIGHTED)))
def test_a_repeated_reading_does_not_matter(events: list[UsageEvent], price: Price) -> None:
    if price.aggregation in ADDING_UP:
        return
    assert lines_of(events + events, price) == lines_of(events, price)


@given(any_events(), any_metered_price(), any_currency())
def test_a_lines_explanation_computes_to_its_amount(events: list[UsageEvent], price: Price, currency: str) -> None:
    for line in lines_of(events, replace(price, currency=currency), currency=currency):
        assert recomputed(line.steps, currency) == line.amount


@given(any_events(), any_metered_price())
def test_tampering_with_a_step_is_detected(events: list[UsageEvent], price: Price) -> None:
    for line in lines_of(events, price):
        for index, step in enumerate(line.steps):
            forged = [*line.steps]
            forged[index] = step | {"amount": str(Fraction(step["amount"]) + 1)}
            with pytest.raises(ValueError, match="makes"):
                recomputed(forged, "USD")


@given(any_tiers(flat=False), any_decimal("0", "2000", places=3), any_decimal("0", "0.001", places=9))
def test_a_graduated_price_is_continuous_and_monotonic(
    tiers: tuple[Tier, ...], quantity: Decimal, more: Decimal
) -> None:
    model = Graduated(tiers)
    step = cost(model, quantity + more) - cost(model, quantity)
    assert 0 <= step <= Fraction(more) * max(Fraction(tier.unit_price) for tier in tiers)


@given(any_tiers(), any_decimal("0", "2000", places=3))
def test_a_graduated_price_counts_every_unit_once(tiers: tuple[Tier, ...], quantity: Decimal) -> None:
    explanation = Explanation()
    Graduated(tiers).explain(Fraction(quantity), explanation)
    assert sum(Fraction(step["quantity"]) for step in explanation.steps) == Fraction(quantity)


@given(any_model(), any_decimal("0", "2000", places=3))
def test_negative_usage_credits_what_the_usage_costs(model: Model, quantity: Decimal) -> None:
    assert cost(model, -quantity) == -cost(model, quantity)


@given(any_decimal("0", "2000", places=3), any_price_number(), any_price_number())
def test_a_capped_price_never_exceeds_its_cap(quantity: Decimal, unit_price: Decimal, cap: Decimal) -> None:
    assert cost(PerUnit(unit_price, cap), quantity) == min(Fraction(quantity) * Fraction(unit_price), Fraction(cap))


def any_discounts() -> SearchStrategy[list[Discount]]:
    skus: SearchStrategy[tuple[str, ...]] = st.sampled_from([(), ("sku",), ("other", "sku")])
    percent: Callable[..., Discount] = lambda n, p, s: Discount(f"p{n}", percent=p, skus=s)  # noqa: E731
    off: Callable[..., Discount] = lambda n, a, s: Discount(f"a{n}", off=a, currency="USD", skus=s)  # noqa: E731
    numbers = st.integers(0, 5)
    return st.lists(
        st.builds(percent, numbers, any_decimal("0.01", "100", places=2), skus)
        | st.builds(off, numbers, any_decimal("0.01", "500", places=3), skus),
        max_size=4,
        unique_by=lambda discount: discount.id,
    )


@given(any_events(), any_price_number(), any_discounts())
def test_discounts_never_make_a_positive_total_negative_or_reduce_a_negative_one(
    events: list[UsageEvent], unit_price: Decimal, discounts: list[Discount]
) -> None:
    price = Price.plain("sku", "USD", unit_price)
    plain, book = total_minor(lines_of(events, price)), PriceBook(discounts=tuple(discounts))
    lines = lines_of(events, price, book=book)
    assert min(plain, 0) <= total_minor(lines) <= max(plain, min(plain, 0))
    assert all(line.amount.minor < 0 for line in lines if line.kind is LineKind.DISCOUNT)
    assert all(recomputed(line.steps, "USD") == line.amount for line in lines)


@given(any_events(), any_price_number(), any_decimal("0.01", "5000", places=2), any_discounts())
def test_a_committed_customer_pays_at_least_the_commitment(
    events: list[UsageEvent], unit_price: Decimal, minimum: Decimal, discounts: list[Discount]
) -> None:
    price, commitment = Price.plain("sku", "USD", unit_price), Commitment("min", "USD", minimum)
    without = total_minor(lines_of(events, price, book=PriceBook(discounts=tuple(discounts))))
    lines = lines_of(events, price, book=PriceBook(discounts=tuple(discounts), commitments=(commitment,)))
    assert total_minor(lines) == max(without, int(minimum * 100))


@given(any_metered_price(), st.lists(any_metered_price(), max_size=3), any_discounts())
def test_a_book_is_read_back_from_its_content_the_same(
    price: Price, more: list[Price], discounts: list[Discount]
) -> None:
    prices = [replace(one, sku=f"sku-{number}") for number, one in enumerate([price, *more])]
    book = PriceBook.of(prices).merged(PriceBook(discounts=tuple(d for d in discounts)))
    again = read_book(book.content())
    assert again.version == book.version
    assert read_book(again.content()).content() == book.content()


@given(any_events(), st.lists(any_time(), min_size=1, max_size=3))
def test_an_unchanged_price_may_be_written_in_pieces(events: list[UsageEvent], cuts: list[datetime]) -> None:
    whole = Price.plain("sku", "USD", Decimal(1))
    pieces = PriceBook.of([whole])
    for cut in sorted(cuts):
        pieces = pieces.merged(PriceBook((replace(whole, valid=whole.valid._replace(start=cut)),)))
    rounding = len(pieces.prices)  # a minor unit a line
    assert abs(total_minor(lines_of(events, book=pieces)) - total_minor(lines_of(events, whole))) <= rounding


def test_a_size_stays_in_force_until_the_next_reading_whatever_the_order() -> None:
    price = Price("sku", "USD", PerUnit(Decimal(1)), aggregation=Aggregation.TIME_WEIGHTED)
    start = OCTOBER.end - timedelta(hours=3)
    readings = [(0, "2"), (1, "5"), (2, "0")]
    events = [
        UsageEvent(f"e{hour}", "C-1", "sku", Decimal(size), start + timedelta(hours=hour)) for hour, size in readings
    ]
    (line,) = lines_of(events[::-1], price)
    assert (line.quantity, line.amount.minor) == (Decimal(7), 700)
