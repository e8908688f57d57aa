"""What invoices are made from: usage, prices, taxes."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol

from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.tax.tax import Taxation
from monthclose.domain.tax.tax_table import TaxTable
from monthclose.domain.usage import EventKey, UsageEvent


class UsageStore(Protocol):
    """Usage events, by customer and period."""

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Store events; one whose key is already there is overwritten."""

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        """Look events up; those that aren't stored are left out. Strongly consistent."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage of one period, in memory that doesn't grow with it; replaced events, too."""


class PriceBooks(Protocol):
    """The price book, in versions."""

    def latest(self) -> str:
        """Name the latest version; empty if no book was imported yet."""

    def get(self, version: str) -> PriceBook:
        """Read one version; they never change. The version "" is an empty book."""

    def merge(self, additions: PriceBook) -> PriceBook:
        """Lay a book over the latest one (see `PriceBook.merged`), and make that the latest version."""


class Taxes(Protocol):
    """Says how customers are taxed."""

    def for_customer(self, country: str, region: str, tax_id: str, on: date) -> Taxation:
        """Find the rates that a customer pays on a day.

        Raises
        ------
        ParkCustomerError
            Their jurisdiction is not covered (`tax_not_covered`): they must not be billed untaxed.
        """


class TaxTables(Protocol):
    """The tax table, in versions."""

    def latest(self) -> str:
        """Name the latest version; empty if no table was imported yet: then nobody is taxed."""

    def get(self, version: str) -> Taxes:
        """Read one version; they never change. The version "" taxes nobody."""

    def put(self, toml: bytes) -> TaxTable:
        """Check a table as it is written in TOML, store it, and make it the latest version.

        Raises
        ------
        UserMistakeError
            It cannot be used; the message names the entry.
        """
