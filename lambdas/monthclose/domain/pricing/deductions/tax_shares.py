"""Tax classes of discounts, maximums, true-ups and overage: what is taken off follows the lines that it is taken off.

Taxes are computed on what is left after discounts (VAT directive 2006/112/EC, articles 73 and 79), so a discount on the
whole invoice takes the same part off each tax class, to the minor unit: its line is cut into one for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from monthclose.domain.money import Money, shared_out
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.deductions.earlier import MAXIMUM_MODELS
from monthclose.domain.pricing.deductions.left import Part
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind

type _Left = dict[str, int]
"""By tax class, in minor units."""


def with_tax_classes(lines: list[InvoiceLine], terms: Terms) -> list[InvoiceLine]:
    """Give discounts, maximums, true-ups and overage their tax classes; usage and fees have theirs from the price book.

    Parameters
    ----------
    lines : list of InvoiceLine
        In the order of the arithmetic: each discount on what those before it left.
    """
    if not terms.book.has_tax_classes and not any(line.tax_class for line in lines):
        return lines
    by_class, whole = _ByClass(terms), list[InvoiceLine]()
    for line in lines:
        for part in by_class.parts(line):
            by_class.add(part)
            whole.append(part)
    return whole


class _ByClass:
    """What the lines so far come to, by tax class."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._commitments = {commitment.id: commitment for commitment in terms.commitments()}
        self._whole: _Left = {}
        self._of_part: dict[Part, _Left] = {}

    def add(self, line: InvoiceLine) -> None:
        """Count a line; what is taken off a SKU, a fee or a true-up reduces what is left of it."""
        places = [self._whole]
        if line.sku:
            places.append(self._of_part.setdefault(_part(line), {}))
        for left in places:
            left[line.tax_class] = left.get(line.tax_class, 0) + line.amount.minor

    def parts(self, line: InvoiceLine) -> Iterator[InvoiceLine]:
        """Cut a line into one for each tax class."""
        match line.kind:
            case LineKind.USAGE | LineKind.FEE:
                yield line
            case LineKind.COMMITMENT | LineKind.OVERAGE:
                yield line.of_class(self._of_commitment(line.sku))
            case _:
                yield from _cut(line, self._of_part.get(_part(line), {}) if line.sku else self._whole)

    def _of_commitment(self, name: str) -> str:
        """Find a true-up's class: what is paid for use that did not come is taxed as that use would have been.

        If that would have had several, it has none: no SKU says what was not used.
        """
        commitment = self._commitments[name]
        if commitment.tax_class:
            return commitment.tax_class
        of_skus = {name for sku in commitment.skus for name in self._terms.tax_classes(sku)}
        classes = of_skus or {name for name, left in self._whole.items() if left}
        return classes.pop() if len(classes) == 1 else ""


def _part(line: InvoiceLine) -> Part:
    """Say what a line is of, or is taken off."""
    match line.kind:
        case LineKind.MAXIMUM:
            kind, _ = MAXIMUM_MODELS[line.model]
        case LineKind.FEE:
            kind = LineKind.FEE
        case LineKind.COMMITMENT | LineKind.OVERAGE:
            kind = LineKind.COMMITMENT
        case _:
            kind = LineKind.USAGE
    return Part(kind, line.sku)


def _cut(line: InvoiceLine, left: _Left) -> Iterator[InvoiceLine]:
    """Cut a line in proportion to what is left of each tax class."""
    total, found = sum(left.values()), {name: minor for name, minor in sorted(left.items()) if minor}
    if len(found) < 2 or not total:
        yield line.of_class(next(iter(found or left), ""))
        return
    shares = shared_out(line.amount.minor, [Fraction(line.amount.minor * minor, total) for minor in found.values()])
    for name, minor in zip(found, shares, strict=True):
        if minor:
            yield _share(line, name, Money(minor, line.amount.currency))


def _share(line: InvoiceLine, tax_class: str, amount: Money) -> InvoiceLine:
    explanation = Explanation.of(line.steps)
    explanation.add("tax_share", share=amount.major)
    return line.of_class(tax_class, amount, explanation.steps)
