"""Reading prices, general ones and those for some customers."""

from dataclasses import replace
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.price import SECONDS, Price
from monthclose.domain.pricing.reading.cells import CELL_FIELDS, OF_A_CELL, read_cell
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.measuring import MEASURING_FIELDS, read_measuring
from monthclose.domain.pricing.reading.models import MODEL_FIELDS, read_model
from monthclose.domain.pricing.reading.tax_classes import optional_class

_OWN = "sku currency customers model unit description aggregation free per_resource from until time_unit tax_class"
PRICE_FIELDS = frozenset(_OWN.split()) | MODEL_FIELDS | CELL_FIELDS | MEASURING_FIELDS
"""All that a price can have, whatever its model: see docs/price-book.md."""


def read_override(fields: Fields, cap_hours: Decimal) -> list[Price]:
    """Read a price for some customers."""
    if not fields.given("customers"):
        raise UserMistakeError(f"customers is missing{fields.unknown}: list the customers it is for")
    return read_price(fields, cap_hours)


def read_price(fields: Fields, cap_hours: Decimal) -> list[Price]:
    """Read a price; one for several customers is as many prices, and so is one with several cells."""
    if not fields.given("cells"):
        return _read_price(fields, cap_hours)
    found: list[Price] = []
    for number, cell in enumerate(fields.tables("cells"), 1):
        try:
            read = fields.with_more(cell, OF_A_CELL, without="cells")
            found += _read_price(read, cap_hours)
            read.done()
        except UserMistakeError as error:
            raise UserMistakeError(f"cell {number}: {error}") from None
    return found


def _read_price(fields: Fields, cap_hours: Decimal) -> list[Price]:
    sku, currency, customers = fields.key("sku"), fields.currency(), fields.keys("customers")
    model = read_model(fields, cap_hours)
    price = Price(
        sku=sku,
        currency=currency,
        model=model,
        unit=fields.text("unit"),
        description=fields.text("description"),
        free=fields.optional_number("free") or Decimal(0),
        per_resource=fields.flag("per_resource"),
        valid=fields.window(),
        time_unit=fields.choice("time_unit", (*SECONDS, "month"), "hour"),
        cell=read_cell(fields),
        tax_class=optional_class(fields),
        **read_measuring(fields, model),
    )
    return [replace(price, customer=customer) for customer in customers or ("",)]
