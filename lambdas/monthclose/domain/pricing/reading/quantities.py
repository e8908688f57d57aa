"""Reading what a price makes of the measured quantity: its conversion, its rounding, its minimum."""

from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.metering.quantities import QuantityRule, Rounding
from monthclose.domain.pricing.metering.transactions import PerTransaction
from monthclose.domain.pricing.models import Flat, Model, is_by_time
from monthclose.domain.pricing.reading.fields import Fields

_FIELDS = ("divide_by", "multiply_by", "round", "round_to", "minimum_quantity", "round_each_event")
QUANTITY_FIELDS = frozenset(_FIELDS)
"""The fields that these rules have; see docs/price-book.md."""


def read_quantity_rule(fields: Fields, model: Model) -> QuantityRule | None:
    """Read what is made of a quantity; None: nothing."""
    given = next((name for name in _FIELDS if fields.given(name)), "")
    if not given:
        return None
    if isinstance(model, PerTransaction) or is_by_time(model):
        what = {Flat: "a flat fee", PerTransaction: "a fee for each transaction"}.get(type(model), "a prorated price")
        raise UserMistakeError(f"{given} is of no use: {what} does not depend on the month's quantity")
    rounding = Rounding(fields.choice("round", tuple(Rounding), Rounding.UP)) if fields.given("round") else None
    rule = QuantityRule(
        divide_by=fields.positive("divide_by") if fields.given("divide_by") else None,
        multiply_by=fields.positive("multiply_by") if fields.given("multiply_by") else None,
        rounding=rounding,
        multiple=fields.positive("round_to") if fields.given("round_to") else Decimal(1),
        minimum=fields.positive("minimum_quantity") if fields.given("minimum_quantity") else Decimal(0),
        each_event=fields.flag("round_each_event"),
    )
    if rule.divide_by and rule.multiply_by:
        raise UserMistakeError("give divide_by or multiply_by, not both")
    if not rounding and (rule.each_event or fields.given("round_to")):
        missing = "round_each_event" if rule.each_event else "round_to"
        raise UserMistakeError(f"{missing} needs round: up, down or nearest")
    return rule
