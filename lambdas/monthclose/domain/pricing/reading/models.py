"""Reading pricing models: each with the fields that it has."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.models import Flat, Graduated, Model, Package, Percentage, PerUnit, Tier, Volume
from monthclose.domain.pricing.reading.fields import Fields

CAP_HOURS = Decimal(672)
"""28 days: after so many hours an hourly price with a cap has reached it, unless the book says otherwise."""
_TIER_FIELDS = frozenset({"from", "up_to", "unit_price", "flat"})


class Kind(NamedTuple):
    """A model in a price book: its fields, and what reads them, given the book's `cap_hours`."""

    fields: frozenset[str]
    read: Callable[[Fields, Decimal], Model]


def read_model(fields: Fields, cap_hours: Decimal) -> Model:
    """Read an entry's model."""
    return _KINDS[fields.choice("model", tuple(_KINDS), "per_unit")].read(fields, cap_hours)


def _hourly(fields: Fields, cap_hours: Decimal) -> PerUnit:
    unit_price, cap = fields.number("unit_price"), fields.optional_number("monthly_cap")
    if fields.given("cap_hours"):
        return PerUnit(unit_price, cap, fields.positive("cap_hours"))
    return PerUnit(unit_price, cap, cap_hours if cap is None else None)


def _package(fields: Fields, _cap_hours: Decimal) -> Package:
    return Package(fields.number("package_price"), fields.positive("package_size"))


def _tiers(fields: Fields) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for number, table in enumerate(fields.tables("tiers"), 1):
        read = Fields(table, _TIER_FIELDS)
        try:
            tiers.append(_tier(number, read, tiers[-1].up_to if tiers else Decimal(0)))
            read.done()
        except UserMistakeError as error:
            raise UserMistakeError(str(error) if "tiers" in str(error) else f"tier {number}: {error}") from None
    if tiers[-1].up_to is not None:
        raise UserMistakeError(f"there is no price beyond {plain(tiers[-1].up_to)}: the last tier must have no up_to")
    return tuple(tiers)


def _tier(number: int, fields: Fields, end: Decimal | None) -> Tier:
    """Read a tier; `end` is where the one before it ends."""
    if end is None:
        raise UserMistakeError(f"it can never be reached, because tier {number - 1} has no up_to")
    start, up_to = fields.optional_number("from"), fields.optional_number("up_to")
    if start is not None and start != end:
        raise UserMistakeError(_not_joined(number, start, end))
    if up_to is not None and up_to <= end:
        raise UserMistakeError(_not_joined(number, up_to, end) if number > 1 else "up_to must be more than 0")
    return Tier(end, up_to, fields.number("unit_price"), fields.optional_number("flat") or Decimal(0))


def _not_joined(number: int, at: Decimal, end: Decimal) -> str:
    if number == 1:
        return f"there is a gap before the tiers: the first begins at {plain(at)}, not at 0"
    if at > end:
        return f"there is a gap between tiers {number - 1} and {number}, from {plain(end)} to {plain(at)}"
    return f"tiers {number - 1} and {number} overlap at {plain(at)}"


_KINDS: Mapping[str, Kind] = {
    "per_unit": Kind(frozenset({"unit_price"}), lambda fields, _: PerUnit(fields.number("unit_price"))),
    "hourly": Kind(frozenset({"unit_price", "monthly_cap", "cap_hours"}), _hourly),
    "graduated": Kind(frozenset({"tiers"}), lambda fields, _: Graduated(_tiers(fields))),
    "volume": Kind(frozenset({"tiers"}), lambda fields, _: Volume(_tiers(fields))),
    "package": Kind(frozenset({"package_price", "package_size"}), _package),
    "flat": Kind(frozenset({"monthly_fee"}), lambda fields, _: Flat(fields.number("monthly_fee"))),
    "percentage": Kind(frozenset({"percent"}), lambda fields, _: Percentage(fields.number("percent"))),
}
MODEL_FIELDS: frozenset[str] = frozenset[str]().union(*(kind.fields for kind in _KINDS.values()))
"""All that any model has: of a misspelt field, the message names the one that is unknown to all."""
