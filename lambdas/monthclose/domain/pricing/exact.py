"""Exact numbers as text: decimals where they end, fractions where they don't (a month has 2,678,400 seconds)."""

from decimal import Decimal, Inexact
from fractions import Fraction

from monthclose.domain.money import EXACT

_SHOWN_PLACES = 9


def exact_text(number: Fraction | Decimal) -> str:
    """Write a number so that `Fraction(text)` is the same number: `12.5`, or `1/3` where no decimal is."""
    if isinstance(number, Decimal):
        return plain(number)
    try:
        return plain(EXACT.divide(Decimal(number.numerator), Decimal(number.denominator)))
    except Inexact:
        return f"{number.numerator}/{number.denominator}"


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without zeros at its end."""
    return f"{number.normalize(EXACT):f}" if number else "0"


def shown(number: Fraction | Decimal) -> Decimal:
    """Find the decimal that a line shows: the number itself, or rounded to nine places where no decimal is."""
    text = exact_text(number)
    return (
        Decimal(text) if "/" not in text else Decimal(round(number * 10**_SHOWN_PLACES)).scaleb(-_SHOWN_PLACES, EXACT)
    )
