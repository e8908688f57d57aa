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

    [[reverse_charge]]
    countries = "EU"                    # its member states, also in a list: ["EU", "NO"]
    note = "Reverse charge: the recipient owes the VAT (Article 196, Directive 2006/112/EC)."

All rates that match a customer apply together (GST and QST). Who has a tax id and sits in a reverse-charge country
that is not the seller's pays none. There is no rule for "everywhere else": a place nobody thought of must park.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import EXACT
from monthclose.domain.tax.places import check_places, spelt_out
from monthclose.domain.tax.tax import EU, UNTAXED, Taxation, TaxCategory, TaxRate, not_covered
from monthclose.domain.text import parse_decimal
from monthclose.domain.toml import read_toml

_RATE_KEYS = ("countries", "regions", "name", "percent", "category", "note", "from", "until", "inclusive")
_REVERSE_KEYS = ("countries", "name", "note", "from", "until")
_COUNTRY = re.compile(r"[A-Z]{2}")
_EVER, _NEVER = date(1, 1, 1), date(9999, 12, 31)
_MOST_RULES = 2000
"""Each is compared with each other."""


@dataclass(frozen=True, slots=True)
class TaxRule:
    """One rate and where and when it applies; no regions mean the whole country."""

    countries: tuple[str, ...]
    regions: tuple[str, ...]
    rate: TaxRate
    inclusive: bool = False
    start: date = _EVER
    end: date = _NEVER

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


@dataclass(frozen=True, slots=True)
class TaxTable:
    """All rules of a seller. `reverse_charge` rules have a rate of zero."""

    seller: str
    rules: tuple[TaxRule, ...] = ()
    reverse_charge: tuple[TaxRule, ...] = ()

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
        if tax_id and country != self.seller and _belongs(tax_id, country):
            reverse = [rule.rate for rule in self.reverse_charge if rule.applies(country, region, on)]
            if reverse:
                return Taxation((reverse[0],))
        found = [rule for rule in self.rules if rule.applies(country, region, on)]
        if not found:
            raise not_covered(country, region, on)
        return Taxation(tuple(rule.rate for rule in found), found[0].inclusive)

    @property
    def version(self) -> str:
        """Content hash: two tables with the same rules have the same version."""
        return hashlib.sha256(json.dumps(asdict(self), default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class NoTaxTable:
    """What stands in for a table until one is imported: nobody is taxed, and nobody parked for it."""

    def for_customer(self, country: str, region: str, tax_id: str, on: date) -> Taxation:  # noqa: ARG002
        """Tax nobody."""
        return UNTAXED


def new_tax_table(toml: bytes) -> TaxTable:
    """Read a table that somebody imports: its places must be codes, or customers there would never be found.

    Stored ones are read by `read_tax_table`: closes continue with tables that were accepted before this was checked.

    Raises
    ------
    UserMistakeError
        It cannot be used; the message names the line or the entry.
    """
    table = read_tax_table(toml)
    check_places("seller", (table.seller,))
    for kind, rules in (("rate", table.rules), ("reverse_charge", table.reverse_charge)):
        for n, rule in enumerate(rules, 1):
            check_places(f"{kind} {n}", rule.countries, rule.regions)
    return table


def read_tax_table(toml: bytes) -> TaxTable:
    """Read a table from TOML.

    Raises
    ------
    UserMistakeError
        It cannot be used; the message names the line or the entry.
    """
    try:
        return parse_tax_table(read_toml(toml.decode()))
    except UnicodeDecodeError as error:
        raise UserMistakeError(f"this is not TOML: {error}") from None


def parse_tax_table(values: Mapping[str, Any]) -> TaxTable:
    """Read a table as it comes out of TOML.

    Raises
    ------
    UserMistakeError
        It cannot be used; the message names the entry (`rate 3`) and what is wrong with it.
    """
    _known(values, ("seller", "rate", "reverse_charge"), "the tax table")
    seller = values.get("seller")
    if not isinstance(seller, str) or not _COUNTRY.fullmatch(seller):
        raise UserMistakeError('seller: the company\'s own country is needed, as two capitals of ISO 3166, like "DE"')
    if max(len(_entries(values, kind)) for kind in ("rate", "reverse_charge")) > _MOST_RULES:
        raise UserMistakeError(f"the tax table has more than {_MOST_RULES:,} entries of one kind")
    rules = [_rule(entry, f"rate {n}") for n, entry in enumerate(_entries(values, "rate"), 1)]
    reverse = [
        _reverse_rule(entry, f"reverse_charge {n}") for n, entry in enumerate(_entries(values, "reverse_charge"), 1)
    ]
    if not rules:
        raise UserMistakeError("the tax table has no [[rate]]: every customer would be parked")
    for kind, known in (("rate", rules), ("reverse_charge", reverse)):
        for (n, one), (m, other) in itertools.combinations(enumerate(known, 1), 2):
            _check_pair(f"{kind} {n}", one, f"{kind} {m}", other)
    return TaxTable(seller, tuple(rules), tuple(reverse))


def _check_pair(first: str, one: TaxRule, second: str, other: TaxRule) -> None:
    if not one.meets(other):
        return
    where = f"in {', '.join(sorted(set(one.countries) & set(other.countries)))}"
    if one.rate.name == other.rate.name:
        raise UserMistakeError(
            f"{first} and {second} are both called {one.rate.name!r} and overlap {where}: end the one with `until` "
            "where the other begins, or give them different regions"
        )
    if one.inclusive != other.inclusive:
        raise UserMistakeError(f"{first} and {second} apply together {where}, but only one of them is inclusive")


def _rule(entry: Mapping[str, Any], what: str) -> TaxRule:
    _known(entry, _RATE_KEYS, what)
    percent = _percent(entry, what)
    category = _category(entry, percent, what)
    start, end = _span(entry, what)
    regions = _texts(entry.get("regions", []), f"{what}: regions")
    rate = TaxRate(_text(entry, "name", what), percent, category, _text(entry, "note", what, default=""))
    if not percent and category is not TaxCategory.ZERO and not rate.note:
        raise UserMistakeError(f"{what}: a note is needed: the invoice must say why no tax is charged ({category})")
    return TaxRule(
        _countries(entry, what), tuple(region.upper() for region in regions), rate, _flag(entry, what), start, end
    )


def _reverse_rule(entry: Mapping[str, Any], what: str) -> TaxRule:
    _known(entry, _REVERSE_KEYS, what)
    rate = TaxRate(
        _text(entry, "name", what, default="VAT"),
        Decimal(0),
        TaxCategory.REVERSE_CHARGE,
        _text(entry, "note", what),
    )
    start, end = _span(entry, what)
    return TaxRule(_countries(entry, what), (), rate, False, start, end)


def _category(entry: Mapping[str, Any], percent: Decimal, what: str) -> TaxCategory:
    text = entry.get("category", TaxCategory.STANDARD if percent else TaxCategory.ZERO)
    allowed = [category for category in TaxCategory if category is not TaxCategory.REVERSE_CHARGE]
    if text not in allowed:
        raise UserMistakeError(f"{what}: category {text!r} is not one of {', '.join(allowed)}")
    if (text == TaxCategory.STANDARD) != bool(percent):
        raise UserMistakeError(f"{what}: category S is for rates above zero, and the others for zero")
    return TaxCategory(text)


def _percent(entry: Mapping[str, Any], what: str) -> Decimal:
    value = entry.get("percent")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserMistakeError(f'{what}: percent is needed as text or a whole number, like "9.975" or 19')
    try:
        percent = parse_decimal(str(value), "percent")
    except UserMistakeError as error:
        raise UserMistakeError(f"{what}: {error}") from None
    if not 0 <= percent <= 100:
        raise UserMistakeError(f"{what}: percent {value} is not from 0 to 100")
    return Decimal(f"{percent.normalize(EXACT):f}")  # 19.00 is 19, and 10 isn't 1E+1


def _span(entry: Mapping[str, Any], what: str) -> tuple[date, date]:
    days = []
    for key, default in (("from", _EVER), ("until", _NEVER)):
        value = entry.get(key, default)
        if isinstance(value, datetime) or not isinstance(value, date):
            raise UserMistakeError(f"{what}: {key} is not a date; write it without quotes, like 2027-01-01")
        days.append(value)
    if days[0] >= days[1]:
        raise UserMistakeError(f"{what}: it ends ({days[1]}) before it begins ({days[0]})")
    return days[0], days[1]


def _countries(entry: Mapping[str, Any], what: str) -> tuple[str, ...]:
    value = entry.get("countries")
    countries = _texts(["EU"] if value == "EU" else value, f"{what}: countries")
    wrong = [country for country in countries if not _COUNTRY.fullmatch(country)]
    if wrong or not countries:
        raise UserMistakeError(f'{what}: countries is a list of ISO 3166 codes, like ["DE", "FR"], or "EU"')
    return spelt_out(countries)


def _entries(values: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    entries = values.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UserMistakeError(f"{key}: write each entry as a table, headed [[{key}]]")
    return entries


def _known(values: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    for key in values:
        if key not in keys:
            raise UserMistakeError(f"{what}: {key!r} is unknown; choose from {', '.join(keys)}")


def _text(entry: Mapping[str, Any], key: str, what: str, *, default: str | None = None) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()) or len(value) > 300:
        raise UserMistakeError(f"{what}: {key} is needed, a text of at most 300 characters")
    return value.strip()


def _texts(value: object, what: str) -> tuple[str, ...]:
    if isinstance(value, str) and value.strip():
        listed = ", ".join(f'"{part.upper()}"' for part in re.split(r"\s*[,;]\s*", value.strip()) if part)
        raise UserMistakeError(f"{what} is a list, even of one: write [{listed}]")
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise UserMistakeError(f"{what} is a list of codes in quotes")
    return tuple(text.strip() for text in value)


def _flag(entry: Mapping[str, Any], what: str) -> bool:
    value = entry.get("inclusive", False)
    if not isinstance(value, bool):
        raise UserMistakeError(f"{what}: inclusive must be true or false")
    return value


def _belongs(tax_id: str, country: str) -> bool:
    """Whether a tax id is of the country: in the EU its letters say so."""
    return country not in EU or tax_id.startswith("EL" if country == "GR" else country)
