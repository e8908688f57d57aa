"""Reading fees, discounts, minimum commitments and limits."""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.book.discounting import Discounting, Order, Stacking
from monthclose.domain.pricing.book.price import ALWAYS
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.book.term import Length, Months
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.tax_classes import optional_class

_COMMON = frozenset({"id", "currency", "customers", "description", "from", "until"})
FEE_FIELDS = _COMMON | {"monthly_fee", "in_advance", "tax_class"}
DISCOUNT_FIELDS = _COMMON | {"skus", "percent", "amount", "periods"}
_TERM = frozenset({"term", "calendar", "periods"})
COMMITMENT_FIELDS = _COMMON | _TERM | {"skus", "fees", "amount", "overage", "tax_class"}
LIMIT_FIELDS = _COMMON | _TERM | {"skus", "fees", "maximum", "per_resource", "before_discounts"}


def read_fee(fields: Fields) -> Fee:
    """Read a monthly fee."""
    return Fee(
        id=fields.key("id"),
        currency=fields.currency(),
        monthly_fee=fields.number("monthly_fee"),
        customers=fields.keys("customers"),
        description=fields.text("description"),
        valid=fields.window(),
        in_advance=fields.flag("in_advance"),
        tax_class=optional_class(fields),
    )


def read_discount(fields: Fields) -> Discount:
    """Read a discount: percent or an amount."""
    percent, off = fields.optional_number("percent"), fields.optional_number("amount")
    if (percent is None) == (off is None):
        raise UserMistakeError(f"it must have either percent or amount{fields.unknown}")
    if not (percent or off):
        raise UserMistakeError("a discount of zero")
    if percent is not None and percent > 100:
        raise UserMistakeError(f"percent is {plain(percent)}: a discount is at most 100%")
    return Discount(
        id=fields.key("id"),
        percent=percent,
        off=off,
        currency=fields.currency() if off is not None or fields.given("currency") else "",
        skus=fields.keys("skus"),
        customers=fields.keys("customers"),
        description=fields.text("description"),
        months=fields.months(),
    )


def read_discounting(fields: Fields) -> Discounting:
    """Read what the settings say of several discounts."""
    order = fields.choice("discount_order", tuple(Order), Order.BOOK)
    stacking = fields.choice("discount_stacking", tuple(Stacking), Stacking.SEQUENCE)
    return Discounting(
        Order(order) if fields.given("discount_order") else None,
        Stacking(stacking) if fields.given("discount_stacking") else None,
    )


def read_commitment(fields: Fields) -> Commitment:
    """Read a minimum commitment."""
    months, valid = fields.months_and_instants()
    length, calendar = _term(fields, months, valid)
    return Commitment(
        id=fields.key("id"),
        currency=fields.currency(),
        minimum=fields.positive("amount"),
        customers=fields.keys("customers"),
        skus=fields.keys("skus"),
        description=fields.text("description"),
        months=months,
        tax_class=optional_class(fields),
        fees=fields.keys("fees"),
        valid=valid,
        term=length,
        calendar=calendar,
        overage=fields.positive("overage") if fields.given("overage") else None,
    )


def read_limit(fields: Fields) -> Limit:
    """Read a maximum."""
    months = fields.months()
    length, calendar = _term(fields, months, ALWAYS)
    limit = Limit(
        id=fields.key("id"),
        currency=fields.currency(),
        maximum=fields.number("maximum"),
        customers=fields.keys("customers"),
        skus=fields.keys("skus"),
        fees=fields.keys("fees"),
        description=fields.text("description"),
        months=months,
        term=length,
        calendar=calendar,
        per_resource=fields.flag("per_resource"),
        before_discounts=fields.flag("before_discounts"),
    )
    if limit.per_resource and (not limit.skus or limit.fees):
        raise UserMistakeError("per_resource needs skus, and no fees: only usage has resources")
    if limit.term is not Length.MONTH and (limit.per_resource or limit.before_discounts):
        what = "per_resource" if limit.per_resource else "before_discounts"
        raise UserMistakeError(f"a maximum with {what} is for a month: leave term out")
    return limit


def _term(fields: Fields, months: Months, valid: Window) -> tuple[Length, bool]:
    """Read how long a term is, and whether terms are the calendar's: always, if the entry has no first month."""
    length = Length(fields.choice("term", tuple(Length), Length.MONTH))
    calendar = fields.flag("calendar")
    if calendar and length is Length.MONTH:
        raise UserMistakeError("calendar is for a term of a quarter or a year")
    if length is not Length.MONTH and not calendar and not months.first:
        if valid.start > ALWAYS.start:
            raise UserMistakeError(
                f"a {length} counted from the start begins on the first of a month: change from, or add calendar = true"
            )
        raise UserMistakeError(f"a {length} needs its start: add from, or calendar = true")
    return length, calendar
