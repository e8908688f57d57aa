"""The tables of the register: the rows of all records, as lists, exports and the report pack have them.

Names and their order are stable, because spreadsheets and queries of the company's own are built on them: columns are
added at the end of a table, and never renamed, moved or dropped.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

type Value = str | int | None
type Row = Mapping[str, Value]
"""A row by the names of its columns; None where there is nothing to say."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    MINOR = "minor"
    """An amount: a whole number of minor units of the row's `currency`. Such columns' names end in `_minor`."""
    COUNT = "count"
    """A whole number that is no amount."""
    DECIMAL = "decimal"
    """A decimal number as text, exact: quantities, prices and rates have more places than a float keeps."""
    DATE = "date"
    """A day, ISO 8601."""
    TIME = "time"
    """An instant in UTC, ISO 8601."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind = Kind.TEXT


class Table(NamedTuple):
    """A table of the register."""

    name: str
    columns: tuple[Column, ...]

    @property
    def amounts(self) -> tuple[str, ...]:
        """The columns that hold amounts."""
        return tuple(column.name for column in self.columns if column.kind is Kind.MINOR)


MINOR = "_minor"
"""The end of the name of each column with an amount; without it, it is the name of the amount in major units."""


def _table(name: str, columns: str) -> Table:
    """Make a table from its columns' names, each followed by `:` and its kind if that is not text."""
    pairs = (column.partition(":") for column in columns.split())
    return Table(name, tuple(Column(column, _kind(column, kind)) for column, _, kind in pairs))


def _kind(name: str, kind: str) -> Kind:
    return Kind.MINOR if name.endswith(MINOR) else Kind(kind or Kind.TEXT)


CUSTOMERS = _table(
    "customers",
    "customer_id name email country currency provider receivable_minor credit_minor balance_minor held_since:time "
    "hold_reason",
)
INVOICES = _table(
    "invoices",
    "number customer_id period currency total_minor tax_minor issued_on:date due_on:date collected_minor "
    "credited_minor written_off_minor open_minor state replaces replaced_by",
)
LINES = _table(
    "lines",
    "number position:count customer_id period kind sku description resource quantity:decimal unit unit_price:decimal "
    "amount_minor currency service_from:date service_to:date service_period tax_class for_customer",
)
TAXES = _table(
    "taxes",
    "number customer_id period jurisdiction name rate:decimal taxable_minor tax_minor currency category tax_classes",
)
PAYMENTS = _table(
    "payments",
    "payment_id number customer_id period provider currency state amount_minor collected_minor refunded_minor "
    "reversed_minor lost_minor attempt:count decline_code card_brand provider_ref charged_at:time settled_at:time",
)
CREDIT_NOTES = _table(
    "credit_notes",
    "number corrects customer_id period currency total_minor tax_minor issued_on:date reason",
)
ENTRIES = _table(
    "entries",
    "entry_id customer_id period time:time posting_date:date account amount_minor currency memo",
)
NOTICES = _table("notices", "customer_id period number kind step state time:time message_id bounces:count why")
HOLDS = _table("holds", "customer_id period change:count action reason time:time by")
PARKED = _table("parked", "customer_id period reason detail time:time")

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        CUSTOMERS,
        INVOICES,
        LINES,
        TAXES,
        PAYMENTS,
        CREDIT_NOTES,
        ENTRIES,
        NOTICES,
        HOLDS,
        PARKED,
    )
}
"""By name, in the order in which they are shown."""

AGING = _table(
    "aging",
    "customer_id name currency not_due_minor days_1_30_minor days_31_60_minor days_61_90_minor over_90_minor "
    "open_minor credit_minor oldest_due_on:date",
)
OPEN_ITEMS = _table(
    "open_items",
    "customer_id name number period currency issued_on:date due_on:date days_overdue:count bucket open_minor",
)
REVENUE = _table(
    "revenue",
    "customer_id name posted_in service_month currency document kind sku description net_minor",
)
JOURNAL = _table(
    "journal",
    "posting_date:date kind entry_id period number customer_id name account currency debit_minor credit_minor memo",
)

FIGURES: Mapping[str, Table] = {table.name: table for table in (AGING, OPEN_ITEMS, REVENUE, JOURNAL)}
"""By name: the tables that `domain/finance` makes of a customer's books for the report pack of a month."""
