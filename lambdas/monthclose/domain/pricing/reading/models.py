"""Reading pricing models: each with the fields that it has."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.metering.transactions import MOST_FREE, PerTransaction
from monthclose.domain.pricing.models import Flat, Graduated, Model, Package, Percentage, PerUnit, Tier, Volume
from monthclose.domain.pricing.reading.fields import Fields

CAP_HOURS = Decimal(672)
"""28 days: after so many hours an hourly price with a cap has reached it, unless the book says otherwise."""
_TIER_FIELDS = frozenset({"from", "up_to", "unit_price", "flat", "package_price", "package_size", "package_rounding"})
_OF_EACH_TRANSACTION = ("fixed_fee", "minimum_fee", "maximum_fee", "free_transactions", "free_amount")


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
    return Package(fields.number("package_price"), fields.positive("package_size"), _whole_packages(fields))


def _whole_packages(fields: Fields) -> bool:
    return fields.choice("package_rounding", ("up", "down"), "up") == "down"


def _percentage(fields: Fields, _cap_hours: Decimal) -> Percentage | PerTransaction:
    percent = fields.number("percent")
    if not any(fields.given(name) for name in _OF_EACH_TRANSACTION):
        return Percentage(percent)
    model = PerTransaction(
        percent,
        fields.optional_number("fixed_fee") or Decimal(0),
        fields.optional_number("minimum_fee"),
        fields.optional_number("maximum_fee"),
        fields.count("free_transactions", MOST_FREE) if fields.given("free_transactions") else None,
        fields.positive("free_amount") if fields.given("free_amount") else None,
    )
    if model.maximum_fee is not None and model.maximum_fee < max(model.minimum_fee or 0, model.fixed_fee):
        least = "minimum_fee" if model.minimum_fee and model.maximum_fee < model.minimum_fee else "fixed_fee"
        raise UserMistakeError(f"maximum_fee is less than {least}")
    return model


def _graduated(fields: Fields, _cap_hours: Decimal) -> Graduated:
    tiers = _tiers(fields)
    for number, tier in enumerate(tiers, 1):
        if tier.package_size and tier.up_to is not None and (tier.up_to - tier.start) % tier.package_size:
            raise UserMistakeError(f"tier {number} ends within a package of {plain(tier.package_size)}")
    return Graduated(tiers, *_choices(fields, tiers))


def _volume(fields: Fields, _cap_hours: Decimal) -> Volume:
    tiers = _tiers(fields)
    return Volume(tiers, *_choices(fields, tiers))


def _choices(fields: Fields, tiers: tuple[Tier, ...]) -> tuple[bool, bool]:
    """Read what tiers can do besides: `flat_at_zero` and `prorated`."""
    flat_at_zero, prorated = fields.flag("flat_at_zero"), fields.flag("prorated")
    if flat_at_zero and not tiers[0].flat:
        raise UserMistakeError("flat_at_zero: the first tier has no flat amount")
    if prorated and any(tier.package_size for tier in tiers):
        raise UserMistakeError("prorated: packages cannot be billed for a part of the month")
    return flat_at_zero, prorated


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
    flat = fields.optional_number("flat") or Decimal(0)
    if fields.given("package_price") or fields.given("package_size"):
        size = fields.positive("package_size")
        return Tier(end, up_to, fields.number("package_price"), flat, size, _whole_packages(fields))
    return Tier(end, up_to, fields.number("unit_price"), flat)


def _not_joined(number: int, at: Decimal, end: Decimal) -> str:
    if number == 1:
        return f"there is a gap before the tiers: the first begins at {plain(at)}, not at 0"
    if at > end:
        return f"there is a gap between tiers {number - 1} and {number}, from {plain(end)} to {plain(at)}"
    return f"tiers {number - 1} and {number} overlap at {plain(at)}"


_KINDS: Mapping[str, Kind] = {
    "per_unit": Kind(frozenset({"unit_price"}), lambda fields, _: PerUnit(fields.number("unit_price"))),
    "hourly": Kind(frozenset({"unit_price", "monthly_cap", "cap_hours"}), _hourly),
    "graduated": Kind(frozenset({"tiers", "flat_at_zero", "prorated"}), _graduated),
    "volume": Kind(frozenset({"tiers", "flat_at_zero", "prorated"}), _volume),
    "package": Kind(frozenset({"package_price", "package_size", "package_rounding"}), _package),
    "flat": Kind(frozenset({"monthly_fee"}), lambda fields, _: Flat(fields.number("monthly_fee"))),
    "percentage": Kind(frozenset({"percent", *_OF_EACH_TRANSACTION}), _percentage),
}
MODEL_FIELDS: frozenset[str] = frozenset[str]().union(*(kind.fields for kind in _KINDS.values()))
"""All that any model has: of a misspelt field, the message names the one that is unknown to all."""
