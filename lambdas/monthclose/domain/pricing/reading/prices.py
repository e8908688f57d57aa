"""Reading prices, general ones and those for some customers."""

from dataclasses import replace
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.aggregation import Aggregation
from monthclose.domain.pricing.models import Flat, Model, Tiered
from monthclose.domain.pricing.price import SECONDS, Price
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.models import MODEL_FIELDS, read_model
from monthclose.domain.pricing.reading.quantities import QUANTITY_FIELDS, read_quantity_rule
from monthclose.domain.pricing.reading.tax_classes import optional_class
from monthclose.domain.pricing.transactions import PerTransaction

_OWN = "sku currency customers model unit description aggregation free per_resource from until time_unit tax_class"
PRICE_FIELDS = frozenset(_OWN.split()) | MODEL_FIELDS | QUANTITY_FIELDS
"""All that a price can have, whatever its model: see docs/price-book.md."""


def read_override(fields: Fields, cap_hours: Decimal) -> list[Price]:
    """Read a price for some customers."""
    if not fields.given("customers"):
        raise UserMistakeError(f"customers is missing{fields.unknown}: list the customers it is for")
    return read_price(fields, cap_hours)


def read_price(fields: Fields, cap_hours: Decimal) -> list[Price]:
    """Read a price; one for several customers is as many prices."""
    sku, currency, customers = fields.key("sku"), fields.currency(), fields.keys("customers")
    model = read_model(fields, cap_hours)
    by_time = isinstance(model, Flat) or (isinstance(model, Tiered) and model.prorated)
    usual = Aggregation.TIME_WEIGHTED if by_time else Aggregation.SUM
    aggregation = Aggregation(fields.choice("aggregation", tuple(Aggregation), usual))
    _check(fields, model, aggregation)
    price = Price(
        sku=sku,
        currency=currency,
        model=model,
        unit=fields.text("unit"),
        description=fields.text("description"),
        aggregation=aggregation,
        free=fields.optional_number("free") or Decimal(0),
        per_resource=fields.flag("per_resource"),
        valid=fields.window(),
        time_unit=fields.choice("time_unit", (*SECONDS, "month"), "hour"),
        rule=read_quantity_rule(fields, model, aggregation),
        tax_class=optional_class(fields),
    )
    if price.due_unused and price.by_resource:
        raise UserMistakeError("flat_at_zero: with per_resource, who uses nothing has no resource to bill")
    return [replace(price, customer=customer) for customer in customers or ("",)]


def _check(fields: Fields, model: Model, aggregation: Aggregation) -> None:
    """Refuse what a model cannot go with."""
    if isinstance(model, Flat) and aggregation is not Aggregation.TIME_WEIGHTED:
        raise UserMistakeError("a flat fee is weighted by time: leave aggregation out")
    if isinstance(model, Tiered) and model.prorated:
        if aggregation is not Aggregation.TIME_WEIGHTED:
            raise UserMistakeError("a prorated price is weighted by time: leave aggregation out")
        if fields.given("time_unit") and fields.text("time_unit") != "month":
            raise UserMistakeError("a prorated price is for a month: leave time_unit out")
    if isinstance(model, PerTransaction):
        if aggregation is not Aggregation.SUM:
            raise UserMistakeError("each event is a transaction: leave aggregation out")
        if fields.given("free"):
            raise UserMistakeError("free is a quantity: give free_transactions or free_amount")
