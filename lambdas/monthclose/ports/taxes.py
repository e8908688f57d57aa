"""The tax table, and the rates in it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.tax.tax import Taxation
    from monthclose.domain.tax.tax_table import TaxTable


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
        """Check a table in TOML, store it, and make it the latest version.

        Raises
        ------
        UserMistakeError
            It cannot be used; the message names the entry.
        """
