"""The lines of discounts, on amounts that are rounded already.

A discount never makes an amount negative, and each line is rounded once. What several of them do to one another:
`discounting`.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from monthclose.domain.pricing.book.discounting import Stacking
from monthclose.domain.pricing.book.special import Discount
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.deductions.deduction_line import deduction_line, major
from monthclose.domain.pricing.deductions.left import Left
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind


class _Taken(NamedTuple):
    """What a discount takes off a SKU's usage, or off the whole invoice (sku "")."""

    discount: Discount
    sku: str
    explanation: Explanation
    minor: int
    """Negative."""


def discounted(left: Left, terms: Terms) -> list[InvoiceLine]:
    """Take the discounts off what is left, and make their lines."""
    discounts = terms.discounts()
    if terms.book.discounting.stacking is Stacking.BEST:
        taken = _best(discounts, left, terms)
        for one in taken:
            left.add(one.sku, one.minor)
    else:
        taken = [one for discount in discounts for one in _in_sequence(discount, left, terms)]
    return [_line(one, terms) for one in taken]


def _in_sequence(discount: Discount, left: Left, terms: Terms) -> Iterator[_Taken]:
    """Take a discount off what those before it left: SKU by SKU, or off the whole invoice."""
    off = _off(discount, terms)
    for sku in discount.skus or ("",):
        taken = _take(discount, sku, off, left, terms)
        if taken is None:
            continue
        if off is not None:  # what one SKU doesn't use up is left for the next
            off += Fraction(major(taken.minor, terms))
        if taken.minor:
            left.add(sku, taken.minor)
            yield taken


def _best(discounts: Sequence[Discount], left: Left, terms: Terms) -> list[_Taken]:
    """Discount nothing twice: each SKU by its best discount, or all by the best one on the whole invoice."""
    by_sku = [one for one in discounts if one.skus]
    off = {one.id: _off(one, terms) for one in by_sku}
    best_by_sku = list[_Taken]()
    for sku in sorted({sku for discount in by_sku for sku in discount.skus}):
        found = [_take(one, sku, off[one.id], left, terms) for one in by_sku if sku in one.skus]
        best = _most(found)
        if best is None:
            continue
        best_by_sku.append(best)
        before = off[best.discount.id]
        if before is not None:
            off[best.discount.id] = before + Fraction(major(best.minor, terms))
    best_of_all = _most([_take(one, "", _off(one, terms), left, terms) for one in discounts if not one.skus])
    if best_of_all and best_of_all.minor < sum(one.minor for one in best_by_sku):
        return [best_of_all]
    return best_by_sku


def _most(found: Sequence[_Taken | None]) -> _Taken | None:
    """Choose what takes the most off; of two that take the same, the one whose id comes first."""
    some = [one for one in found if one and one.minor]
    return min(some, key=lambda one: (one.minor, one.discount.id), default=None)


def _take(discount: Discount, sku: str, off: Fraction | None, left: Left, terms: Terms) -> _Taken | None:
    """Work out what a discount takes off now; None if there is nothing that it could be taken off.

    Parameters
    ----------
    off : Fraction or None
        What there still is of an amount, in major units.
    """
    before = left.of((sku,) if sku else ())
    if before <= 0:
        return None
    explanation = Explanation()
    if discount.percent is not None:
        explanation.add("discount", percent=discount.percent, of=major(before, terms))
    else:
        assert off is not None
        explanation.add("discount_amount", off=off, of=major(before, terms))
    return _Taken(discount, sku, explanation, explanation.rounded(terms.currency).minor)


def _off(discount: Discount, terms: Terms) -> Fraction | None:
    """The amount that a discount takes off, of a shortened period its part."""
    return None if discount.off is None else terms.prorated(discount.off)


def _line(taken: _Taken, terms: Terms) -> InvoiceLine:
    text = taken.discount.description or taken.discount.id
    return deduction_line(taken.sku, text, LineKind.DISCOUNT, taken.explanation, terms)
