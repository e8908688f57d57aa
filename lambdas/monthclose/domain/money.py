"""Money: integers in a currency's minor unit, never floats, never two currencies in one sum.

The rounding rule of the product: arithmetic is exact; a line is rounded once, half to even, to the minor unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import (
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction

from monthclose.domain.errors import AmountTooLargeError, UserMistakeError

# ISO 4217 (list one, 2026): active currencies by number of decimals of the minor unit.
_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
        "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
        "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
        "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
        "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST "
        "XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENT_BY_CURRENCY = {code: digits for digits, codes in _EXPONENTS.items() for code in codes.split()}

MOST_MINOR = 10**18 - 1
"""The largest amount of a line, an invoice, a payment or an account, in minor units; the same below zero.

DynamoDB's numbers hold 38 digits and JSON's readers often 19, so all that is booked has at most 18; sums over every
customer of every close have room. It is enough for 9 quadrillion dollars, and for the currencies with the longest
figures, and nobody's usage comes to more: what does is a mistake in the data.
"""

_TYPED = re.compile(r"[+-]?[0-9]{1,30}(\.(?P<decimals>[0-9]{1,30}))?")
# Exact or an error: 400 digits hold every product and sum that the input limits allow; a rounding would trap.
EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Clamped])


def in_figures(number: Decimal | str) -> str:
    """Write a quantity or a price for people: thousands apart, exact, without zeros at its end."""
    return f"{Decimal(number).normalize(EXACT):,f}"


def exponent(currency: str) -> int:
    """Number of decimals of the currency's minor unit, by ISO 4217.

    Raises
    ------
    UserMistakeError
        The code is not an active ISO 4217 currency.
    """
    try:
        return EXPONENT_BY_CURRENCY[currency]
    except KeyError:
        raise UserMistakeError(f"{currency!r} is not an ISO 4217 currency (three capitals, like EUR)") from None


def check_minor(minor: int, currency: str, what: str) -> None:
    """Refuse an amount that is too large to be booked; `what` names it in the message.

    Raises
    ------
    AmountTooLargeError
        It is beyond `MOST_MINOR`.
    """
    if abs(minor) > MOST_MINOR:
        raise AmountTooLargeError(
            f"{what} has {len(str(abs(minor)))} digits in the minor unit of {currency}; the books hold at most "
            f"{len(str(MOST_MINOR))}: check the quantities, prices and amounts"
        )


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency.

    Parameters
    ----------
    minor : int
        The amount in minor units (cents for USD, yen for JPY); may be negative.
    currency : str
        ISO 4217 code.
    """

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.figures} {self.currency}"

    @property
    def figures(self) -> str:
        """The amount without its currency, where that is said beside it: `1,234.50`."""
        digits = exponent(self.currency)
        return f"{Decimal(self.minor).scaleb(-digits, EXACT):,.{digits}f}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be mixed")
        return other

    @property
    def major(self) -> Decimal:
        """The amount in major units (dollars), exactly."""
        return Decimal(self.minor).scaleb(-exponent(self.currency), EXACT)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read an amount in major units as a person types it: `12.50`, `-3`, exact to the minor unit.

        Raises
        ------
        UserMistakeError
            It is no number, has more decimals than the currency, or is more than the books hold.
        """
        digits = exponent(currency)
        match = _TYPED.fullmatch(text.strip())
        if not match:
            raise UserMistakeError(f"{text!r} is not an amount; write it with a dot and no separators, like 1250.50")
        if len(match["decimals"] or "") > digits:
            most = f"at most {digits} decimals" if digits else "no decimals"
            raise UserMistakeError(f"{text} has too many decimals: amounts in {currency} have {most}")
        minor = int(Decimal(match[0]).scaleb(digits, EXACT))
        check_minor(minor, currency, "the amount")
        return cls(minor, currency)

    @classmethod
    def rounded(cls, major: Decimal | Fraction, currency: str) -> Money:
        """Round an exact amount in major units (dollars) to the minor unit, half to even."""
        return cls(round(Fraction(major) * 10 ** exponent(currency)), currency)

    @classmethod
    def sum(cls, amounts: Iterable[Money], currency: str) -> Money:
        """Sum amounts of one currency; nothing to add is zero."""
        total = cls(0, currency)
        for amount in amounts:
            total += amount
        return total


def shared_out(target: int, exact: Sequence[Fraction]) -> list[int]:
    """Round shares to whole numbers that sum to a target: each down, then the largest remainders up.

    Rounding what the target comes from may move it by more than the remainders explain: then once more around, or back.
    """
    floors = [share.numerator // share.denominator for share in exact]
    lost = [share - floor for share, floor in zip(exact, floors, strict=True)]
    order = sorted(range(len(floors)), key=lambda place: (-lost[place], place))
    around, more = divmod(target - sum(floors), len(floors))
    shares = [floor + around for floor in floors]
    for place in order[:more]:
        shares[place] += 1
    return shares
