"""What an import changes in the price book, entry by entry, and for whom those entries are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from monthclose.domain.pricing.book.cell import Conditions, in_words
from monthclose.domain.pricing.book.price import Price
from monthclose.domain.pricing.book.price_book import PriceBook
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.models import Content


class Section(StrEnum):
    """What an entry is, as its line of text names it."""

    PRICE = "price"
    FEE = "fee"
    DISCOUNT = "discount"
    COMMITMENT = "commitment"
    TAX_CLASS = "tax class"
    LIMIT = "limit"
    SETTING = "setting"


class What(StrEnum):
    """What has become of an entry."""

    NEW = "new"
    CHANGED = "changed"
    ENDED = "ended"
    """It has got an end, and had none."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that is not as it was.

    Parameters
    ----------
    name : str
        The id; of a price, the SKU.
    currency : str
        Empty for a discount in any currency.
    customers : tuple of str
        Whom it is for; empty: everybody. The own prices of several customers that change alike are one entry.
    skus : tuple of str
        What a discount, a commitment or a limit is on; of a price, the SKU.
    before, after : sequence
        As in a price book's file; a price has one for each time that it holds.
    where : str
        Of a price that is for some of the SKU's usage, for which: `region = eu`.
    """

    section: Section
    name: str
    currency: str
    what: What
    customers: tuple[str, ...]
    skus: tuple[str, ...]
    description: str
    before: Sequence[Content]
    after: Sequence[Content]
    where: str = ""

    @property
    def differing(self) -> Mapping[str, tuple[Any, Any]]:
        """The fields of the latest of each that differ, before and after."""
        was, is_now = (contents[-1] if contents else {} for contents in (self.before, self.after))
        names = dict.fromkeys((*was, *is_now))
        return {name: (was.get(name), is_now.get(name)) for name in names if was.get(name) != is_now.get(name)}


def book_changes(before: PriceBook, after: PriceBook) -> tuple[EntryChange, ...]:
    """Compare two versions of the price book; entries that are the same are left out."""
    specials: Sequence[tuple[Section, Sequence[_Special], Sequence[_Special]]] = (
        (Section.FEE, before.fees, after.fees),
        (Section.DISCOUNT, before.discounts, after.discounts),
        (Section.COMMITMENT, before.commitments, after.commitments),
        (Section.LIMIT, before.limits, after.limits),
    )
    found = [change for section, was, is_now in specials for change in _specials(section, was, is_now)]
    return (*found, *_settings(before, after), *_classes(before, after), *_together(_prices(before, after)))


type _Special = Fee | Discount | Commitment | Limit


def _specials(section: Section, before: Iterable[_Special], after: Iterable[_Special]) -> Iterator[EntryChange]:
    known = {entry.id: entry for entry in before}
    for entry in after:
        was = known.get(entry.id)
        if was == entry:
            continue
        contents = [old.content() for old in (was,) if old]
        yield EntryChange(
            section,
            entry.id,
            entry.currency,
            _what(contents, [entry.content()]),
            entry.customers,
            () if isinstance(entry, Fee) else entry.skus,
            entry.description,
            contents,
            [entry.content()],
        )


def _settings(before: PriceBook, after: PriceBook) -> Iterator[EntryChange]:
    was, is_now = before.discounting.content(), after.discounting.content()
    if was != is_now:
        what = What.CHANGED if was else What.NEW
        yield EntryChange(Section.SETTING, "discounts", "", what, (), (), "", [was], [is_now])


def _classes(before: PriceBook, after: PriceBook) -> Iterator[EntryChange]:
    known = {entry.id: entry for entry in before.tax_classes}
    for entry in after.tax_classes:
        was = known.get(entry.id)
        if was != entry:
            contents = [old.content() for old in (was,) if old]
            what, now = What.CHANGED if was else What.NEW, [entry.content()]
            yield EntryChange(Section.TAX_CLASS, entry.id, "", what, (), entry.skus, "", contents, now)


def _prices(before: PriceBook, after: PriceBook) -> Iterator[EntryChange]:
    for identity, prices in after.by_identity.items():
        was = before.by_identity.get(identity, ())
        if was != prices:
            for where in dict.fromkeys(price.cell.where for price in (*prices, *was)):
                yield from _of_cell(identity, where, was, prices)


def _of_cell(
    identity: tuple[str, str, str], where: Conditions, was: Iterable[Price], prices: Iterable[Price]
) -> Iterator[EntryChange]:
    """Compare the prices of usage with some attributes."""
    old, new = ([price for price in some if price.cell.where == where] for some in (was, prices))
    if old == new:
        return
    sku, currency, customer = identity
    contents = [_content(price) for price in old], [_content(price) for price in new]
    yield EntryChange(
        Section.PRICE,
        sku,
        currency,
        _what(*contents),
        (customer,) if customer else (),
        (sku,),
        (new or old)[-1].description,
        *contents,
        in_words((new or old)[-1].cell.shown(())),
    )


def _content(price: Price) -> Content:
    """Write a price as in its file, without the customer whom it is for: the change names them."""
    return {name: value for name, value in price.content().items() if name != "customers"}


def _what(before: Sequence[Content], after: Sequence[Content]) -> What:
    if not before:
        return What.NEW
    return What.ENDED if not after or ("until" in after[-1] and "until" not in before[-1]) else What.CHANGED


def _together(changes: Iterable[EntryChange]) -> Iterator[EntryChange]:
    """Make one entry of customers' own prices that change alike."""
    alike: dict[str, EntryChange] = {}
    for change in changes:
        if not change.customers:
            yield change
            continue
        key = repr((change.name, change.where, change.currency, change.before, change.after))
        known = alike.get(key)
        alike[key] = replace(known, customers=(*known.customers, *change.customers)) if known else change
    yield from alike.values()
