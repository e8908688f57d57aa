"""Pricing: from usage and a price book to invoice lines, each with an explanation that computes to its amount.

The order of an invoice's arithmetic: usage is measured (`aggregation`), priced (`models`), each line is rounded once,
half to even; then fees for the month, discounts by SKU, discounts on the whole invoice, and the true-up to a minimum
commitment, in this order and on rounded amounts.
"""

from monthclose.domain.pricing.book import PriceBook, Terms
from monthclose.domain.pricing.line import InvoiceLine, LineKind
from monthclose.domain.pricing.models import Flat, Graduated, Package, Percentage, PerUnit, Tier, Volume
from monthclose.domain.pricing.price import Price
from monthclose.domain.pricing.rating import rate
from monthclose.domain.pricing.special import Commitment, Discount, Fee

__all__ = [
    "Commitment",
    "Discount",
    "Fee",
    "Flat",
    "Graduated",
    "InvoiceLine",
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
