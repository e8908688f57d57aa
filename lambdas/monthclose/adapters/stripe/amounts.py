"""Amounts that Stripe collects, and how it writes them (Stripe, "Supported currencies")."""

from fractions import Fraction

from monthclose.domain.money import Money, exponent
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.errors import OrderInvalidError

_ZERO_DECIMAL = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_DECIMALS = dict.fromkeys(_ZERO_DECIMAL.split(), 0) | {"ISK": 2, "UGX": 2}
"""Decimals of Stripe's amounts, where they are not ISO 4217's (zero-decimal currencies, special cases)."""

_LARGEST = 99_999_999
_LARGEST_BY_CURRENCY = {"IDR": 999_999_999_999}
"""Largest charge, in Stripe's units: eight digits, twelve for IDR ("Minimum and maximum charge amounts")."""
_SMALLEST = {
    **dict.fromkeys(("AUD", "BRL", "CAD", "CHF", "EUR", "INR", "JPY", "NZD", "SGD", "USD"), 50),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), 200),
    **dict.fromkeys(("NOK", "SEK"), 300),
    **dict.fromkeys(("MXN", "THB"), 1_000),
    "CZK": 1_500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17_500,
}
"""Smallest charge in the currencies that Stripe pays out, in minor units (same page). A charge that it converts must
reach the minimum of the currency that it is converted to, which only Stripe knows: it refuses such a charge."""


def charge_limits(currency: str) -> ChargeLimits:
    """Return the limits of one charge; currencies that Stripe does not support are refused by Stripe itself."""
    ours, theirs = exponent(currency), _decimals(currency)
    step = 10 ** max(ours - theirs, 0) * (10 if theirs == 3 else 1)
    largest = our_amount(_LARGEST_BY_CURRENCY.get(currency, _LARGEST), currency).minor
    return ChargeLimits(step, _SMALLEST.get(currency, 1), largest // step * step)


def stripe_amount(amount: Money) -> int:
    """Convert an amount to Stripe's units.

    Raises
    ------
    OrderInvalidError
        Stripe cannot collect exactly this amount: 0.50 MGA, or 1.234 KWD (the last of three decimals must be zero).
    """
    ours, theirs = exponent(amount.currency), _decimals(amount.currency)
    scaled = Fraction(amount.minor * 10**theirs, 10**ours)
    if scaled.denominator != 1 or (theirs == 3 and scaled.numerator % 10):
        raise OrderInvalidError("amount_not_expressible")
    return scaled.numerator


def our_amount(amount: int, currency: str) -> Money:
    """Convert an amount from Stripe's units to ISO 4217's minor units."""
    code = currency.upper()
    return Money(amount * 10 ** exponent(code) // 10 ** _decimals(code), code)


def _decimals(currency: str) -> int:
    return _DECIMALS.get(currency, exponent(currency))
