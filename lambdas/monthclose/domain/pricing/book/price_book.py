"""The price book: prices, fees, discounts, commitments, limits and tax classes."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Protocol

from monthclose.domain.pricing.book.discounting import Discounting
from monthclose.domain.pricing.book.price import Price, laid_over
from monthclose.domain.pricing.book.scope import Scope
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.book.tax_class import TaxClass, merged_classes
from monthclose.domain.pricing.book.term import Length
from monthclose.domain.pricing.models import Content


@dataclass(frozen=True)
class PriceBook:
    """All that prices are made of. Of entries that price the same thing, one holds at a time."""

    prices: tuple[Price, ...] = ()
    fees: tuple[Fee, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    tax_classes: tuple[TaxClass, ...] = ()
    limits: tuple[Limit, ...] = ()
    discounting: Discounting = field(default_factory=Discounting)

    @classmethod
    def of(cls, prices: Iterable[Price]) -> PriceBook:
        """Build a book of prices; where two price the same thing at the same time, the later one holds."""
        return cls().merged(cls(tuple(prices)))

    def merged(self, additions: PriceBook) -> PriceBook:
        """Lay another book over this one.

        A price holds from now on where it says it does, and the ones that held there before hold before and after;
        fees, discounts, commitments and limits replace those of the same id.
        """
        by_identity, added = _by_identity(self.prices), _by_identity(additions.prices)
        for identity, prices in added.items():
            by_identity[identity] = laid_over(by_identity.get(identity, ()), prices)
        return PriceBook(
            prices=tuple(price for identity in sorted(by_identity) for price in by_identity[identity]),
            fees=_replaced(self.fees, additions.fees),
            discounts=_replaced(self.discounts, additions.discounts),
            commitments=_replaced(self.commitments, additions.commitments),
            tax_classes=merged_classes(self.tax_classes, additions.tax_classes),
            limits=_replaced(self.limits, additions.limits),
            discounting=self.discounting.merged(additions.discounting),
        )

    def filled_in(self, price: Price) -> Price:
        """Give a price the texts and the tax class that it lacks and that the last one of its kind here has."""
        before = self.by_identity.get(price.identity)
        if not before:
            return price
        unit = before[-1].unit if before[-1].aggregation == price.aggregation else ""
        return replace(
            price,
            unit=price.unit or unit,
            description=price.description or before[-1].description,
            tax_class=price.tax_class or before[-1].tax_class,
        )

    def content(self) -> Mapping[str, list[Content] | Content]:
        """The book as in its file."""
        sections: dict[str, Iterable[_Entry]] = {
            "prices": self.prices,
            "fees": self.fees,
            "discounts": self.discounts,
            "commitments": self.commitments,
            "tax_classes": self.tax_classes,
            "limits": self.limits,
        }
        lists = {name: [entry.content() for entry in entries] for name, entries in sections.items() if entries}
        settings = self.discounting.content()
        return {**lists, "settings": settings} if settings else lists

    @cached_property
    def version(self) -> str:
        """Content hash: two books that say the same have the same version. The order of discounts is part of it."""
        prices = sorted((price.content() for price in self.prices), key=lambda entry: json.dumps(entry, sort_keys=True))
        content = {**self.content(), "prices": prices}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def by_identity(self) -> Mapping[tuple[str, str, str], tuple[Price, ...]]:
        """The prices by what they price, oldest first."""
        found = _by_identity(self.prices)
        return {identity: tuple(sorted(prices, key=lambda p: p.valid)) for identity, prices in found.items()}

    @cached_property
    def due_unused(self) -> tuple[str, ...]:
        """The SKUs that have a price of which something is due even from those who use nothing."""
        return tuple(sorted({price.sku for price in self.prices if price.due_unused}))

    @cached_property
    def carried(self) -> frozenset[str]:
        """The SKUs with a price whose sizes continue from month to month."""
        return frozenset(price.sku for price in self.prices if price.carries_over)

    @cached_property
    def class_by_sku(self) -> Mapping[str, str]:
        """The tax classes that `[[tax_classes]]` give to SKUs."""
        return {sku: entry.id for entry in self.tax_classes for sku in entry.skus}

    @cached_property
    def tax_class_names(self) -> frozenset[str]:
        """All tax classes that something in it has."""
        entries: Iterable[Price | Fee | Commitment] = chain(self.prices, self.fees, self.commitments)
        named = {entry.tax_class for entry in entries if entry.tax_class}
        return frozenset(named | {entry.id for entry in self.tax_classes})

    @property
    def has_tax_classes(self) -> bool:
        """Whether anything in it has one."""
        return bool(self.tax_class_names)

    @cached_property
    def currencies(self) -> Mapping[str, tuple[str, ...]]:
        """The currencies that each SKU has prices in."""
        found: dict[str, set[str]] = defaultdict(set)
        for price in self.prices:
            found[price.sku].add(price.currency)
        return {sku: tuple(sorted(currencies)) for sku, currencies in found.items()}

    @cached_property
    def beyond_a_month(self) -> tuple[Commitment | Limit, ...]:
        """The commitments and limits whose terms are longer than a month."""
        entries: tuple[Commitment | Limit, ...] = (*self.commitments, *self.limits)
        return tuple(one for one in entries if one.term is not Length.MONTH)

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """What each commitment is about, by id."""
        return {one.id: one.scope for one in self.commitments}


class _Entry(Protocol):
    def content(self) -> Content: ...


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def _by_identity(prices: Iterable[Price]) -> dict[tuple[str, str, str], list[Price]]:
    found: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
    for price in prices:
        found[price.identity].append(price)
    return dict(found)


def _replaced[T: _Named](before: tuple[T, ...], additions: tuple[T, ...]) -> tuple[T, ...]:
    return tuple({**{entry.id: entry for entry in before}, **{entry.id: entry for entry in additions}}.values())
