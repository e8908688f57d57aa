"""In which order discounts are taken off, and whether they add up.

By default each is on what the ones before it left, in the book's order. A book may say instead that percentages come
before amounts, or after them; the larger ones of a kind come first then, so that the order in the book never matters.
Or that discounts don't add up: of those on the same thing the best counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from monthclose.domain.pricing.book.special import Discount
from monthclose.domain.pricing.models import Content


class Order(StrEnum):
    """Which of several discounts is taken off first."""

    BOOK = "book"
    """As they stand in the price book."""
    PERCENT_FIRST = "percent_first"
    AMOUNT_FIRST = "amount_first"


class Stacking(StrEnum):
    """Whether several discounts add up."""

    SEQUENCE = "sequence"
    """Each is on what the ones before it left."""
    BEST = "best"
    """Nothing is discounted twice: the one that takes the most off."""


@dataclass(frozen=True, slots=True)
class Discounting:
    """What a price book says of several discounts; None: nothing, so it is as in the book before, or the default."""

    order: Order | None = None
    stacking: Stacking | None = None

    def merged(self, additions: Discounting) -> Discounting:
        """Let what another book says go before."""
        return Discounting(additions.order or self.order, additions.stacking or self.stacking)

    def in_order(self, discounts: Iterable[Discount]) -> list[Discount]:
        """Put discounts in the order in which they are taken off: those by SKU before those on the whole invoice."""
        if self.order in (None, Order.BOOK):
            return sorted(discounts, key=lambda discount: not discount.skus)
        amounts_first = self.order is Order.AMOUNT_FIRST
        return sorted(
            discounts,
            key=lambda one: (not one.skus, (one.percent is None) != amounts_first, -_size(one), one.id),
        )

    def content(self) -> Content:
        """As in a price book's settings; the defaults are left out."""
        order = self.order if self.order is not Order.BOOK else None
        stacking = self.stacking if self.stacking is not Stacking.SEQUENCE else None
        fields = {"discount_order": order, "discount_stacking": stacking}
        return {name: value.value for name, value in fields.items() if value}


def _size(discount: Discount) -> Decimal:
    return discount.percent if discount.percent is not None else discount.off or Decimal(0)
