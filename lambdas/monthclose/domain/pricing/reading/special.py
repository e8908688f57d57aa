"""Reading fees, discounts and minimum commitments."""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.special import Commitment, Discount, Fee

_COMMON = frozenset({"id", "currency", "customers", "description", "from", "until"})
FEE_FIELDS = _COMMON | {"monthly_fee", "in_advance"}
DISCOUNT_FIELDS = _COMMON | {"skus", "percent", "amount", "periods"}
COMMITMENT_FIELDS = _COMMON | {"skus", "amount", "periods"}


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


def read_commitment(fields: Fields) -> Commitment:
    """Read a minimum commitment."""
    return Commitment(
        id=fields.key("id"),
        currency=fields.currency(),
        minimum=fields.positive("amount"),
        customers=fields.keys("customers"),
        skus=fields.keys("skus"),
        description=fields.text("description"),
        months=fields.months(),
    )
