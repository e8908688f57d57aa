"""Tiers that count the units held at a time, computed here hour by hour."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import Graduated, InvoiceLine, Price, PriceBook, Terms, Volume, rate
from monthclose.domain.pricing.explanation import Explanation, recomputed
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.models import Tiered
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, any_decimal
from tests.unit.pricing.test_pricing_properties import any_tiers

HOURS = 31 * 24


class Size(NamedTuple):
    """A reading."""

    hour: int
    size: int
    resource: str


def any_sizes() -> SearchStrategy[list[Size]]:
    hours = st.integers(0, HOURS - 1)
    return st.lists(st.builds(Size, hours, st.integers(0, 40), st.sampled_from(["a", "b"])), max_size=7)


def any_model() -> SearchStrategy[Tiered]:
    choices = {"flat_at_zero": st.booleans(), "prorated": st.just(True)}
    return st.builds(Graduated, any_tiers(), **choices) | st.builds(Volume, any_tiers(), **choices)


def lines_of(sizes: Sequence[Size], model: Tiered, free: Decimal, *, per_resource: bool = False) -> list[InvoiceLine]:
    price = Price("sku", "USD", model, aggregation=Aggregation.TIME_WEIGHTED, free=free, per_resource=per_resource)
    events = [
        UsageEvent(f"e{n}", "C-1", "sku", Decimal(size), OCTOBER.start + timedelta(hours=hour), resource=resource)
        for n, (hour, size, resource) in enumerate(sizes)
    ]
    return rate(events, Terms(PriceBook.of([price]), "C-1", "USD", OCTOBER))


def of_a_month(model: Tiered, size: Fraction) -> Fraction:
    explanation = Explanation()
    model.explain(size, explanation)
    return explanation.total


def hour_by_hour(sizes: Sequence[Size], model: Tiered, free: Decimal) -> Fraction:
    """Price what is held in each hour as if for the month, and take an hour's part of it."""
    held, total = dict[str, int](), Fraction(0)
    at = dict[int, dict[str, int]]()
    for hour, size, resource in sizes:
        known = at.setdefault(hour, {})
        known[resource] = max(size, known.get(resource, size))
    for hour in range(HOURS):
        held |= at.get(hour, {})
        total += of_a_month(model, max(Fraction(sum(held.values())) - Fraction(free), Fraction(0))) / HOURS
    return total


@given(any_sizes(), any_model(), st.sampled_from([Decimal(0), Decimal(3)]))
def test_each_hour_pays_its_part_of_what_is_held(sizes: list[Size], model: Tiered, free: Decimal) -> None:
    lines = lines_of(sizes, model, free)
    paid = sum(Fraction(step["amount"]) for line in lines for step in line.steps)
    assert paid == (hour_by_hour(sizes, model, free) if lines else 0)
    assert all(recomputed(line.steps, "USD") == line.amount for line in lines)


@given(any_sizes(), any_model(), st.randoms())
def test_the_order_of_the_readings_does_not_matter(sizes: list[Size], model: Tiered, random: object) -> None:
    shuffled = list(sizes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(shuffled, model, Decimal(0)) == lines_of(sizes, model, Decimal(0))


@given(any_sizes(), any_tiers())
def test_resources_with_tiers_of_their_own_are_priced_as_if_alone(sizes: list[Size], tiers: tuple[object, ...]) -> None:
    model = Graduated(tiers, prorated=True)  # type: ignore[arg-type]
    for line in lines_of(sizes, model, Decimal(0), per_resource=True):
        [alone] = lines_of([size for size in sizes if size.resource == line.resource], model, Decimal(0))
        assert (line.amount, line.quantity) == (alone.amount, alone.quantity)


@given(st.integers(0, 60), st.integers(0, HOURS - 1), any_model())
def test_a_steady_size_costs_its_part_of_the_month(size: int, hour: int, model: Tiered) -> None:
    held = [Size(hour, size, "a")]
    paid = sum(Fraction(step["amount"]) for line in lines_of(held, model, Decimal(0)) for step in line.steps)
    before = of_a_month(model, Fraction(0)) * hour / HOURS
    assert paid == before + of_a_month(model, Fraction(size)) * (HOURS - hour) / HOURS


@given(any_model(), any_decimal("0", "9", places=1))
def test_a_prorated_price_is_read_back_from_its_content_the_same(model: Tiered, free: Decimal) -> None:
    if model.flat_at_zero and not model.tiers[0].flat:
        return
    price = Price("sku", "USD", model, aggregation=Aggregation.TIME_WEIGHTED, free=free)
    assert read_book(PriceBook.of([price]).content()).content() == PriceBook.of([price]).content()
