"""Pricing: from usage and a price book to invoice lines, each with an explanation that computes to its amount.

The order of an invoice's arithmetic: usage is measured (`aggregation`), priced (`models`), each line is rounded once,
half to even; then fees for the month, maximums before discounts, discounts by SKU, discounts on the whole invoice,
and maximums and minimum commitments (`bounds`), in this order and on rounded amounts.
"""

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
