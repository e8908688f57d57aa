"""Reading prices, general ones and those for some customers."""

from dataclasses import replace
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.book.price import SECONDS, Price
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.metering.transactions import PerTransaction
from monthclose.domain.pricing.models import Tiered
from monthclose.domain.pricing.reading.cells import CELL_FIELDS, OF_A_CELL, read_cell
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.measuring import MEASURING_FIELDS, read_measuring
from monthclose.domain.pricing.reading.models import MODEL_FIELDS, read_model
from monthclose.domain.pricing.reading.quantities import QUANTITY_FIELDS, read_quantity_rule
from monthclose.domain.pricing.reading.tax_classes import optional_class

_OWN = "sku currency customers model unit description aggregation free per_resource from until time_unit tax_class"
PRICE_FIELDS = frozenset(_OWN.split()) | MODEL_FIELDS | CELL_FIELDS | MEASURING_FIELDS | QUANTITY_FIELDS
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
        rule=read_quantity_rule(fields, model),
        cell=read_cell(fields),
        tax_class=optional_class(fields),
        **read_measuring(fields, model),
    )
    _check(price, fields)
    return [replace(price, customer=customer) for customer in customers or ("",)]


def _check(price: Price, fields: Fields) -> None:
    """Refuse what does not go together."""
    if price.due_unused and (price.by_resource or price.cell.names):
        what = "cell" if price.cell.names else "resource"
        raise UserMistakeError(f"flat_at_zero: who uses nothing has no {what} to bill")
    prorated = isinstance(price.model, Tiered) and price.model.prorated
    if prorated and fields.given("time_unit") and fields.text("time_unit") != "month":
        raise UserMistakeError("a prorated price is for a month: leave time_unit out")
    if isinstance(price.model, PerTransaction) and fields.given("free"):
        raise UserMistakeError("free is a quantity: give free_transactions or free_amount")
    each_event = price.rule is not None and price.rule.each_event
    if each_event and (price.buckets or price.aggregation not in (Aggregation.SUM, Aggregation.TIME_WEIGHTED)):
        what = "buckets" if price.buckets else price.aggregation
        raise UserMistakeError(f"round_each_event is for sum and time_weighted, not for {what}")
