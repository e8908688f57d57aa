"""Discounts, maximums and minimum commitments, on lines that are rounded already.

`skus` name SKUs of usage: fees and commitments have ids of their own, which may be the same texts.
"""

from collections.abc import Iterator

from monthclose.domain.pricing.book import Terms
from monthclose.domain.pricing.bounds import bounded, limited_before_discounts
from monthclose.domain.pricing.deduction_line import deduction_line, major
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.left import Left
from monthclose.domain.pricing.line import InvoiceLine, LineKind
from monthclose.domain.pricing.special import Discount


def with_deductions(lines: list[InvoiceLine], terms: Terms) -> list[InvoiceLine]:
    """Add the discounts' lines, each on what those before it left, then those of maximums and minimums."""
    limits = terms.limits()
    left = Left(lines, {sku for limit in limits if limit.per_resource for sku in limit.skus})
    first = limited_before_discounts(left, limits, terms)
    discounts = [line for discount in terms.discounts() for line in _discounted(discount, left, terms)]
    return [*lines, *first, *discounts, *bounded(left, limits, terms)]


def _discounted(discount: Discount, left: Left, terms: Terms) -> Iterator[InvoiceLine]:
    """Make a line for each SKU of a discount, or one for the whole invoice."""
    off = discount.off
    for sku in discount.skus or ("",):
        before = left.of((sku,) if sku else ())
        if before <= 0:
            continue
        explanation = Explanation()
        if discount.percent is not None:
            explanation.add("discount", percent=discount.percent, of=major(before, terms))
        else:
            assert off is not None
            explanation.add("discount_amount", off=off, of=major(before, terms))
        amount = explanation.rounded(terms.currency)
        if off is not None:  # what one SKU doesn't use up is left for the next
            off += major(amount.minor, terms)
        if not amount:
            continue
        left.add(sku, amount.minor)
        yield deduction_line(sku, discount.description or discount.id, LineKind.DISCOUNT, explanation, terms)
