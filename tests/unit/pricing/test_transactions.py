"""A percentage of each transaction, against a calculation that sorts them all and keeps each."""

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import InvoiceLine, Price, PriceBook, Terms, rate
from monthclose.domain.pricing.explanation import Explanation, recomputed
from monthclose.domain.pricing.line import total_minor
from monthclose.domain.pricing.metering.transactions import PerTransaction
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, any_decimal

CENT = Decimal("0.01")


@st.composite
def any_price(draw: st.DrawFn) -> PerTransaction:
    optional = st.none() | any_decimal("0", "3", places=2)
    fixed, least = draw(any_decimal("0", "1", places=2)), draw(optional)
    most = draw(st.none() | any_decimal("3", "20", places=2))
    free = draw(st.none() | st.integers(1, 4)), draw(st.none() | any_decimal("0.01", "500", places=2))
    return PerTransaction(draw(any_decimal("0", "10", places=2)), fixed, least, most, *free)


def any_transactions() -> SearchStrategy[list[UsageEvent]]:
    hours = st.integers(0, 31 * 24 - 1)
    event = st.builds(
        lambda number, hour, amount, resource: UsageEvent(
            f"e{number:03}", "C-1", "sku", amount, OCTOBER.start + timedelta(hours=hour), resource=resource
        ),
        st.integers(0, 999),
        hours,
        any_decimal("-100", "400", places=2),
        st.sampled_from(["card", "debit"]),
    )
    return st.lists(event, max_size=10, unique_by=lambda event: event.event_id)


def lines_of(events: Iterable[UsageEvent], model: PerTransaction, *, per_resource: bool = False) -> list[InvoiceLine]:
    book = PriceBook.of([Price("sku", "USD", model, per_resource=per_resource)])
    return rate(events, Terms(book, "C-1", "USD", OCTOBER))


def fee(model: PerTransaction, amount: Decimal) -> Fraction:
    """What one transaction costs, by the definition."""
    cost = Fraction(amount) * Fraction(model.percent) / 100 + Fraction(model.fixed_fee)
    cost = max(cost, Fraction(model.minimum_fee or 0))
    return cost if model.maximum_fee is None else min(cost, Fraction(model.maximum_fee))


def charged(model: PerTransaction, events: Sequence[UsageEvent]) -> Iterator[tuple[str, Fraction]]:
    """What each transaction costs, one after the other in order of time, returns first."""
    number, amount = 0, Decimal(0)
    for event in sorted(events, key=lambda event: (event.time, event.quantity > 0, event.event_id)):
        has_free = model.free_transactions is not None or model.free_amount is not None
        left = has_free and (model.free_transactions is None or number < model.free_transactions)
        room = Decimal("Infinity") if model.free_amount is None else model.free_amount - amount
        if left and room > 0:
            if event.quantity > 0:
                number, amount = number + 1, amount + event.quantity
                if event.quantity > room:
                    yield event.resource, fee(model, event.quantity - room)
        elif event.quantity:
            sign = 1 if event.quantity > 0 else -1
            yield event.resource, sign * fee(model, abs(event.quantity))


@given(any_transactions(), any_price())
def test_the_sums_that_are_kept_charge_what_each_transaction_costs(
    events: list[UsageEvent], model: PerTransaction
) -> None:
    explanations = [Fraction(step["amount"]) for line in lines_of(events, model) for step in line.steps]
    assert sum(explanations) == sum(cost for _, cost in charged(model, events))


@given(any_transactions(), any_price())
def test_each_resource_pays_for_its_own_transactions(events: list[UsageEvent], model: PerTransaction) -> None:
    by_resource = dict.fromkeys((event.resource for event in events), Fraction(0))
    for resource, cost in charged(model, events):
        by_resource[resource] += cost
    lines = lines_of(events, model, per_resource=True)
    assert {line.resource: sum(Fraction(step["amount"]) for step in line.steps) for line in lines} == by_resource


@given(any_transactions(), any_price(), st.randoms())
def test_their_order_does_not_matter_and_the_explanation_computes(
    events: list[UsageEvent], model: PerTransaction, random: object
) -> None:
    lines, shuffled = lines_of(events, model), list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(shuffled, model) == lines
    assert all(recomputed(line.steps, "USD") == line.amount for line in lines)


@given(any_price(), any_decimal("0.01", "400", places=2))
def test_the_return_of_a_transaction_credits_what_it_costs(model: PerTransaction, amount: Decimal) -> None:
    costs, credited = Explanation(), Explanation()
    model.explain(Fraction(amount), costs)
    model.explain(Fraction(-amount), credited)
    assert costs.total == -credited.total == fee(model, amount)


@given(any_price())
def test_a_price_is_read_back_from_its_content_the_same(model: PerTransaction) -> None:
    book = PriceBook.of([Price("sku", "USD", replace(model, fixed_fee=model.fixed_fee or CENT))])
    assert read_book(book.content()).prices == book.prices


@pytest.mark.parametrize("free", [(None, None), (100, None), (None, Decimal(5000))])
def test_a_hundred_times_the_transactions_take_no_more_memory(free: tuple[int | None, Decimal | None]) -> None:
    model = PerTransaction(Decimal(3), CENT, Decimal("0.10"), Decimal(5), *free)

    def peak(number: int) -> int:
        events = (
            UsageEvent(f"e{n}", "C-1", "sku", Decimal(100), OCTOBER.end - timedelta(seconds=n + 1))
            for n in range(number)
        )
        tracemalloc.start()
        lines = lines_of(events, model)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total_minor(lines) > 0
        return used

    peak(200)  # what is made once
    assert peak(20_000) < 1.5 * peak(200) + 50_000
