"""Taxes: which rates a customer pays, and what they come to.

Rounding: unless the tax table says otherwise, the tax of each rate is worked out once on the sum of the lines it
applies to, and rounded to the minor unit, half away from zero. EN 16931, BR-CO-17: taxable amount x rate / 100, rounded
to two decimals (the currency's minor unit here). Half away from zero, not half to even as lines are: it is what tax
offices and the published validation rules compute, and it makes a credit note the exact opposite of its invoice.

Each rate applies to the net of its lines, unless the table puts it on top of other taxes (`on_top_of`): then those
taxes are part of what it is computed on, as Quebec's QST was on the GST until 2012.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

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


class Rounding(StrEnum):
    """When a tax is rounded to the minor unit."""

    SUM = "sum"
    """Once, on the sum of the lines that it applies to."""
    LINE = "line"
    """On each line; the tax is the sum of the rounded ones."""


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
    on_top_of : tuple of str
        Names of the taxes that are part of what this one is computed on.
    """

    name: str
    percent: Decimal
    category: TaxCategory = TaxCategory.STANDARD
    note: str = ""
    on_top_of: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Name and percent, in English: `VAT 19%`."""
        return f"{self.name} {self.percent.normalize(EXACT):f}%"


@dataclass(frozen=True, slots=True)
class Taxation:
    """How one customer's invoice is taxed.

    Parameters
    ----------
    rates : tuple of TaxRate
        Of what has no tax class.
    inclusive : bool
        Whether prices have the taxes in them already.
    classes : mapping
        The rates of each tax class that the table knows; none where it has no rate for the class at this place.
    place : str
        The customer's jurisdiction and the day, for messages.
    """

    rates: tuple[TaxRate, ...] = ()
    inclusive: bool = False
    classes: Mapping[str, tuple[TaxRate, ...]] = field(default_factory=dict)
    rounding: Rounding = Rounding.SUM
    place: str = ""

    def rates_of(self, tax_class: str) -> tuple[TaxRate, ...]:
        """Find the rates of a tax class; "" is what has none.

        Raises
        ------
        ParkCustomerError
            The table has no rate for it (`tax_not_covered`): taxing it like everything else would be a guess.
        """
        if not self.rates and not self.classes:
            return ()
        found = self.classes.get(tax_class) if tax_class else self.rates
        if found is None:
            raise ParkCustomerError(
                "tax_not_covered",
                f"the tax table does not know the tax class {tax_class!r}: name it in a rate, or in the table's "
                "`classes` if it is taxed like everything else, and import the table again",
            )
        if not found:
            what = f"the tax class {tax_class!r}" if tax_class else "what has no tax class"
            raise ParkCustomerError(
                "tax_not_covered",
                f"the tax table has no rate for {what} in {self.place}; add one and import the table again",
            )
        return found


UNTAXED = Taxation()
"""Without a tax table: no tax lines, and the total is the sum of the lines."""


class Taxable(NamedTuple):
    """An amount that is taxed: a line's, or a discount's, which is negative."""

    amount: Money
    tax_class: str = ""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One rate's line on the invoice: `amount` is `base` x `rate.percent` / 100, rounded.

    Parameters
    ----------
    base : Money
        The net of the lines that it is on, and the taxes that it is on top of.
    classes : tuple of str
        The tax classes of those lines ("" for none); empty: it is on all lines of the invoice.
    """

    rate: TaxRate
    base: Money
    amount: Money
    classes: tuple[str, ...] = ()

    def is_on(self, tax_class: str) -> bool:
        """Whether it is on the lines of a tax class."""
        return not self.classes or tax_class in self.classes

    def opposite(self) -> TaxLine:
        """The same on a credit note."""
        return TaxLine(self.rate, -self.base, -self.amount, self.classes)


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


def not_covered(country: str, region: str, on: date) -> ParkCustomerError:
    """Say that a customer's jurisdiction has no rates: they wait for a person instead of being billed untaxed."""
    if not country:
        return ParkCustomerError(
            "tax_not_covered", "the customer has no country, and tax depends on it; import one (ISO 3166, like DE)"
        )
    return ParkCustomerError(
        "tax_not_covered",
        f"the tax table has no rate for {where(country, region, on)}; add one and import the table again",
    )


def where(country: str, region: str, on: date) -> str:
    """Name a jurisdiction and a day in a message."""
    return f"{f'{country}, region {region!r},' if region else f'{country} (no region given)'} on {on}"
