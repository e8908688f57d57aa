"""The price book: prices, fees, discounts, commitments, limits and tax classes, and what holds for one customer."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import chain
from typing import Protocol

from monthclose.domain.calendar import PLAIN, midnight
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.period import Period
from monthclose.domain.pricing.aggregation import Window
from monthclose.domain.pricing.cell import in_words, names_of
from monthclose.domain.pricing.discounting import Discounting
from monthclose.domain.pricing.earlier import EarlierMonths
from monthclose.domain.pricing.models import Content
from monthclose.domain.pricing.price import Price, laid_over, month_seconds, overlap, without
from monthclose.domain.pricing.scope import Scope
from monthclose.domain.pricing.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.tax_class import TaxClass, merged_classes
from monthclose.domain.pricing.term import Instants, Length, Term
from monthclose.domain.usage import Attributes


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


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one customer in one month.

    Parameters
    ----------
    later : tuple of PriceBook
        Books that came after `book` was frozen for the month, oldest first: their prices count where it has none for
        a SKU, and nowhere else.
    earlier : EarlierMonths
        What the earlier months of terms have billed: see `reaches_back_to`.
    within : Window or None
        What of the period is billed with it, where that is not all of it in UTC.
    whole : Window or None
        All of the period, by the same clocks: monthly amounts are for that, and a shortened period has a part of them.
    zone : str
        The time zone that days and hours are counted in.
    """

    book: PriceBook
    customer_id: str
    currency: str
    period: Period
    later: tuple[PriceBook, ...] = ()
    earlier: EarlierMonths = field(default_factory=EarlierMonths)
    within: Window | None = None
    whole: Window | None = None
    zone: str = PLAIN

    @property
    def window(self) -> Window:
        """The month."""
        return self.within or self.whole_of(self.period)

    def window_of(self, period: Period) -> Window:
        """A month's instants for the customer: what of it is billed with it."""
        return self.window if period == self.period else self.whole_of(period)

    def whole_of(self, period: Period) -> Window:
        """A month's instants, whether or not all of it is billed with it."""
        if self.whole and period == self.period:
            return self.whole
        return Window(midnight(period.first_day, self.zone), midnight(period.end_day, self.zone))

    @property
    def instants(self) -> tuple[Period, Instants, Instants]:
        """What `Schedule.term` needs to know."""
        return self.period, self.window_of, self.whole_of

    @property
    def month(self) -> Window:
        """All of the period, of which `window` may be a part."""
        return self.whole or self.whole_of(self.period)

    def placed(self) -> Terms:
        """Work out the instants once: a line of the invoice asks for them."""
        return self if self.within and self.whole else replace(self, within=self.window, whole=self.month)

    def prorated(self, amount: Decimal) -> Fraction:
        """Take the part of an amount for a month that falls to a shortened period, by the second."""
        return Fraction(amount) * month_seconds(self.window) / month_seconds(self.month)

    def prices(self, sku: str) -> list[Price]:
        """Find the prices of a SKU, each valid for its part of the month, in order of time.

        The customer's own prices go before the general ones, for as long as they hold. There may be none. Of several
        at the same time, the narrowest that matches an event counts (see `cell`).
        """
        return self._in(self.book, sku)

    def due_unused(self) -> list[str]:
        """Find the SKUs of which something is due even if the customer uses nothing."""
        return [sku for sku in self.book.due_unused if any(price.due_unused for price in self.prices(sku))]

    def ranked(self, sku: str) -> list[Price]:
        """Find the same prices, in another order: of several that match an event, the last one counts."""
        return sorted(self._in(self.book, sku), key=_rank)

    def later_ranked(self, sku: str) -> list[Price]:
        """Find the prices of a SKU for what the frozen book has none for, as `ranked` does.

        Where the frozen book has one for all of the SKU's usage, none is needed. What came first goes before what came
        later: it was billed with first.
        """
        frozen = self.prices(sku)
        found = [price for book in reversed(self.later) for price in sorted(self._in(book, sku), key=_rank)]
        for price in frozen:
            if not price.cell.where:
                found = without(found, price.valid)
        return [price for price in found if price not in frozen]

    def names(self, sku: str) -> tuple[str, ...]:
        """The attributes by which a SKU's prices are told apart."""
        return names_of(price.cell for price in self._known(sku))

    def carries_over(self, sku: str) -> bool:
        """Whether a SKU's sizes continue from month to month."""
        return any(price.carries_over for price in self._known(sku))

    def _known(self, sku: str) -> Iterator[Price]:
        for book in (self.book, *self.later):
            yield from self._in(book, sku)

    def tax_class(self, sku: str, price: Price | None = None) -> str:
        """Find a SKU's tax class; empty if it has none.

        That of its price; or, of a customer's own price, that of the general one at that time; or that of the SKU.

        Parameters
        ----------
        price : Price or None
            None: the last one that holds in the month, if there is one. Usage that is rated upstream has none.
        """
        if not any(book.has_tax_classes for book in (self.book, *self.later)):
            return ""
        price = price or next(reversed(self.prices(sku)), None)
        if price is None:
            return self.book.class_by_sku.get(sku, "")
        if price.tax_class:
            return price.tax_class
        general = self._within(self.book, sku, "") if price.customer else []
        of_general = next((one.tax_class for one in general if one.valid.holds_at(price.valid.start)), "")
        books = (self.book, *self.later)
        return of_general or next((found for book in books if (found := book.class_by_sku.get(sku))), "")

    def no_price(self, sku: str, time: datetime, attributes: Attributes = ()) -> ParkCustomerError:
        """Say that a SKU has no price at a time, and what to do: the customer waits for a person."""
        others = [currency for currency in self.book.currencies.get(sku, ()) if currency != self.currency]
        at = f"{time:%Y-%m-%d %H:%M} UTC" if self.prices(sku) else self.period
        if self.book.by_identity.get((sku, self.currency, "")):
            holding = any(price.valid.holds_at(time) for price in self.prices(sku))
            hint = f"it has one, but not for {'those attributes' if holding else at}"
        else:
            hint = f"it has one in {', '.join(others)}" if others else "it has none for this SKU"
        newer = ", nor does a newer one" if self.later else ""
        where = f" with {in_words(attributes)}" if attributes else ""
        return ParkCustomerError(
            "no_price",
            f"SKU {sku!r}{where} has no price in {self.currency} for its usage of {self.period} in price book "
            f"{self.book.version} ({hint}){newer}; import one with `monthclose import prices`, or correct that usage "
            "to 0, and close again",
        )

    def _in(self, book: PriceBook, sku: str) -> list[Price]:
        general, own = self._within(book, sku, ""), self._within(book, sku, self.customer_id)
        for price in own:
            if not price.cell.where:
                general = without(general, price.valid)
        return sorted([*general, *own], key=lambda price: price.valid)

    def _within(self, book: PriceBook, sku: str, customer: str) -> list[Price]:
        entries = book.by_identity.get((sku, self.currency, customer), ())
        parts = [(entry, overlap(entry.valid, self.window)) for entry in entries]
        return [replace(entry, valid=part) for entry, part in parts if part]

    def fees(self) -> list[tuple[Fee, Window]]:
        """The fees that are due, each with its part of the month."""
        due = [fee for fee in self.book.fees if fee.concerns(self.customer_id, self.currency)]
        parts = [(fee, overlap(fee.valid, self.window)) for fee in due]
        return [(fee, part) for fee, part in parts if part]

    def discounts(self) -> list[Discount]:
        """The discounts that hold, in the order in which they are taken off."""
        holding = [d for d in self.book.discounts if d.concerns(self.customer_id, self.currency, self.period)]
        return self.book.discounting.in_order(holding)

    def commitments(self) -> list[Commitment]:
        """The commitments that hold."""
        return self._holding(self.book.commitments)

    def limits(self) -> list[Limit]:
        """The limits that hold."""
        return self._holding(self.book.limits)

    def _holding[T: Commitment | Limit](self, entries: Iterable[T]) -> list[T]:
        mine = [one for one in entries if one.concerns(self.customer_id, self.currency)]
        return [one for one in mine if one.schedule.holds_in(self.period, self.window_of)]

    @property
    def reaches_back_to(self) -> Period:
        """The first month of the terms that the month belongs to: what was billed since then counts; often itself."""
        return min((term.first for term in self._long_terms()), default=self.period)

    @property
    def reaches_on_to(self) -> Period:
        """The last month of those terms: what is billed now counts until then."""
        return max((term.last for term in self._long_terms()), default=self.period)

    def _long_terms(self) -> Iterator[Term]:
        for one in self._holding(self.book.beyond_a_month):
            yield one.schedule.term(*self.instants)


def _rank(price: Price) -> tuple[object, ...]:
    """The order of a customer's prices: their own last, of those the narrowest; equally narrow ones by time."""
    return (bool(price.customer), price.cell.rank, price.valid, price.cell.where)
