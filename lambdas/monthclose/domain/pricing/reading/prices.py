"""Reading prices, general ones and those for some customers."""

from dataclasses import replace
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.aggregation import Aggregation
from monthclose.domain.pricing.models import Flat
from monthclose.domain.pricing.price import SECONDS, Price
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.models import MODEL_FIELDS, read_model

_OWN = "sku currency customers model unit description aggregation free per_resource from until time_unit"
PRICE_FIELDS = frozenset(_OWN.split()) | MODEL_FIELDS
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
    usual = Aggregation.TIME_WEIGHTED if isinstance(model, Flat) else Aggregation.SUM
    aggregation = Aggregation(fields.choice("aggregation", tuple(Aggregation), usual))
    if isinstance(model, Flat) and aggregation is not Aggregation.TIME_WEIGHTED:
        raise UserMistakeError("a flat fee is weighted by time: leave aggregation out")
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
    )
    return [replace(price, customer=customer) for customer in customers or ("",)]
