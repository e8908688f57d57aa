"""Discounts and minimum commitments, on lines that are rounded already.

`skus` of a discount or a commitment name SKUs of usage: fees and commitments have ids of their own, which may be the
same texts.
"""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from monthclose.domain.money import Money
from monthclose.domain.phrases import COMMITTED
from monthclose.domain.pricing.book import Terms
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind, total_minor
from monthclose.domain.pricing.special import Commitment, Discount


def with_deductions(lines: list[InvoiceLine], terms: Terms) -> list[InvoiceLine]:
    """Add the discounts' lines, each on what those before it left, then the true-up lines."""
    left = _Left(lines)
    discounts = [line for discount in terms.discounts() for line in _discounted(discount, left, terms)]
    return [*lines, *discounts, *_true_ups(terms.commitments(), left, terms)]


class _Left:
    """What discounts leave of lines, in minor units."""

    def __init__(self, lines: Iterable[InvoiceLine]) -> None:
        self._by_sku: dict[str, int] = {}
        self._fees = 0
        self._off_the_whole = 0
        for line in lines:
            if line.kind is LineKind.USAGE:
                self.add(line.sku, line.amount.minor)
            else:
                self._fees += line.amount.minor

    def add(self, sku: str, minor: int) -> None:
        """Add to a SKU; "": to the whole invoice."""
        if sku:
            self._by_sku[sku] = self._by_sku.get(sku, 0) + minor
        else:
            self._off_the_whole += minor

    def of(self, skus: Iterable[str]) -> int:
        """Sum up what is left of some SKUs, rounded half to even; of none: of the whole invoice.

        Discounts on the whole invoice take the same part off everything that it bills.
        """
        whole = sum(self._by_sku.values()) + self._fees
        named = [self._by_sku.get(sku, 0) for sku in skus]
        if not named:
            return whole + self._off_the_whole
        part = Fraction(self._off_the_whole, whole) if self._off_the_whole else 0
        return round(sum(named) * (1 + part))


def _discounted(discount: Discount, left: _Left, terms: Terms) -> Iterator[InvoiceLine]:
    """Make a line for each SKU of a discount, or one for the whole invoice."""
    off = None if discount.off is None else terms.prorated(discount.off)
    for sku in discount.skus or ("",):
        before = left.of((sku,) if sku else ())
        if before <= 0:
            continue
        explanation = Explanation()
        if discount.percent is not None:
            explanation.add("discount", percent=discount.percent, of=_major(before, terms))
        else:
            assert off is not None
            explanation.add("discount_amount", off=off, of=_major(before, terms))
        amount = explanation.rounded(terms.currency)
        if off is not None:  # what one SKU doesn't use up is left for the next
            off += Fraction(_major(amount.minor, terms))
        if not amount:
            continue
        left.add(sku, amount.minor)
        yield _line(sku, discount.description or discount.id, LineKind.DISCOUNT, explanation, terms)


def _true_ups(commitments: Iterable[Commitment], left: _Left, terms: Terms) -> list[InvoiceLine]:
    """Top up to each minimum, whatever order the commitments are in.

    A true-up counts towards every commitment that includes the one it is for, so those that are included come first;
    of those for the same SKUs the largest, which fulfils the others.
    """
    made: list[tuple[Commitment, InvoiceLine]] = []
    for commitment in sorted(commitments, key=_place):
        counted = total_minor(line for other, line in made if commitment.includes(other))
        reached = left.of(commitment.skus) + counted
        committed = Money.rounded(terms.prorated(commitment.minimum), terms.currency).minor
        if reached >= committed:
            continue
        explanation = Explanation()
        explanation.add("true_up", committed=_major(committed, terms), reached=_major(reached, terms))
        text = commitment.description or COMMITTED.format(name=commitment.id)
        made.append((commitment, _line(commitment.id, text, LineKind.COMMITMENT, explanation, terms)))
    return [line for _, line in made]


def _place(commitment: Commitment) -> tuple[float, Decimal, str]:
    return (len(set(commitment.skus)) or math.inf, -commitment.minimum, commitment.id)


def _line(sku: str, description: str, kind: LineKind, explanation: Explanation, terms: Terms) -> InvoiceLine:
    return InvoiceLine(
        sku=sku,
        description=description,
        unit="",
        quantity=Decimal(1),
        unit_price=None,
        amount=explanation.rounded(terms.currency),
        kind=kind,
        model=kind.value,
        starts=terms.window.start,
        ends=terms.window.end,
        steps=tuple(explanation.steps),
    )


def _major(minor: int, terms: Terms) -> Decimal:
    return Money(minor, terms.currency).major
