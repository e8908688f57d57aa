"""Pricing: from usage and a price book to invoice lines, each with an explanation that computes to its amount.

The order of an invoice's arithmetic: usage is measured (`aggregation`), priced (`models`), each line is rounded once,
half to even; then fees for the month, maximums before discounts, discounts by SKU, discounts on the whole invoice,
and maximums and minimum commitments (`bounds`), in this order and on rounded amounts.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monthclose.domain.pricing.book.price import Price
    from monthclose.domain.pricing.book.price_book import PriceBook
    from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
    from monthclose.domain.pricing.book.terms import Terms
    from monthclose.domain.pricing.line import InvoiceLine, LineKind
    from monthclose.domain.pricing.models import Flat, Graduated, Package, Percentage, PerUnit, Tier, Volume
    from monthclose.domain.pricing.rating import rate

__all__ = [
    "Commitment",
    "Discount",
    "Fee",
    "Flat",
    "Graduated",
    "InvoiceLine",
    "Limit",
    "LineKind",
    "Package",
    "PerUnit",
    "Percentage",
    "Price",
    "PriceBook",
    "Terms",
    "Tier",
    "Volume",
    "rate",
]

_WHERE = {
    name: module
    for module, names in {
        "book.price": ("Price",),
        "book.price_book": ("PriceBook",),
        "book.special": ("Commitment", "Discount", "Fee", "Limit"),
        "book.terms": ("Terms",),
        "line": ("InvoiceLine", "LineKind"),
        "models": ("Flat", "Graduated", "Package", "Percentage", "PerUnit", "Tier", "Volume"),
        "rating": ("rate",),
    }.items()
    for name in names
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name's module when it is first asked for: most functions price nothing."""
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
