"""Whom an import of prices touches: how many customers each new or changed entry is for.

It is cheap and bounded, whatever the number of customers: named customers are looked up; all customers are counted up
to a number, and beyond that the last close's number is taken; who used a SKU last month is what a rehearsal has
counted, or what the largest invoices say.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.pricing.book.changes import EntryChange, Section, book_changes
from monthclose.domain.rehearsals.billed import EntryKind
from monthclose.ports import Closes, CustomerDirectory
from monthclose.use_cases.rehearsals.last_month import LastMonth, LastMonthReader

MOST_COUNTED = 20_000
"""Customers that are counted one by one: a second or two of reading."""
_MOST_LOOKED_UP = 5_000
"""Named customers that are looked up: a hundred a request."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """All customers.

    Parameters
    ----------
    by_currency : mapping
        How many there are; empty if there are too many to count.
    about : int
        Those of the last close, if they could not be counted.
    since : Period or None
        That close's month.
    """

    by_currency: Mapping[str, int]
    about: int = 0
    since: Period | None = None

    def of(self, currency: str) -> int:
        """Count the customers of a currency; of any, if it is empty."""
        if self.since is not None:
            return self.about
        return self.by_currency.get(currency, 0) if currency else sum(self.by_currency.values())


@dataclass(frozen=True, slots=True)
class Effect:
    """An entry's change, and the customers whom it is for.

    Parameters
    ----------
    customers : int or None
        Of a fee, a discount or a commitment, and of customers' own prices: whom it is for. Of a general price: who used
        the SKU last month; None if that is not known.
    unknown : tuple of str
        Named, but not among the customers.
    other_currency : tuple of str
        Named, and billed in another currency: the entry never holds for them.
    unpriced : tuple of str
        SKUs that the entry is on, and the book has no price for: mistyped, unless their usage comes with its prices.
    """

    change: EntryChange
    customers: int | None = None
    unknown: tuple[str, ...] = ()
    other_currency: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effects:
    """What an import changes, and for whom.

    Parameters
    ----------
    everybody : Everybody or None
        Counted only if an entry is for everybody.
    last_month : LastMonth or None
        Counted only if the price of a SKU changes; None before the first close.
    """

    effects: tuple[Effect, ...]
    everybody: Everybody | None = None
    last_month: LastMonth | None = None

    def of(self, section: Section) -> Sequence[Effect]:
        """The effects on one section."""
        return [effect for effect in self.effects if effect.change.section is section]

    def concerned(self, section: Section) -> int:
        """Count the customers whom the entries of a section are for, each once."""
        entries = self.of(section)
        general = {effect.change.currency for effect in entries if not effect.change.customers}
        if self.everybody and self.everybody.since is not None and general:
            return self.everybody.about
        counted = 0
        if self.everybody and general:
            counted = self.everybody.of("") if "" in general else sum(map(self.everybody.of, general))
        named = {
            name
            for effect in entries
            if "" not in general and effect.change.currency not in general
            for name in set(effect.change.customers) - {*effect.unknown, *effect.other_currency}
        }
        return counted + len(named)


@dataclass(frozen=True, slots=True)
class PriceEffects:
    """Finds whom a change of the price book touches."""

    directory: CustomerDirectory
    closes: Closes
    last_month: LastMonthReader

    def find(self, before: PriceBook, after: PriceBook) -> Effects:
        """Compare two versions of the price book, and count."""
        changes = book_changes(before, after)
        names = {name for change in changes for name in change.customers}
        known = self.directory.known(names) if 0 < len(names) <= _MOST_LOOKED_UP else None
        general = [change for change in changes if not change.customers]
        everybody = self._everybody() if any(change.section is not Section.PRICE for change in general) else None
        last = self.last_month.read() if any(change.section is Section.PRICE for change in general) else None
        priced = {price.sku for price in after.prices}
        effects = tuple(
            replace(_effect(change, everybody, last, known), unpriced=_unpriced(change, priced)) for change in changes
        )
        return Effects(effects, everybody, last)

    def _everybody(self) -> Everybody:
        currencies = self.directory.currencies()
        counted = Counter(islice(currencies, MOST_COUNTED))
        if next(currencies, None) is None:
            return Everybody(counted)
        last = next((close for close in self.closes.all() if close.customers), None)
        return Everybody({}, last.customers, last.period) if last else Everybody(counted + Counter(currencies))


def _unpriced(change: EntryChange, priced: Container[str]) -> tuple[str, ...]:
    return () if change.section is Section.PRICE else tuple(sku for sku in change.skus if sku not in priced)


def _effect(
    change: EntryChange, everybody: Everybody | None, last: LastMonth | None, known: Mapping[str, Profile] | None
) -> Effect:
    if change.customers:
        return _named(change, known)
    if change.section is Section.PRICE:
        used = last.having.get((change.currency, EntryKind.SKU.key(change.name)), 0) if last else None
        return Effect(change, used)
    return Effect(change, everybody.of(change.currency) if everybody else None)


def _named(change: EntryChange, known: Mapping[str, Profile] | None) -> Effect:
    if known is None:
        return Effect(change, len(change.customers))
    named = sorted(set(change.customers))
    unknown = tuple(name for name in named if name not in known)
    other = tuple(name for name in named if name in known and change.currency not in ("", known[name].currency))
    return Effect(change, len(named) - len(unknown) - len(other), unknown, other)
