"""Pricing: from usage to lines, exactly."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.draft import draft_invoice
from monthclose.domain.money import exponent
from monthclose.domain.pricing import InvoiceLine, PerUnit, Price, PriceBook, Terms, rate
from monthclose.domain.tax.tax import UNTAXED
from monthclose.domain.usage import UsageEvent
from tests.unit.any import (
    NOW,
    OCTOBER,
    TODAY,
    a_customer,
    any_currency,
    any_decimal,
    any_price,
    any_usage,
)

SKUS = ("droplet", "storage", "traffic")


def a_book(currency: str = "USD") -> PriceBook:
    return PriceBook.of(Price.plain(sku, currency, Decimal("0.005"), "h", sku.title()) for sku in SKUS)


def rated(events: list[UsageEvent], book: PriceBook, currency: str = "USD") -> list[InvoiceLine]:
    return rate(events, Terms(book, "C-1", currency, OCTOBER))


def an_event(quantity: str, unit_price: str | None = None, sku: str = "droplet", description: str = "") -> UsageEvent:
    price = None if unit_price is None else Decimal(unit_price)
    return UsageEvent("e", "C-1", sku, Decimal(quantity), NOW, price, description)


@given(st.lists(any_usage(), max_size=12), st.randoms(), any_currency())
def test_the_order_of_the_events_does_not_matter(events: list[UsageEvent], random: object, currency: str) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rated(shuffled, a_book(currency), currency) == rated(events, a_book(currency), currency)


@given(st.lists(any_usage(), min_size=1, max_size=8), any_decimal())
def test_splitting_an_event_in_two_does_not_matter(events: list[UsageEvent], part: Decimal) -> None:
    whole = events[0]
    halves = [replace(whole, quantity=part), replace(whole, quantity=whole.quantity - part)]
    assert rated([*halves, *events[1:]], a_book()) == rated(events, a_book(), "USD")


@given(st.lists(any_usage(), max_size=12), any_currency())
def test_a_line_is_the_exact_sum_of_quantity_times_price_rounded_once_half_even(
    events: list[UsageEvent], currency: str
) -> None:
    exact: dict[tuple[str, str, Fraction], Fraction] = defaultdict(Fraction)
    for event in events:
        price = Fraction(Decimal("0.005") if event.unit_price is None else event.unit_price)
        model = "per_unit" if event.unit_price is None else "rated"
        exact[event.sku, model, price] += Fraction(event.quantity) * price
    expected = {key: round(amount * 10 ** exponent(currency)) for key, amount in exact.items()}
    lines = rated(events, a_book(currency), currency)
    assert {(line.sku, line.model, Fraction(line.unit_price or 0)): line.amount.minor for line in lines} == expected
    assert len(lines) == len(expected)
    assert {line.amount.currency for line in lines} <= {currency}


@given(st.lists(any_usage(), max_size=12))
def test_the_total_is_the_sum_of_the_rounded_lines(events: list[UsageEvent]) -> None:
    lines = rated(events, a_book(), "USD")
    written = draft_invoice(a_customer(), OCTOBER, lines, UNTAXED, TODAY, Seller("Northwind"))
    assert written["total_minor"] == sum(line.amount.minor for line in lines)


def test_three_thousand_small_events_are_rounded_together_and_not_one_by_one() -> None:
    (line,) = rated([an_event("1", "0.001")] * 3000, PriceBook())
    assert (line.quantity, line.amount.minor) == (Decimal(3000), 300)


def test_numbers_with_the_most_digits_allowed_are_priced_exactly() -> None:
    (line,) = rated([an_event("9" * 28, "9" * 28), an_event("1e-28", "9" * 28)], PriceBook(), "JPY")
    exact = Fraction(Decimal("9" * 28)) ** 2 + Fraction(Decimal("9" * 28)) / 10**28
    assert line.amount.minor == round(exact)


def test_one_sku_at_two_prices_makes_two_lines() -> None:
    lines = rated([an_event("1", "2"), an_event("1", "3"), an_event("4", "2.00")], PriceBook())
    assert [(line.unit_price, line.quantity) for line in lines] == [
        (Decimal(2), Decimal(5)),
        (Decimal(3), Decimal(1)),
    ]


def test_corrections_larger_than_the_usage_make_a_negative_line() -> None:
    (line,) = rated([an_event("1", "2"), an_event("-3", "2")], PriceBook())
    assert line.amount.minor == -400


def test_no_usage_makes_no_lines() -> None:
    assert rated([], a_book()) == []


def test_the_usages_own_price_overrides_the_books() -> None:
    (line,) = rated([an_event("1", "7")], a_book(), "USD")
    assert line.amount.minor == 700


def test_a_line_takes_description_and_unit_from_the_book() -> None:
    (line,) = rated([an_event("1")], a_book(), "USD")
    assert (line.description, line.unit) == ("Droplet", "h")


@pytest.mark.parametrize(
    ("descriptions", "shown"), [(["", "Compute"], "Compute"), (["b", "a"], "a"), ([""], "droplet")]
)
def test_a_line_of_rated_usage_shows_one_of_its_descriptions_or_its_sku(descriptions: list[str], shown: str) -> None:
    (line,) = rated([an_event("1", "1", description=text) for text in descriptions], PriceBook())
    assert line.description == shown


def test_a_sku_with_no_price_parks_the_customer_and_says_so() -> None:
    with pytest.raises(ParkCustomerError, match=r"'gpu' has no price in USD .*none for this SKU") as caught:
        rated([an_event("1", sku="gpu")], a_book(), "USD")
    assert caught.value.reason == "no_price"


def test_a_sku_priced_in_another_currency_parks_the_customer_and_names_that_currency() -> None:
    with pytest.raises(ParkCustomerError, match=r"no price in EUR .*it has one in USD") as caught:
        rated([an_event("1")], a_book("USD"), "EUR")
    assert caught.value.reason == "no_price"


@given(st.lists(st.sampled_from(SKUS).flatmap(lambda sku: any_price(sku, "USD")), max_size=6))
def test_a_price_books_version_depends_only_on_its_prices(prices: list[Price]) -> None:
    book = PriceBook.of(prices)
    padded = [replace(price, model=PerUnit((price.model.single_price or 0) * Decimal("1.0"))) for price in book.prices]
    assert PriceBook.of(reversed(padded)).version == book.version


def test_any_change_of_a_price_changes_the_price_books_version() -> None:
    price = Price.plain("droplet", "USD", Decimal("0.005"), "h", "Droplet")
    changes: list[dict[str, object]] = [
        {"sku": "x"},
        {"currency": "EUR"},
        {"model": PerUnit(Decimal("0.0051"))},
        {"unit": "d"},
        {"description": "x"},
    ]
    changed = [PriceBook.of([replace(price, **change)]).version for change in changes]  # type: ignore[arg-type]
    assert len({PriceBook.of([price]).version, PriceBook().version, *changed}) == len(changed) + 2


def test_a_later_price_of_the_same_sku_and_currency_replaces_the_earlier_one() -> None:
    first, second = (Price.plain("droplet", "USD", Decimal(price)) for price in (1, 2))
    assert PriceBook.of([first, second]).prices == (second,)
