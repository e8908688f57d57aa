"""Check at import time whether usage can be taxed with today's tax table: its customer's place, and its tax class."""

from collections.abc import Sequence

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook, Terms
from monthclose.domain.tax.tax_table import TaxTable
from monthclose.domain.usage import UsageEvent
from monthclose.ports import Taxes

_MOST_CACHED = 20_000
"""Most answers that are cached: bounds the memory."""


class TaxableCheck:
    """Says of events whether the tax table has a rate for them. Any number of threads may use it."""

    def __init__(self, book: PriceBook, taxes: Taxes) -> None:
        self._book, self._taxes = book, taxes
        self._classes: dict[tuple[str, str, str, int, int], list[tuple[Price, str]]] = {}
        self._covered: dict[tuple[str, str, str, str, int, int], bool] = {}

    def covers(self, event: UsageEvent, profile: Profile) -> bool:
        """Whether a close could tax an event of a customer."""
        tax_class = self._tax_class(event, profile.currency)
        key = (profile.country, profile.region, profile.tax_id, tax_class, event.time.year, event.time.month)
        found = self._covered.get(key)
        if found is None:
            _make_room(self._covered)
            found = self._covered[key] = self._covers(key, event.period)
        return found

    def _covers(self, key: tuple[str, str, str, str, int, int], period: Period) -> bool:
        try:
            self._taxes.for_customer(*key[:3], period.last_day).rates_of(key[3])
        except ParkCustomerError:
            return False
        return True

    def _tax_class(self, event: UsageEvent, currency: str) -> str:
        of_sku = self._book.class_by_sku.get(event.sku, "")
        if not self._book.has_tax_classes or event.unit_price is not None:
            return of_sku
        own = event.customer_id if (event.sku, currency, event.customer_id) in self._book.by_identity else ""
        key = (event.sku, currency, own, event.time.year, event.time.month)
        ranked = self._classes.get(key)
        if ranked is None:
            _make_room(self._classes)
            terms = Terms(self._book, own, currency, event.period)
            ranked = self._classes[key] = [(price, terms.tax_class(price)) for price in terms.ranked(event.sku)]
        said = dict(event.attributes)
        for price, name in reversed(ranked):
            if price.valid.holds_at(event.time) and price.cell.matches(said):
                return name
        return of_sku


def unknown_classes(book: PriceBook, taxes: Taxes) -> list[str]:
    """Name the tax classes of a price book that the tax table does not know: a close parks who has them."""
    return sorted(book.tax_class_names - set(taxes.known_classes)) if isinstance(taxes, TaxTable) else []


def unknown_in_words(classes: Sequence[str]) -> list[str]:
    """Say what becomes of tax classes that the tax table does not know; nothing if there are none."""
    what = f"the tax {'class' if len(classes) == 1 else 'classes'} {', '.join(map(repr, classes))}"
    return [f"no rate in the tax table names {what}; a close would park who uses that"] if classes else []


def _make_room[K, V](cache: dict[K, V]) -> None:
    if len(cache) >= _MOST_CACHED:
        cache.clear()
