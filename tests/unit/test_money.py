"""Money: exact, in minor units, one currency at a time."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import AmountTooLargeError, UserMistakeError
from monthclose.domain.money import MOST_MINOR, Money, exponent
from tests.unit.any import any_currency, any_decimal, any_minor, any_money


@pytest.mark.parametrize(
    ("currency", "digits"), [("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3), ("BHD", 3), ("CLF", 4), ("ISK", 0)]
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("code", ["XXX", "usd", "", "DEM", "US"])
def test_a_code_that_is_not_an_active_currency_is_a_mistake_that_names_it(code: str) -> None:
    with pytest.raises(UserMistakeError, match=re.escape(repr(code))):
        exponent(code)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(123456, "USD"), "1,234.56 USD"),
        (Money(-5, "USD"), "-0.05 USD"),
        (Money(0, "USD"), "0.00 USD"),
        (Money(1234567, "JPY"), "1,234,567 JPY"),
        (Money(1234567, "KWD"), "1,234.567 KWD"),
        (Money(10**20 + 1, "EUR"), "1,000,000,000,000,000,000.01 EUR"),
    ],
)
def test_an_amount_reads_in_major_units_with_its_currency(money: Money, text: str) -> None:
    assert str(money) == text


@given(any_money())
def test_the_written_amount_has_every_minor_unit(money: Money) -> None:
    number, currency = str(money).split(" ")
    assert Decimal(number.replace(",", "")) * 10 ** exponent(currency) == money.minor


@pytest.mark.parametrize(
    ("major", "currency", "minor"),
    [
        ("0.005", "USD", 0),
        ("0.015", "USD", 2),
        ("0.025", "USD", 2),
        ("0.0250000000001", "USD", 3),
        ("-0.005", "USD", 0),
        ("-0.015", "USD", -2),
        ("0.5", "JPY", 0),
        ("1.5", "JPY", 2),
        ("0.0005", "KWD", 0),
        ("0.0015", "KWD", 2),
    ],
)
def test_halves_of_a_minor_unit_round_to_even(major: str, currency: str, minor: int) -> None:
    assert Money.rounded(Decimal(major), currency) == Money(minor, currency)


@given(any_decimal(), any_currency())
def test_rounding_is_the_half_even_rounding_of_the_exact_value(major: Decimal, currency: str) -> None:
    # Python's round() of a Fraction is exact and half to even.
    assert Money.rounded(major, currency).minor == round(Fraction(major) * 10 ** exponent(currency))


@given(any_decimal(), any_currency())
def test_rounding_is_symmetric_about_zero(major: Decimal, currency: str) -> None:
    assert Money.rounded(-major, currency) == -Money.rounded(major, currency)


@given(st.lists(any_minor()), any_currency())
def test_a_sum_is_the_integer_sum_of_the_minor_units(minors: list[int], currency: str) -> None:
    assert Money.sum((Money(minor, currency) for minor in minors), currency) == Money(sum(minors), currency)


@given(any_money("USD"), any_money("USD"))
def test_subtracting_undoes_adding_and_order_follows_the_amounts(a: Money, b: Money) -> None:
    assert (a + b) - b == a
    assert a - b == a + -b
    assert (a < b, a <= b, bool(a)) == (a.minor < b.minor, a.minor <= b.minor, a.minor != 0)


@pytest.mark.parametrize("step", [Money.__add__, Money.__sub__, Money.__lt__, Money.__le__])
def test_two_currencies_never_mix(step: object) -> None:
    assert callable(step)
    with pytest.raises(ValueError, match="USD and EUR cannot be mixed"):
        step(Money(1, "USD"), Money(1, "EUR"))


def test_a_sum_refuses_an_amount_of_another_currency() -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        Money.sum([Money(1, "USD"), Money(1, "JPY")], "USD")


def test_equal_numbers_of_two_currencies_are_not_equal() -> None:
    assert Money(0, "USD") != Money(0, "EUR")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "USD", 1250),
        ("12.5", "USD", 1250),
        (" 12 ", "USD", 1200),
        ("0.01", "USD", 1),
        ("-3", "USD", -300),
        ("1234", "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("9999999999999999.99", "EUR", 10**18 - 1),
    ],
)
def test_an_amount_is_read_as_a_person_types_it(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["10000000000000000", "-10000000000000000.00", "9" * 30])
def test_an_amount_that_the_books_cannot_hold_is_refused_with_its_digits(text: str) -> None:
    with pytest.raises(AmountTooLargeError, match=r"the amount has \d+ digits in the minor unit of EUR"):
        Money.parse(text, "EUR")


def test_the_largest_amount_leaves_room_for_sums_over_all_customers_of_every_close() -> None:
    """DynamoDB's numbers hold 38 digits: ten million customers, every month of a thousand years."""
    assert len(str(MOST_MINOR * 10_000_000 * 12_000)) <= 38


@pytest.mark.parametrize("text", ["", "1,250.50", "12,50", "1e3", "NaN", "12.", ".5", "١٢", "12.50 USD", "$5", "--1"])
def test_text_that_is_not_an_amount_is_a_mistake_that_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(UserMistakeError, match="is not an amount; write it with a dot"):
        Money.parse(text, "USD")


@pytest.mark.parametrize(
    ("text", "currency", "most"),
    [("12.505", "USD", "at most 2 decimals"), ("12.500", "USD", "at most 2"), ("1.5", "JPY", "no decimals")],
)
def test_an_amount_is_never_rounded(text: str, currency: str, most: str) -> None:
    with pytest.raises(UserMistakeError, match=f"has too many decimals: amounts in {currency} have {most}"):
        Money.parse(text, currency)


@given(any_money())
def test_a_written_amount_reads_back_the_same(money: Money) -> None:
    text = str(money).removesuffix(f" {money.currency}").replace(",", "")
    assert Money.parse(text, money.currency) == money
