"""Check at import time whether usage can be billed with today's prices and taxes.

A close would park the customers; at import there is still time to fix it.
"""

from collections import Counter
from datetime import timedelta

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.imports.intake import OTHERS, Tally, add_named
from monthclose.domain.period import Period
from monthclose.domain.pricing import Terms
from monthclose.domain.pricing.aggregation import Window
from monthclose.domain.usage import UsageEvent
from monthclose.domain.words import count
from monthclose.ports import PriceBooks, TaxTables

_MOST_CACHED = 20_000
"""Most answers that are cached: bounds the memory."""
_MOST_SHOWN, _LONGEST = 20, 40
"""Most names that are listed, and most characters of each."""


class BillableCheck:
    """Counts in a tally the events that could not be billed."""

    def __init__(self, price_books: PriceBooks, tax_tables: TaxTables, tally: Tally) -> None:
        self._book = price_books.get(price_books.latest())
        self._taxes = tax_tables.get(tax_tables.latest())
        self._tally = tally
        self._prices: dict[tuple[str, str, str, Period], tuple[Window, ...]] = {}
        self._taxed: dict[tuple[str, str, str, Period], bool] = {}

    def check(self, event: UsageEvent, profile: Profile) -> None:
        """Check an event of a customer."""
        if event.unit_price is None and not self._has_price(event, profile.currency):
            add_named(self._tally.unpriced, event.sku)
        if not profile.payer and not self._has_tax(profile, event.period):
            add_named(self._tally.untaxed, event.customer_id)

    def _has_price(self, event: UsageEvent, currency: str) -> bool:
        own = event.customer_id if (event.sku, currency, event.customer_id) in self._book.by_identity else ""
        key = (event.sku, currency, own, event.period)
        if key not in self._prices:
            if len(self._prices) >= _MOST_CACHED:
                self._prices.clear()
            self._prices[key] = self._windows(event.sku, Terms(self._book, own, currency, event.period))
        return any(window.start <= event.time < window.end for window in self._prices[key])

    def _windows(self, sku: str, terms: Terms) -> tuple[Window, ...]:
        try:
            return tuple(price.valid for price in terms.prices(sku))
        except ParkCustomerError:
            return ()

    def _has_tax(self, profile: Profile, period: Period) -> bool:
        key = (profile.country, profile.region, profile.tax_id, period)
        if key not in self._taxed:
            if len(self._taxed) >= _MOST_CACHED:
                self._taxed.clear()
            try:
                self._taxes.for_customer(*key[:3], (period.end - timedelta(days=1)).date())
                self._taxed[key] = True
            except ParkCustomerError:
                self._taxed[key] = False
        return self._taxed[key]


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
