"""Reading a tax table from TOML; a file with any mistake is refused entirely, and the message names the entry."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import EXACT
from monthclose.domain.tax.places import check_places, spelt_out
from monthclose.domain.tax.tax import Rounding, TaxCategory, TaxRate
from monthclose.domain.tax.tax_table import EVER, NEVER, TaxRule, TaxTable
from monthclose.domain.text import check_key, parse_decimal
from monthclose.domain.toml import read_toml

_TABLE_KEYS = ("seller", "rounding", "classes", "rate", "reverse_charge")
_RATE_KEYS = (
    *("countries", "regions", "name", "percent", "category", "note", "from", "until", "inclusive"),
    *("classes", "on_top_of"),
)
_REVERSE_KEYS = ("countries", "name", "note", "from", "until", "classes")
_COUNTRY = re.compile(r"[A-Z]{2}")
_MOST_RULES = 2000
"""Each is compared with each other."""


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
    _known(values, _TABLE_KEYS, "the tax table")
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
    _check_on_top(rules)
    return TaxTable(seller, tuple(rules), tuple(reverse), _rounding(values), _classes(values, "the tax table"))


def _check_pair(first: str, one: TaxRule, second: str, other: TaxRule) -> None:
    if not one.meets(other):
        return
    places = f"in {', '.join(sorted(set(one.countries) & set(other.countries)))}"
    if one.rate.name == other.rate.name and one.is_like(other):
        raise UserMistakeError(
            f"{first} and {second} are both called {one.rate.name!r} and overlap {places}: end the one with `until` "
            "where the other begins, or give them different regions or classes"
        )
    if one.inclusive != other.inclusive:
        raise UserMistakeError(f"{first} and {second} apply together {places}, but only one of them is inclusive")


def _check_on_top(rules: Sequence[TaxRule]) -> None:
    """Refuse taxes on top of none, and circles of them."""
    below = {rule.rate.name: set[str]() for rule in rules}
    for n, rule in enumerate(rules, 1):
        beside = {other.rate.name for other in rules if other.meets(rule)}
        for name in rule.rate.on_top_of:
            if name not in beside:
                raise UserMistakeError(f"rate {n}: on_top_of names {name!r}, and no rate of that name applies with it")
        below[rule.rate.name] |= set(rule.rate.on_top_of)
    for name, names in below.items():
        reached, more = set[str](), set(names)
        while more - reached:
            reached |= more
            more = set().union(*(below[one] for one in reached))
        if name in reached:
            raise UserMistakeError(f"the tax {name!r} is on top of itself, by on_top_of: a circle cannot be computed")


def _rule(entry: Mapping[str, Any], what: str) -> TaxRule:
    _known(entry, _RATE_KEYS, what)
    percent = _percent(entry, what)
    category = _category(entry, percent, what)
    start, end = _span(entry, what)
    regions = _texts(entry.get("regions", []), f"{what}: regions")
    below = _texts(entry.get("on_top_of", []), f"{what}: on_top_of")
    rate = TaxRate(_text(entry, "name", what), percent, category, _text(entry, "note", what, default=""), below)
    if not percent and category is not TaxCategory.ZERO and not rate.note:
        raise UserMistakeError(f"{what}: a note is needed: the invoice must say why no tax is charged ({category})")
    places, classes = _countries(entry, what), _classes(entry, what)
    upper = tuple(region.upper() for region in regions)
    return TaxRule(places, upper, rate, _flag(entry, what), start, end, classes)


def _reverse_rule(entry: Mapping[str, Any], what: str) -> TaxRule:
    _known(entry, _REVERSE_KEYS, what)
    rate = TaxRate(
        _text(entry, "name", what, default="VAT"),
        Decimal(0),
        TaxCategory.REVERSE_CHARGE,
        _text(entry, "note", what),
    )
    start, end = _span(entry, what)
    return TaxRule(_countries(entry, what), (), rate, False, start, end, _classes(entry, what))


def _rounding(values: Mapping[str, Any]) -> Rounding:
    text = values.get("rounding", Rounding.SUM)
    if text not in list(Rounding):
        raise UserMistakeError(f"rounding {text!r} does not exist; choose one of {', '.join(Rounding)}")
    return Rounding(text)


def _classes(entry: Mapping[str, Any], what: str) -> tuple[str, ...]:
    given = _texts(entry.get("classes", []), f"{what}: classes")
    if "classes" in entry and not given:
        raise UserMistakeError(f"{what}: classes is an empty list: leave it out")
    return tuple(dict.fromkeys(check_key(text, f"{what}: the tax class") for text in given))


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
    for key, default in (("from", EVER), ("until", NEVER)):
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
        text = value.strip() if what.endswith("classes") else value.strip().upper()
        listed = ", ".join(f'"{part}"' for part in re.split(r"\s*[,;]\s*", text) if part)
        raise UserMistakeError(f"{what} is a list, even of one: write [{listed}]")
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise UserMistakeError(f"{what} is a list of codes in quotes")
    return tuple(text.strip() for text in value)


def _flag(entry: Mapping[str, Any], what: str) -> bool:
    value = entry.get("inclusive", False)
    if not isinstance(value, bool):
        raise UserMistakeError(f"{what}: inclusive must be true or false")
    return value
