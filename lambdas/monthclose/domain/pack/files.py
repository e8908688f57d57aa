"""The tables of the report pack as files: the register's columns, with each amount in major units beside it."""

from collections.abc import Mapping
from datetime import date

from monthclose.domain.money import Money
from monthclose.domain.register.tables import MINOR, Column, Kind, Row, Table, Value

MOST_ROWS = 1_000_000
"""In one file: a spreadsheet shows 1,048,576, its header included (Microsoft, "Excel specifications and limits")."""


def columns_of(table: Table) -> tuple[Column, ...]:
    """List a table's columns as its files have them: `total_minor` is followed by `total`, in major units."""
    found: list[Column] = []
    for column in table.columns:
        found.append(column)
        if column.kind is Kind.MINOR:
            found.append(Column(column.name.removesuffix(MINOR), Kind.DECIMAL))
    return tuple(found)


def cells_of(table: Table, row: Row) -> list[Value]:
    """Lay a row out by `columns_of`. An amount without a currency has no major units."""
    cells: list[Value] = []
    currency = row.get("currency")
    for column in table.columns:
        value = row.get(column.name)
        cells.append(value)
        if column.kind is Kind.MINOR:
            cells.append(_major(value, currency))
    return cells


def _major(minor: Value, currency: Value) -> str | None:
    """Write an amount as a spreadsheet and a program read it: `1234.50`, without separators."""
    if not isinstance(minor, int) or not isinstance(currency, str) or not currency:
        return None
    return f"{Money(minor, currency).major:f}"


def file_name(name: str, number: int, of: int, kind: str) -> str:
    """Name a table's file: `lines.csv`, or `lines-002.csv` where one file does not hold all rows.

    Parquet has a folder for each table, which a query engine reads as a whole.
    """
    called = _CALLED.get(name, name)
    stem = called if of == 1 else f"{called}-{number:03}"
    return f"parquet/{name}/{stem}.parquet" if kind == "parquet" else f"{stem}.{kind}"


_CALLED = {"journal": "journal_entries"}
"""The names of tables' files where a file of another kind has the table's own: `journal.csv` is what an ERP imports."""


def in_words(day: date) -> str:
    """Write a day for people: `1 November 2026`."""
    return f"{day.day} {day:%B %Y}"


WHAT: Mapping[str, str] = {
    "aging": "what each customer owes, by how long it has been due",
    "open_items": "the invoices that are open, of all months",
    "revenue": "revenue by customer, SKU and month of service, without tax",
    "journal": "what the month posts in the general ledger, entry by entry",
    "customers": "the customers of the close: what they owe, their credit, their hold",
    "invoices": "the invoices of the month, replaced ones too, and how each was settled",
    "lines": "the lines of the invoices and credit notes",
    "taxes": "the taxes on the invoices and credit notes",
    "payments": "the payments of the month's invoices",
    "credit_notes": "the credit notes on the month's invoices",
    "entries": "the ledger of the month: a row for each leg of each entry",
    "notices": "the e-mails about the month's invoices, and which of them bounced",
    "holds": "holds that were placed or lifted",
    "parked": "customers who wait for a person, and why",
}
"""What each table holds, for people."""
