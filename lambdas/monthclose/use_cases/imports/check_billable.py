"""Check at import time whether usage can be billed with today's prices and taxes.

A close would park the customers; at import there is still time to fix it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.imports.intake import OTHERS, Tally, add_named
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, Terms
from monthclose.domain.pricing.book.cell import in_words, names_of
from monthclose.domain.usage import UsageEvent
from monthclose.domain.words import count
from monthclose.ports import PriceBooks, TaxTables
from monthclose.use_cases.imports.check_taxable import TaxableCheck

_MOST_CACHED = 20_000
"""Most answers that are cached: bounds the memory."""
_MOST_SHOWN, _LONGEST = 20, 40
"""Most names that are listed, and most characters of each."""


class _Prices(NamedTuple):
    """The prices of a SKU in a month.

    Parameters
    ----------
    for_all : bool
        Whether one of them is for all usage of the month.
    """

    prices: tuple[Price, ...]
    for_all: bool

    @classmethod
    def of(cls, prices: Iterable[Price], period: Period) -> "_Prices":
        found, start, end = tuple(prices), period.start, period.end
        whole = (price for price in found if price.valid.start <= start and price.valid.end >= end)
        return cls(found, any(not price.cell.where for price in whole))


class BillableCheck:
    """Counts in a tally the events that could not be billed. Any number of threads may use it."""

    def __init__(self, price_books: PriceBooks, tax_tables: TaxTables) -> None:
        self._book = price_books.get(price_books.latest())
        self._taxable = TaxableCheck(self._book, tax_tables.get(tax_tables.latest()))
        self._prices: dict[tuple[str, str, str, int, int], _Prices] = {}

    def check(self, event: UsageEvent, profile: Profile, tally: Tally) -> None:
        """Check an event of a customer."""
        if event.quantity and event.unit_price is None and (missing := self._without_price(event, profile.currency)):
            add_named(tally.unpriced, missing)
        if not profile.payer and not self._taxable.covers(event, profile):
            add_named(tally.untaxed, event.customer_id)

    def _without_price(self, event: UsageEvent, currency: str) -> str:
        """Name the usage of an event that no price holds for: its SKU, and what prices tell apart. Empty: one does."""
        own = event.customer_id if (event.sku, currency, event.customer_id) in self._book.by_identity else ""
        key = (event.sku, currency, own, event.time.year, event.time.month)
        found = self._prices.get(key)
        if not found:
            if len(self._prices) >= _MOST_CACHED:
                self._prices.clear()
            terms = Terms(self._book, own, currency, event.period)
            found = self._prices[key] = _Prices.of(terms.prices(event.sku), event.period)
        if found.for_all:
            return ""
        holding = [price for price in found.prices if price.valid.holds_at(event.time)]
        said = dict(event.attributes)
        if any(price.cell.matches(said) for price in holding):
            return ""
        told_apart = [(name, said.get(name, "")) for name in names_of(price.cell for price in holding)]
        return f"{event.sku} ({in_words(tuple(told_apart))})" if told_apart else event.sku


def unbillable_in_words(tally: Tally) -> list[str]:
    """Describe the imported usage that could not be billed: one line for missing prices, one for missing taxes."""
    lines = []
    if tally.unpriced:
        lines.append(
            f"no price in the price book for {_named(tally.unpriced, 'SKU')}; a close would park these customers"
        )
    if tally.untaxed:
        lines.append(f"no rate in the tax table for {_named(tally.untaxed, 'customer')}; a close would park them")
    return lines


def summary_of(counter: Counter[str], names: str) -> dict[str, int]:
    """Count names and rows, without the names."""
    return {names: len(counter), "rows": counter.total()}


def _named(counter: Counter[str], what: str) -> str:
    """List the names with the most rows: `21 rows, 2 SKUs: droplet (20), volume (1)`."""
    named = [(name, number) for name, number in counter.most_common(_MOST_SHOWN + 1) if name != OTHERS][:_MOST_SHOWN]
    shown = [f"{name if len(name) <= _LONGEST else f'{name[:_LONGEST]}…'} ({count(number)})" for name, number in named]
    more = [f"and {count(len(counter) - len(named))} more"] if len(counter) > len(named) else []
    return f"{count(counter.total(), 'row')}, {count(len(counter), what)}: {', '.join([*shown, *more])}"
