"""What the price book says of the entries that invoices have: what they are called, and for whom they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from monthclose.domain.calendar import FARTHEST_AHEAD
from monthclose.domain.period import Period
from monthclose.domain.phrases import LIMITED
from monthclose.domain.pricing import PriceBook
from monthclose.domain.pricing.book.price import overlap
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.rehearsals.billed import EntryKind
from monthclose.domain.words import count


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A fee, discount, commitment or limit that holds in the month.

    Parameters
    ----------
    currency : str
        Empty for a discount in any currency.
    customers : tuple of str
        Whom it is for; empty: everybody.
    """

    key: str
    currency: str
    id: str
    description: str
    customers: tuple[str, ...]

    @property
    def for_whom(self) -> str:
        """Say for whom it is."""
        return f" for {count(len(self.customers), 'customer')}" if self.customers else " for everybody"


@dataclass(frozen=True, slots=True)
class BookEntries:
    """The entries of a price book that hold in a month.

    Parameters
    ----------
    holding : tuple of BookEntry
        Fees and discounts, in the book's order.
    """

    holding: tuple[BookEntry, ...] = ()
    by_key: Mapping[str, BookEntry] = field(default_factory=dict)
    sku_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, book: PriceBook, period: Period) -> Self:
        """Find the entries that hold in a month."""
        entries = [*_fees(book, period), *_discounts(book, period)]
        bounds = [*_commitments(book, period), *_limits(book, period)]
        return cls(
            holding=tuple(entries),
            by_key={entry.key: entry for entry in (*bounds, *entries)},
            sku_names={price.sku: price.description for price in book.prices if price.description},
        )

    def whom(self, key: str, currency: str) -> str:
        """Say that an entry names no customers: it is what a person forgets."""
        entry = self.by_key.get(key)
        if entry is None or entry.customers or entry.currency not in ("", currency):
            return ""
        return "names no customers,"


NO_BOOK = BookEntries()


def describe(key: str, entries: BookEntries = NO_BOOK) -> str:
    """Name an entry as people know it: `fee 'Support' (support)`."""
    kind, _, name = key.partition(":")
    if kind == EntryKind.SKU:
        text = entries.sku_names.get(name, "")
        return f"SKU {name!r}" + (f" ({text})" if text and text != name else "")
    entry = entries.by_key.get(key)
    text = entry.description if entry else ""
    known = entry.id if entry else name
    if not known:
        return {"adjustment": "late usage of earlier months", "credit": "credit", "carried": "carried over"}[kind]
    return f"{kind} {text!r} ({known})" if text and text != known else f"{kind} {known!r}"


def _fees(book: PriceBook, period: Period) -> Iterator[BookEntry]:
    # In whatever time zone the month is billed: a fee of the next one may begin within this one's last hours in UTC.
    month = Window(period.start + FARTHEST_AHEAD, period.end - FARTHEST_AHEAD)
    for fee in book.fees:
        if overlap(fee.valid, month):
            yield BookEntry(EntryKind.FEE.key(fee.id), fee.currency, fee.id, fee.description, fee.customers)


def _commitments(book: PriceBook, period: Period) -> Iterator[BookEntry]:
    for one in book.commitments:
        if one.schedule.holds_in(period):
            for kind in (EntryKind.COMMITMENT, EntryKind.OVERAGE):
                yield BookEntry(kind.key(one.id), one.currency, one.id, one.description, one.customers)


def _limits(book: PriceBook, period: Period) -> Iterator[BookEntry]:
    for one in book.limits:
        if one.schedule.holds_in(period):
            key = EntryKind.MAXIMUM.key(one.description or LIMITED.format(name=one.id))
            yield BookEntry(key, one.currency, one.id, one.description, one.customers)


def _discounts(book: PriceBook, period: Period) -> Iterator[BookEntry]:
    for discount in book.discounts:
        if period in discount.months:
            key = EntryKind.DISCOUNT.key(discount.description or discount.id)
            yield BookEntry(key, discount.currency, discount.id, discount.description, discount.customers)
