"""Which amounts Stripe takes in which currency (Stripe docs, "Supported currencies")."""

from sandbox.stripe.errors import StripeError, invalid_integer, invalid_parameter

# Smallest charge in minor units ("Minimum and maximum charge amounts"). Stripe takes more currencies than these; for
# those without a minimum of their own it converts, which the sandbox does not, so they have the smallest amount.
MINIMUM = {
    "usd": 50,
    "aed": 200,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
    **dict.fromkeys(("aud", "brl", "cad", "chf", "eur", "inr", "jpy", "nzd", "sgd"), 50),
    **dict.fromkeys(("bhd", "clp", "ils", "jod", "krw", "kwd", "omr", "tnd", "try", "twd", "vnd", "zar"), 1),
}
MAXIMUM = 99_999_999
"""Eight digits, in any currency (PaymentIntent, ``amount``)."""

_DECIMALS = {**dict.fromkeys(("clp", "jpy", "krw", "vnd"), 0), **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 3)}


def check_currency(currency: str) -> str:
    """Return the currency if Stripe takes it: three letters, all lower case."""
    if currency not in MINIMUM:
        supported = ", ".join(MINIMUM)
        message = f"Invalid currency: {currency}. Stripe currently supports these currencies: {supported}"
        raise invalid_parameter("currency", message)
    return currency


def check_amount(amount: int, currency: str) -> int:
    """Return the amount, in minor units, if Stripe charges it in this currency.

    Raises
    ------
    StripeError
        With code ``amount_too_small``, ``amount_too_large`` or ``parameter_invalid_integer``.
    """
    if amount < 1:
        raise invalid_integer("amount", "This value must be greater than or equal to 1.")
    if amount < MINIMUM[currency]:
        raise _out_of_range("amount_too_small", "at least", MINIMUM[currency], currency)
    if amount > MAXIMUM:
        raise _out_of_range("amount_too_large", "no more than", MAXIMUM, currency)
    if _DECIMALS.get(currency) == 3 and amount % 10:
        # "Three-decimal currencies": the last digit must be zero.
        raise invalid_integer("amount", f"Invalid amount: amounts in {currency} must be rounded to the nearest ten.")
    return amount


def _out_of_range(code: str, relation: str, bound: int, currency: str) -> StripeError:
    decimals = _DECIMALS.get(currency, 2)
    shown = f"{bound // 10**decimals}.{bound % 10**decimals:0{decimals}}" if decimals else str(bound)
    return invalid_parameter("amount", f"Amount must be {relation} {shown} {currency}", code)
