"""Prices, fees, discounts, commitments, limits and tax rates in words, as people read them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.money import EXACT, exponent, in_figures
from monthclose.domain.pricing.book.cell import in_words
from monthclose.domain.pricing.book.price import ALWAYS, Price
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.book.term import Months, Schedule
from monthclose.domain.pricing.metering.aggregation import Aggregation, Window
from monthclose.domain.pricing.metering.quantities import Rounding
from monthclose.domain.pricing.metering.transactions import PerTransaction
from monthclose.domain.pricing.models import Flat, Graduated, Model, Package, Percentage, PerUnit, Tier, Volume
from monthclose.domain.tax.tax_table import TaxRule

_MEASURES = {
    Aggregation.SUM: "",
    Aggregation.COUNT: "each event once",
    Aggregation.MAX: "the highest value of the month",
    Aggregation.MIN: "the lowest value of the month",
    Aggregation.AVERAGE: "the average of the month's values",
    Aggregation.LAST: "the last value of the month",
    Aggregation.UNIQUE: "each resource once",
    Aggregation.TIME_WEIGHTED: "by the time that it is there",
}


_BUCKETS = {
    "minute": "minute",
    "5_minutes": "5 minutes",
    "15_minutes": "15 minutes",
    "hour": "hour",
    "day": "day",
}


def price_in_words(price: Price) -> list[str]:
    """Say what a SKU costs: a line for each thing there is to say."""
    free = f"{in_figures(price.free)} {price.unit} free".replace("  ", " ") if price.free else ""
    model = _of_model(price.model, price.unit, price.currency)
    said = (*model, *_of_rule(price), free, _measured(price), _carried(price), *_cell(price))
    return [line for line in (*said, *tax_class_in_words(price.tax_class)) if line]


def tax_class_in_words(name: str) -> list[str]:
    """Say which tax class an entry has; nothing if it has none of its own."""
    return [f"tax class {name}"] if name else []


def _measured(price: Price) -> str:
    buckets = price.buckets
    if not buckets:
        return _MEASURES.get(price.aggregation, str(price.aggregation).replace("_", " "))
    percentile = f" {in_figures(buckets.percentile)}" if buckets.percentile is not None else ""
    return f"{buckets.aggregation} of each {_BUCKETS[buckets.size]}, {price.aggregation}{percentile} of these"


def _carried(price: Price) -> str:
    return "sizes continue from the month before" if price.carries_over else ""


def _cell(price: Price) -> list[str]:
    where = in_words(price.cell.shown(()))
    grouped = f"each {', '.join(price.cell.group_by)} on its own" if price.cell.group_by else ""
    return [f"where {where}" if where else "", grouped]


def _of_model(model: Model, unit: str, currency: str) -> list[str]:
    per = f"per {unit or 'unit'}"
    match model:
        case PerUnit():
            return [f"{amount(model.unit_price, currency)} {per}", *_caps(model, currency)]
        case Graduated() | Volume():
            tiers = [f"{_tier(tier, unit)}: {_tier_price(tier, unit, currency)}" for tier in model.tiers]
            whole = ["the whole quantity at the price of the tier that it reaches"]
            return [*tiers, *(whole if isinstance(model, Volume) else []), *_choices(model)]
        case Package():
            return [_package(model.package_price, model.size, unit, currency, whole=model.whole_packages)]
        case Flat():
            return [f"{amount(model.monthly_fee, currency)} a month each"]
        case Percentage() | PerTransaction():
            return list(_percentage(model, currency))
    return [model.name]


def _percentage(model: Percentage | PerTransaction, currency: str) -> Iterator[str]:
    if isinstance(model, Percentage):
        yield f"{in_figures(model.percent)}% of the amount"
        return
    yield f"{in_figures(model.percent)}% of each transaction"
    if model.fixed_fee:
        yield f"and {amount(model.fixed_fee, currency)} for each"
    if model.minimum_fee is not None:
        yield f"at least {amount(model.minimum_fee, currency)} each"
    if model.maximum_fee is not None:
        yield f"at most {amount(model.maximum_fee, currency)} each"
    if model.free_transactions is not None:
        yield f"the first {model.free_transactions:,} free"
    if model.free_amount is not None:
        yield f"the first {amount(model.free_amount, currency)} free"


def _package(price: Decimal, size: Decimal, unit: str, currency: str, *, whole: bool) -> str:
    return f"{amount(price, currency)} per {'whole' if whole else 'started'} {in_figures(size)} {unit}".strip()


def _choices(model: Graduated | Volume) -> Iterator[str]:
    if model.prorated:
        yield "for the units held at a time, by the time that they are held"
    if model.flat_at_zero:
        yield "the first tier also if nothing is used"


def _of_rule(price: Price) -> Iterator[str]:
    """Say what is made of the quantity before it is priced."""
    rule = price.rule
    if rule is None:
        return
    each = "each event" if rule.each_event else "the quantity"
    if rule.divide_by is not None:
        yield f"{each} divided by {in_figures(rule.divide_by)}"
    if rule.multiply_by is not None:
        yield f"{each} multiplied by {in_figures(rule.multiply_by)}"
    if rule.rounding:
        how = "to the nearest" if rule.rounding is Rounding.NEAREST else f"{rule.rounding} to a"
        yield f"{each} rounded {how} multiple of {in_figures(rule.multiple)}"
    if rule.minimum:
        yield f"{each} at least {in_figures(rule.minimum)}"


def _caps(model: PerUnit, currency: str) -> list[str]:
    caps = [f"at most {amount(model.monthly_cap, currency)} a month each"] if model.monthly_cap is not None else []
    hours = [f"at most {in_figures(model.cap_hours)} hours a month each"] if model.cap_hours is not None else []
    return [*caps, *hours]


def _tier(tier: Tier, unit: str) -> str:
    if tier.up_to is None:
        return f"above {in_figures(tier.start)} {unit}".strip()
    return f"{in_figures(tier.start)} to {in_figures(tier.up_to)} {unit}".strip()


def _tier_price(tier: Tier, unit: str, currency: str) -> str:
    flat = f", and {amount(tier.flat, currency)} once begun" if tier.flat else ""
    if tier.package_size is not None:
        return _package(tier.unit_price, tier.package_size, unit, currency, whole=tier.whole_packages) + flat
    return f"{amount(tier.unit_price, currency)} per {unit or 'unit'}{flat}"


def fee_in_words(fee: Fee) -> str:
    """Say what a fee is."""
    return f"{amount(fee.monthly_fee, fee.currency)} a month{', in advance' if fee.in_advance else ''}"


def discount_in_words(discount: Discount) -> str:
    """Say what a discount takes off, and of what."""
    taken = f"{in_figures(discount.percent)}%" if discount.percent is not None else ""
    if discount.off is not None:
        taken = f"{amount(discount.off, discount.currency)} a month"
    return f"{taken} off {', '.join(discount.skus) or 'the whole invoice'}"


def commitment_in_words(commitment: Commitment) -> str:
    """Say what is the least that a customer pays, for what, and what more than that costs."""
    least = f"at least {amount(commitment.minimum, commitment.currency)} {_each(commitment.schedule)}"
    above = (
        "" if commitment.overage is None else f"; what is above it costs {in_figures(commitment.overage)} times as much"
    )
    return f"{least} for {commitment.scope.in_words()}{above}"


def limit_in_words(limit: Limit) -> str:
    """Say what is the most that a customer pays, and for what."""
    most = f"at most {amount(limit.maximum, limit.currency)} {_each(limit.schedule)}"
    each = " for each resource" if limit.per_resource else ""
    before = ", before discounts" if limit.before_discounts else ""
    return f"{most} for {limit.scope.in_words()}{each}{before}"


def _each(schedule: Schedule) -> str:
    return f"a {schedule.length}{' of the calendar' if schedule.calendar else ''}"


def schedule_in_words(schedule: Schedule, calendar: BillingCalendar) -> str:
    """Say when something holds that may begin or end within a month; nothing if it always does."""
    return " ".join(filter(None, (months_in_words(schedule.months), valid_in_words(schedule.valid, calendar))))


def rule_in_words(rule: TaxRule) -> str:
    """Say what a tax rule charges."""
    within = ", in the prices" if rule.inclusive else ""
    on_top = f", on top of {' and '.join(rule.rate.on_top_of)}" if rule.rate.on_top_of else ""
    only = f", for {', '.join(rule.classes)} only" if rule.classes else ""
    return f"{rule.rate.name} {in_figures(rule.rate.percent)}%{within}{on_top}{only}"


def amount(number: Decimal, currency: str) -> str:
    """Write a price: with all of its digits, and at least the currency's decimals."""
    digits = max(exponent(currency), -int(number.normalize(EXACT).as_tuple().exponent))
    return f"{number:,.{digits}f}"


def valid_in_words(window: Window, calendar: BillingCalendar) -> str:
    """Say when something holds, by the company's clocks; nothing if it always does."""

    def at(time: datetime) -> str:
        return f"{calendar.local(time):%Y-%m-%d %H:%M}".removesuffix(" 00:00")

    begins = f"from {at(window.start)}" if window.start > ALWAYS.start else ""
    ends = f"until {at(window.end)}" if window.end < ALWAYS.end else ""
    return " ".join(filter(None, (begins, ends)))


def months_in_words(months: Months) -> str:
    """Say in which months something holds; nothing if in all."""
    begins = f"from {months.first}" if months.first else ""
    ends = f"to {months.end.previous}" if months.end else ""
    return " ".join(filter(None, (begins, ends)))
