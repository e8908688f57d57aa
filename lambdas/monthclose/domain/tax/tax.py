"""Taxes: which rates a customer pays, and what they come to.

Rounding: the tax of each rate is worked out once on the sum of the lines it applies to, and rounded to the minor
unit, half away from zero. EN 16931, BR-CO-17: taxable amount x rate / 100, rounded to two decimals (the currency's
minor unit here). Half away from zero, not half to even as lines are: it is what tax offices and the published
validation rules compute, and it makes a credit note the exact opposite of its invoice.

Tax on tax does not exist here: each rate applies to the same net sum (as in Canada since Quebec gave up the other way).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import EXACT, Money

_MEMBERS = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_MEMBERS.split())
"""Member states, ISO 3166. Their tax ids begin with the same letters, but Greece's with EL."""


class TaxCategory(StrEnum):
    """Why a rate is what it is: codes of UNTDID 5305 as EN 16931 allows them, except IC (intra-community goods)."""

    STANDARD = "S"
    """Any rate above zero, reduced ones too."""
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    """The buyer owes the tax."""
    EXPORT = "G"
    OUTSIDE_SCOPE = "O"


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate that applies to a customer.

    Parameters
    ----------
    name : str
        As the invoice says it: `VAT`, `GST`, `Sales tax, New York`.
    percent : Decimal
        `19` for 19 %.
    note : str
        What the law wants said on the invoice, e.g. why nothing is charged.
    """

    name: str
    percent: Decimal
    category: TaxCategory = TaxCategory.STANDARD
    note: str = ""


@dataclass(frozen=True, slots=True)
class Taxation:
    """How one customer's invoice is taxed: the rates, and whether prices have the tax in them already."""

    rates: tuple[TaxRate, ...] = ()
    inclusive: bool = False


UNTAXED = Taxation()
"""Without a tax table: no tax lines, and the total is the sum of the lines."""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One rate's line on the invoice: `amount` is `base` x `rate.percent` / 100, rounded once."""

    rate: TaxRate
    base: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class Taxed:
    """What an invoice comes to: `net` + the taxes' amounts = `total`."""

    net: Money
    lines: tuple[TaxLine, ...]
    total: Money

    @property
    def tax(self) -> Money:
        """All taxes together."""
        return Money.sum((line.amount for line in self.lines), self.total.currency)


def taxed(amounts: Iterable[Money], taxation: Taxation, currency: str) -> Taxed:
    """Tax the lines of an invoice (discounts are lines with negative amounts).

    With inclusive prices the total stays the sum of the lines, and each tax is that sum x rate / (100 + all rates),
    rounded; what is left is the net. So *net + taxes = total* holds exactly either way.
    """
    sum_of_lines = Money.sum(amounts, currency)
    percents = [rate.percent for rate in taxation.rates]
    divisor = Decimal(100) + (sum(percents, Decimal(0)) if taxation.inclusive else 0)
    taxes = [_share(sum_of_lines, percent, divisor) for percent in percents]
    all_tax = Money.sum(taxes, currency)
    net = sum_of_lines - all_tax if taxation.inclusive else sum_of_lines
    lines = tuple(TaxLine(rate, net, tax) for rate, tax in zip(taxation.rates, taxes, strict=True))
    return Taxed(net, lines, net + all_tax)


def net_amounts(amounts: Sequence[Money], taxation: Taxation, currency: str) -> list[Money]:
    """Take the tax out of each line, so that the net lines sum to the invoice's net to the minor unit.

    Largest remainders: each line is rounded down, and what is missing goes to the lines that lost the most, the earlier
    of two equals. EN 16931 (BR-CO-10) wants net lines whose sum is the net total, also where prices are gross.
    """
    if not taxation.inclusive or not taxation.rates:
        return list(amounts)
    target = taxed(amounts, taxation, currency).net.minor
    percent = sum((rate.percent for rate in taxation.rates), Decimal(100))
    ratio = percent.as_integer_ratio()  # net = gross x 100 / percent, in whole numbers
    floors = [divmod(amount.minor * 100 * ratio[1], ratio[0]) for amount in amounts]
    missing = target - sum(floor for floor, _ in floors)
    # Rounding the tax may move the net by one beyond what the remainders explain: then go round once more, or back.
    order = sorted(range(len(floors)), key=lambda i: (-floors[i][1], i))
    nets = [floor for floor, _ in floors]
    for step in range(abs(missing)):
        nets[order[step % len(order)] if missing > 0 else order[-1 - step % len(order)]] += 1 if missing > 0 else -1
    return [Money(net, currency) for net in nets]


def not_covered(country: str, region: str, on: date) -> ParkCustomerError:
    """Say that a customer's jurisdiction has no rates: they wait for a person instead of being billed untaxed."""
    if not country:
        return ParkCustomerError(
            "tax_not_covered", "the customer has no country, and tax depends on it; import one (ISO 3166, like DE)"
        )
    where = f"{country}, region {region!r}," if region else f"{country} (no region given)"
    return ParkCustomerError(
        "tax_not_covered", f"the tax table has no rate for {where} on {on}; add one and import the table again"
    )


def _share(amount: Money, percent: Decimal, divisor: Decimal) -> Money:
    """Compute amount x percent / divisor in whole numbers: a division of decimals may not be exact."""
    exact = EXACT.multiply(Decimal(amount.minor), percent).as_integer_ratio()
    divide = divisor.as_integer_ratio()
    numerator, denominator = exact[0] * divide[1], exact[1] * divide[0]
    whole, rest = divmod(abs(numerator), denominator)
    rounded = whole + (2 * rest >= denominator)
    return Money(rounded if numerator >= 0 else -rounded, amount.currency)
