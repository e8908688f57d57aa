"""The tax table: rules by country and region, each for a span of days, and who owes the tax themselves.

    seller = "DE"                       # where the company is established

    [[rate]]
    countries = ["DE"]
    name = "VAT"
    percent = "19"
    from = 2007-01-01                   # first day; without it, always
    until = 2027-01-01                  # first day that it does not apply any more; without it, for good
    inclusive = true                    # prices include this tax; default: false

    [[rate]]
    countries = ["CA"]
    regions = ["QC"]                    # only there; without it, in the whole country
    name = "QST"
    percent = "9.975"

    [[rate]]
    countries = ["DE"]
    name = "VAT"
    percent = "7"
    classes = ["books"]                 # only what the price book gives this tax class, instead of the 19 % above

    [[reverse_charge]]
    countries = "EU"                    # its member states, also in a list: ["EU", "NO"]
    note = "Reverse charge: the recipient owes the VAT (Article 196, Directive 2006/112/EC)."

All rates that match a customer apply together (GST and QST). Of rates with the same name, the one that names a line's
tax class applies, and the one that names no class to everything else. Who has a tax id and sits in a reverse-charge
country that is not the seller's pays none. There is no rule for "everywhere else", and none for a tax class that the
table does not know: what nobody thought of must park.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

from monthclose.domain.tax.tax import EU, UNTAXED, Rounding, Taxation, TaxRate, not_covered, where

EVER, NEVER = date(1, 1, 1), date(9999, 12, 31)
"""The bounds of a rule without a first or a last day."""


@dataclass(frozen=True, slots=True)
class TaxRule:
    """One rate and where and when it applies; no regions mean the whole country.

    Parameters
    ----------
    classes : tuple of str
        The tax classes that it is for; empty: all that no rule of the same name is for.
    """

    countries: tuple[str, ...]
    regions: tuple[str, ...]
    rate: TaxRate
    inclusive: bool = False
    start: date = EVER
    end: date = NEVER
    classes: tuple[str, ...] = ()

    def applies(self, country: str, region: str, on: date) -> bool:
        """Whether the rate is charged there on that day."""
        return country in self.countries and (not self.regions or region in self.regions) and self.covers(on)

    def covers(self, on: date) -> bool:
        """Whether the day is within its span."""
        return self.start <= on < self.end

    def meets(self, other: TaxRule) -> bool:
        """Whether some customer gets both on some day."""
        same_region = not self.regions or not other.regions or bool(set(self.regions) & set(other.regions))
        same_day = self.start < other.end and other.start < self.end
        return bool(set(self.countries) & set(other.countries)) and same_region and same_day

    def is_like(self, other: TaxRule) -> bool:
        """Whether some tax class would get both, were they called the same."""
        return bool(set(self.classes) & set(other.classes)) if self.classes or other.classes else True


@dataclass(frozen=True)
class TaxTable:
    """All rules of a seller. `reverse_charge` rules have a rate of zero.

    Parameters
    ----------
    rounding : Rounding
        When taxes are rounded.
    classes : tuple of str
        Tax classes that are taxed like everything else wherever no rule names them.
    """

    seller: str
    rules: tuple[TaxRule, ...] = ()
    reverse_charge: tuple[TaxRule, ...] = ()
    rounding: Rounding = Rounding.SUM
    classes: tuple[str, ...] = ()

    def for_customer(self, country: str, region: str, tax_id: str, on: date) -> Taxation:
        """Find how a customer is taxed on a day: the last of the period, for usage over a month.

        Parameters
        ----------
        tax_id : str
            Valid, with the country's letters in front where the country is one of the EU; or empty.

        Raises
        ------
        ParkCustomerError
            The table has nothing for their jurisdiction (`tax_not_covered`).
        """
        country, region = country.strip().upper(), region.strip().upper()
        owed_by_buyer = tax_id and country != self.seller and _belongs(tax_id, country)
        reverse = [r for r in self.reverse_charge if r.applies(country, region, on)] if owed_by_buyer else []
        rules = [rule for rule in self.rules if rule.applies(country, region, on)]
        if not rules and not reverse:
            raise not_covered(country, region, on)
        general = _chosen(rules, reverse, "")
        by_class = {name: _chosen(rules, reverse, name) for name in self.known_classes}
        return Taxation(
            rates=tuple(rule.rate for rule in general),
            inclusive=any(rule.inclusive for chosen in (general, *by_class.values()) for rule in chosen),
            classes={name: tuple(rule.rate for rule in chosen) for name, chosen in by_class.items()},
            rounding=self.rounding,
            place=where(country, region, on),
        )

    @cached_property
    def known_classes(self) -> tuple[str, ...]:
        """All tax classes that it names."""
        named = (name for rule in (*self.rules, *self.reverse_charge) for name in rule.classes)
        return tuple(sorted({*self.classes, *named}))

    @cached_property
    def version(self) -> str:
        """Content hash: two tables with the same rules have the same version."""
        return hashlib.sha256(json.dumps(_said(asdict(self)), default=str).encode()).hexdigest()[:16]


def _chosen(rules: Sequence[TaxRule], reverse: Sequence[TaxRule], tax_class: str) -> list[TaxRule]:
    """Choose the rules for a tax class: of those of the same name the one that names it."""
    for candidates in ([r for r in reverse if tax_class in r.classes], [r for r in reverse if not r.classes]):
        if candidates:
            return candidates[:1]
    named = {rule.rate.name for rule in rules if tax_class in rule.classes}
    return [r for r in rules if tax_class in r.classes or (not r.classes and r.rate.name not in named)]


def _said(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out what tables of earlier releases could not say, where it says nothing: their versions stay."""
    rules = [*content["rules"], *content["reverse_charge"]]
    for place, newer in ((content, ("rounding", "classes")), *((rule, ("classes",)) for rule in rules)):
        for name in newer:
            if place[name] in ((), Rounding.SUM):
                del place[name]
    for rule in rules:
        if not rule["rate"]["on_top_of"]:
            del rule["rate"]["on_top_of"]
    return content


@dataclass(frozen=True, slots=True)
class NoTaxTable:
    """What stands in for a table until one is imported: nobody is taxed, and nobody parked for it."""

    def for_customer(self, country: str, region: str, tax_id: str, on: date) -> Taxation:  # noqa: ARG002
        """Tax nobody."""
        return UNTAXED


def _belongs(tax_id: str, country: str) -> bool:
    """Whether a tax id is of the country: in the EU its letters say so."""
    return country not in EU or tax_id.startswith("EL" if country == "GR" else country)
