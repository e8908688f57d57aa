"""The figures that are sums, as CSV for spreadsheets: one small file for each table, amounts in both units."""

import csv
import io
from typing import Any, NamedTuple

from monthclose.domain.finance.balances import BALANCES
from monthclose.domain.finance.cash import CASH, COLLECTED
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.payouts import PAYOUTS
from monthclose.domain.finance.recovery import CHARGES, RECOVERY
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.finance.taxes import TAXES
from monthclose.domain.money import Money
from monthclose.domain.register.tables import MINOR
from monthclose.domain.spreadsheets import harmless

_FILES: tuple[tuple[str, SumTable[Any], str], ...] = (
    ("taxes_by_rate.csv", TAXES, "taxes by jurisdiction and rate, as the journal has them"),
    ("balances.csv", BALANCES, "the ledger's accounts: before the month, and what was posted in it"),
    ("cash.csv", CASH, "money by provider and day, as it was booked in the month"),
    ("payouts.csv", PAYOUTS, "what the providers paid out, by day of arrival at the bank, and what of"),
    ("collected.csv", COLLECTED, "what of the month's invoices was paid, by day"),
    ("recovery.csv", RECOVERY, "what dunning has brought in of refused invoices, by step"),
    ("charges.csv", CHARGES, "how charges ended, by provider, card brand and code"),
)


class SumFile(NamedTuple):
    """A file; `what` says what is in it."""

    name: str
    what: str
    content: bytes


def sum_files(figures: Figures) -> list[SumFile]:
    """Write the tables that have rows."""
    return [SumFile(name, what, _csv(figures, table)) for name, table, what in _FILES if figures.sums.get(table.name)]


def _csv(figures: Figures, table: SumTable[Any]) -> bytes:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    columns: tuple[str, ...] = table.row._fields
    out.writerow(head for name in columns for head in _heads(name))
    for row in figures.rows(table):
        cells = row._asdict()
        out.writerow(cell for name, value in cells.items() for cell in _cells(name, value, cells.get("currency", "")))
    return text.getvalue().encode()


def _is_amount(name: str) -> bool:
    return name.endswith(MINOR) or name == "minor"


def _heads(name: str) -> list[str]:
    """Name a field's columns: an amount has one in minor units, and beside it one in major units."""
    if not _is_amount(name):
        return [name]
    major = "amount" if name == "minor" else name.removesuffix(MINOR)
    return [f"{major}{MINOR}", major]


def _cells(name: str, value: str | int, currency: str) -> list[str | int]:
    if isinstance(value, str):
        return [harmless(value)]
    return [value, f"{Money(value, currency).major:f}"] if _is_amount(name) else [value]
