"""Discounts, maximums and minimum commitments, on lines that are rounded already.

`skus` name SKUs of usage: fees and commitments have ids of their own, which may be the same texts.
"""

from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.deductions.bounds import bounded, limited_before_discounts
from monthclose.domain.pricing.deductions.discounts import discounted
from monthclose.domain.pricing.deductions.left import Left
from monthclose.domain.pricing.line import InvoiceLine


def with_deductions(lines: list[InvoiceLine], terms: Terms) -> list[InvoiceLine]:
    """Add the discounts' lines, each on what those before it left, then those of maximums and minimums."""
    limits = terms.limits()
    left = Left(lines, {sku for limit in limits if limit.per_resource for sku in limit.skus})
    first = limited_before_discounts(left, limits, terms)
    return [*lines, *first, *discounted(left, terms), *bounded(left, limits, terms)]
