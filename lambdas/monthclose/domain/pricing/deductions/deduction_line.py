"""The line of a discount, a maximum or a commitment."""

from decimal import Decimal

from monthclose.domain.money import Money
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind


def deduction_line(sku: str, description: str, kind: LineKind, explanation: Explanation, terms: Terms) -> InvoiceLine:
    """Make a line for the whole month; its amount is what its explanation comes to."""
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


def major(minor: int, terms: Terms) -> Decimal:
    """Write minor units in major ones."""
    return Money(minor, terms.currency).major
