"""Which amounts Stripe takes in which currency (Stripe docs, "Supported currencies")."""

from sandbox.stripe.errors import StripeError, invalid_integer, invalid_parameter

_TAKEN = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf "
    "clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils "
    "inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk "
    "mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp "
    "sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw"
)
"""Presentment currencies, and those of three decimals."""

# Smallest charge in minor units ("Minimum and maximum charge amounts"), where the currency is one that Stripe pays out.
# For the others it converts, which the sandbox does not, so they have the smallest amount.
MINIMUM = dict.fromkeys(_TAKEN.split(), 1) | {
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
}
MAXIMUM = 99_999_999
"""Eight digits, in any currency (PaymentIntent, ``amount``) but those of `_MORE_DIGITS`."""
_MORE_DIGITS = {"idr": 999_999_999_999}

_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_DECIMALS = {
    **dict.fromkeys(_ZERO_DECIMAL.split(), 0),
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 3),
}
_WHOLE_ONLY = ("isk", "ugx")
"""Zero-decimal currencies that are written with two decimals all the same ("Special cases")."""


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
    most = _MORE_DIGITS.get(currency, MAXIMUM)
    if amount > most:
        raise _out_of_range("amount_too_large", "no more than", most, currency)
    if _DECIMALS.get(currency) == 3 and amount % 10:
        # "Three-decimal currencies": the last digit must be zero.
        raise invalid_integer("amount", f"Invalid amount: amounts in {currency} must be rounded to the nearest ten.")
    if currency in _WHOLE_ONLY and amount % 100:
        raise invalid_integer("amount", f"Invalid amount: amounts in {currency} must be divisible by 100.")
    return amount


def _out_of_range(code: str, relation: str, bound: int, currency: str) -> StripeError:
    decimals = _DECIMALS.get(currency, 2)
    shown = f"{bound // 10**decimals}.{bound % 10**decimals:0{decimals}}" if decimals else str(bound)
    return invalid_parameter("amount", f"Amount must be {relation} {shown} {currency}", code)
