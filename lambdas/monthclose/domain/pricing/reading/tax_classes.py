"""Reading the tax classes of SKUs."""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.book.tax_class import TaxClass
from monthclose.domain.pricing.reading.fields import Fields

TAX_CLASS_FIELDS = frozenset({"id", "skus"})


def read_tax_class(fields: Fields) -> TaxClass:
    """Read a tax class and its SKUs."""
    name = fields.key("id")
    if not fields.given("skus"):
        raise UserMistakeError(f"skus is missing{fields.unknown}: list the SKUs that have this tax class")
    return TaxClass(name, fields.keys("skus"))


def optional_class(fields: Fields) -> str:
    """Read the tax class of an entry that may have one."""
    return fields.key("tax_class") if fields.given("tax_class") else ""
