"""Which amounts Stripe accepts in which currency (Stripe docs, "Supported currencies")."""

from sandbox.stripe.errors import StripeError, invalid_integer, invalid_parameter

_PRESENTMENT = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp"
    " cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr"
    " isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn"
    " myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle"
    " sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw"
)
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMAL = "bhd jod kwd omr tnd"

PRESENTMENT = frozenset(_PRESENTMENT.split())
"""What can be charged in ("Presentment currencies")."""

# Smallest charge in minor units ("Minimum and maximum charge amounts"), by the currency that the charge settles in.
# A currency that is not here never is a settlement currency: what is charged in it is converted, at the rates that the
# sandbox was given (:class:`sandbox.stripe.balance.Settlement`); without a rate its smallest amount goes.
MINIMUM = {
    "usd": 50,
    "aed": 200,
    "bgn": 100,
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

_DECIMALS = {**dict.fromkeys(_ZERO_DECIMAL.split(), 0), **dict.fromkeys(_THREE_DECIMAL.split(), 3)}
_WHOLE_ONLY = frozenset({"isk", "ugx"})
"""Written with two decimals that are always 00, since they were changed to have none ("Special cases"). HUF and TWD are
special for payouts only: charges of them have two decimals."""


def decimals(currency: str) -> int:
    """Return how many decimals Stripe's amounts in a currency have, which is not always what ISO 4217 says."""
    return _DECIMALS.get(currency, 2)


def check_currency(currency: str) -> str:
    """Return the currency if Stripe accepts it: three letters, all lower case."""
    if currency not in PRESENTMENT:
        supported = ", ".join(sorted(PRESENTMENT))
        message = f"Invalid currency: {currency}. Stripe currently supports these currencies: {supported}"
        raise invalid_parameter("currency", message)
    return currency


def check_amount(amount: int, currency: str) -> int:
    """Return the amount, in minor units, if Stripe charges it in this currency, apart from its minimum.

    Raises
    ------
    StripeError
        With code ``amount_too_large`` or ``parameter_invalid_integer``.
    """
    if amount < 1:
        raise invalid_integer("amount", "This value must be greater than or equal to 1.")
    most = _MORE_DIGITS.get(currency, MAXIMUM)
    if amount > most:
        raise _out_of_range("amount_too_large", "no more than", most, currency)
    check_digits(amount, currency)
    return amount


def check_digits(amount: int, currency: str) -> None:
    """Refuse an amount whose last digits the currency does not have."""
    if decimals(currency) == 3 and amount % 10:
        raise invalid_integer("amount", f"Invalid amount: amounts in {currency} must be rounded to the nearest ten.")
    if currency in _WHOLE_ONLY and amount % 100:
        message = f"Invalid amount: {currency} has no decimals any more; the last two digits must be 00."
        raise invalid_integer("amount", message)


def check_minimum(settles_as: int, currency: str, amount: int, charged: str) -> None:
    """Refuse what settles as less than the smallest charge of the settlement currency.

    Parameters
    ----------
    settles_as, currency
        What the charge settles as, in minor units.
    amount, charged
        What is charged.
    """
    minimum = MINIMUM.get(currency, 1)
    if settles_as >= minimum:
        return
    if currency == charged:
        raise _out_of_range("amount_too_small", "at least", minimum, currency)
    message = (
        f"Amount must convert to at least {_shown(minimum, currency)} {currency}. {_shown(amount, charged)} {charged} "
        f"converts to approximately {_shown(settles_as, currency)} {currency}."
    )
    raise invalid_parameter("amount", message, "amount_too_small")


def _out_of_range(code: str, relation: str, bound: int, currency: str) -> StripeError:
    return invalid_parameter("amount", f"Amount must be {relation} {_shown(bound, currency)} {currency}", code)


def _shown(amount: int, currency: str) -> str:
    places = decimals(currency)
    return f"{amount // 10**places}.{amount % 10**places:0{places}}" if places else str(amount)
