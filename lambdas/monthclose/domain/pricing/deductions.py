"""Discounts and minimum commitments, on lines that are rounded already."""

from collections.abc import Iterator
from decimal import Decimal

from monthclose.domain.money import Money
from monthclose.domain.pricing.book import Terms
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind
from monthclose.domain.pricing.special import Commitment, Discount


def with_deductions(lines: list[InvoiceLine], terms: Terms) -> list[InvoiceLine]:
    """Add the discounts' lines, then the true-up lines, each seeing what those before it left."""
    left: dict[str, int] = {}
    for line in lines:
        left[line.sku] = left.get(line.sku, 0) + line.amount.minor
    discounts = [line for discount in terms.discounts() for line in _discounted(discount, left, terms)]
    true_ups = [line for commitment in terms.commitments() for line in _trued_up(commitment, left, terms)]
    return [*lines, *discounts, *true_ups]


def _discounted(discount: Discount, left: dict[str, int], terms: Terms) -> Iterator[InvoiceLine]:
    """Make a line for each SKU of a discount, or one for the whole invoice; `left` is what remains of each SKU."""
    off = discount.off
    for sku in discount.skus or ("",):
        before = left.get(sku, 0) if sku else sum(left.values())
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
            off += _major(amount.minor, terms)
        if not amount:
            continue
        left[sku] = left.get(sku, 0) + amount.minor
        yield _line(sku, discount.description or discount.id, LineKind.DISCOUNT, explanation, terms)


def _trued_up(commitment: Commitment, left: dict[str, int], terms: Terms) -> Iterator[InvoiceLine]:
    reached = sum(left.get(sku, 0) for sku in commitment.skus or left)
    committed = Money.rounded(commitment.minimum, terms.currency).minor
    if reached >= committed:
        return
    explanation = Explanation()
    explanation.add("true_up", committed=_major(committed, terms), reached=_major(reached, terms))
    text = commitment.description or f"Minimum commitment {commitment.id}"
    yield _line(commitment.id, text, LineKind.COMMITMENT, explanation, terms)
    left[commitment.id] = left.get(commitment.id, 0) + committed - reached


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
