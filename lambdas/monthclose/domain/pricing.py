"""Pricing: from usage and a price book to invoice lines.

One line per (SKU, unit price): the exact sum of quantity x price, rounded once, half to even. The order of the
events doesn't matter, nor does splitting one event in two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.money import EXACT, Money
from monthclose.domain.usage import UsageEvent


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of a SKU costs in one currency; `unit_price` in major units, fractions of a cent allowed."""

    sku: str
    currency: str
    unit_price: Decimal
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All prices, by SKU and currency."""

    prices: Mapping[tuple[str, str], Price] = field(default_factory=dict)

    @classmethod
    def of(cls, prices: Iterable[Price]) -> PriceBook:
        """Build a book; a later price of the same SKU and currency replaces an earlier one."""
        return cls({(price.sku, price.currency): price for price in prices})

    @property
    def version(self) -> str:
        """Content hash: two books with the same prices have the same version."""
        rows = [
            (p.sku, p.currency, str(p.unit_price.normalize(EXACT)), p.unit, p.description) for p in self.prices.values()
        ]
        return hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()[:16]

    def price(self, sku: str, currency: str) -> Price:
        """Find a price.

        Raises
        ------
        ParkCustomerError
            The book has none for this SKU in this currency: the customer waits for a person.
        """
        try:
            return self.prices[sku, currency]
        except KeyError:
            others = sorted(c for s, c in self.prices if s == sku)
            hint = f"it has one in {', '.join(others)}" if others else "it has none for this SKU"
            raise ParkCustomerError(
                "no_price", f"SKU {sku!r} has no price in {currency} in the price book ({hint})"
            ) from None


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line: a SKU at one unit price.

    Parameters
    ----------
    quantity, unit_price : Decimal
        Exact; `unit_price` in major units.
    amount : Money
        quantity x unit_price, rounded once.
    """

    sku: str
    description: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money


def rate(events: Iterable[UsageEvent], book: PriceBook, currency: str) -> list[InvoiceLine]:
    """Price a customer's usage of one period, in one pass and in memory that depends on the lines only.

    Raises
    ------
    ParkCustomerError
        A SKU has no price in the customer's currency.
    """
    quantities: dict[tuple[str, Decimal], Decimal] = {}
    texts: dict[tuple[str, Decimal], tuple[str, str]] = {}
    for event in events:
        if event.unit_price is None:
            price = book.price(event.sku, currency)
            key, text = (event.sku, price.unit_price), (price.description, price.unit)
        else:
            key, text = (event.sku, event.unit_price), (event.description, "")
        quantities[key] = EXACT.add(quantities.get(key, Decimal(0)), event.quantity)
        # Upstream descriptions vary from event to event: the smallest is the same whatever the order.
        texts[key] = min(texts.get(key, text), text, key=lambda t: (not t[0], t))
    return [
        InvoiceLine(
            sku=sku,
            description=texts[sku, unit_price][0] or sku,
            unit=texts[sku, unit_price][1],
            quantity=quantity,
            unit_price=unit_price,
            amount=Money.rounded(EXACT.multiply(quantity, unit_price), currency),
        )
        for (sku, unit_price), quantity in sorted(quantities.items())
    ]
