"""Text from outside: valid identifiers, texts, reasons and numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.text import MAX_DIGITS, MAX_KEY_LENGTH, MAX_TEXT_LENGTH, check_key, check_reason, parse_decimal
from tests.unit.any import any_decimal


@given(any_decimal())
def test_a_number_is_read_exactly(number: Decimal) -> None:
    assert parse_decimal(str(number), "the quantity") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e3", "1000"), ("-2.50", "-2.5"), ("0.0000000001", "0.0000000001"), ("+7", "7"), ("007", "7")],
)
def test_the_usual_ways_to_write_a_number_are_understood(text: str, number: str) -> None:
    assert parse_decimal(text, "the quantity") == Decimal(number)


@pytest.mark.parametrize("text", ["-0", "0E5", "0.000", "-0.0E-3"])
def test_every_zero_becomes_plain_zero(text: str) -> None:
    assert str(parse_decimal(text, "the quantity")) == "0"


@pytest.mark.parametrize("text", ["", "abc", "1,5", "1.2.3", "0x10", "1e", "--1"])
def test_a_text_that_is_not_a_number_is_a_mistake_that_names_the_field(text: str) -> None:
    with pytest.raises(UserMistakeError, match=r"^the quantity is not a number$"):
        parse_decimal(text, "the quantity")


@pytest.mark.parametrize("text", ["NaN", "-nan", "sNaN", "Infinity", "-inf"])
def test_a_number_that_is_not_finite_is_a_mistake(text: str) -> None:
    with pytest.raises(UserMistakeError, match=r"^the quantity is not a number$"):
        parse_decimal(text, "the quantity")


@pytest.mark.parametrize("text", ["9" * MAX_DIGITS, f"1e{MAX_DIGITS - 1}", f"1e-{MAX_DIGITS}"])
def test_as_many_digits_as_allowed_are_accepted(text: str) -> None:
    assert parse_decimal(text, "the quantity") == Decimal(text)


@pytest.mark.parametrize("text", ["9" * (MAX_DIGITS + 1), f"1e{MAX_DIGITS}", f"1e-{MAX_DIGITS + 1}", "1e999999999"])
def test_more_digits_than_can_be_stored_exactly_are_a_mistake(text: str) -> None:
    with pytest.raises(UserMistakeError, match=f"more than {MAX_DIGITS} digits"):
        parse_decimal(text, "the quantity")


@given(st.text("abc-_./é日 ", min_size=1, max_size=MAX_KEY_LENGTH))
def test_any_printable_identifier_is_kept_as_it_is(text: str) -> None:
    assert check_key(text, "the SKU") == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the SKU is missing"),
        ("x" * (MAX_KEY_LENGTH + 1), f"the SKU is longer than {MAX_KEY_LENGTH} characters"),
        ("a\nb", "the SKU has unprintable characters"),
        ("a\x00", "the SKU has unprintable characters"),
    ],
)
def test_an_invalid_identifier_is_a_mistake_that_says_why(text: str, problem: str) -> None:
    with pytest.raises(UserMistakeError, match=f"^{problem}$"):
        check_key(text, "the SKU")


@pytest.mark.parametrize(
    "number", ["1" + "0" * 5000, "0." + "0" * 5000 + "1", "1e+400", "1e-400", "0e400", "1e99999999999"]
)
def test_nonsensical_numbers_are_a_mistake_in_any_setting(number: str) -> None:
    with pytest.raises(UserMistakeError, match=f"quantity has more than {MAX_DIGITS} digits"):
        parse_decimal(number, "quantity")


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\udcff", "x" * (MAX_TEXT_LENGTH + 1)])
def test_a_reason_is_a_text_that_can_be_stored_and_shown(text: str) -> None:
    with pytest.raises(UserMistakeError, match="the text given"):
        check_reason(text, "a reason is needed")


def test_a_reason_is_required_and_kept_without_surrounding_spaces() -> None:
    assert check_reason("  billed twice\n", "a reason is needed") == "billed twice"
    with pytest.raises(UserMistakeError, match=r"^a reason is needed$"):
        check_reason(" \n", "a reason is needed")
