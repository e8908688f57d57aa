"""The tables of the copy: those of the register, and what is needed to keep them up to date."""

from collections.abc import Mapping

from monthclose.domain.register.objects import MOVEMENT
from monthclose.domain.register.tables import (
    CREDIT_NOTES,
    HOLDS,
    INVOICES,
    NOTICES,
    PARKED,
    PAYMENTS,
    Column,
    Kind,
    Table,
)

RELEASE = 2
"""A copy of another release is made again: it holds nothing that the register does not."""

_M = Kind.MINOR
MOVEMENTS = Table(
    MOVEMENT,
    (
        *(Column(name) for name in ("customer_id", "period", "time", "currency")),
        Column("receivable_minor", _M),
        Column("credit_minor", _M),
    ),
)
BATCH_TABLES: Mapping[str, Table] = {
    MOVEMENT: MOVEMENTS,
    **{table.name: table for table in (INVOICES, PAYMENTS, CREDIT_NOTES, NOTICES, HOLDS, PARKED)},
}
"""The tables whose rows come with batches, by the name that their lines have."""
PROFILE_COLUMNS = ("customer_id", "as_of", "name", "email", "country", "currency", "provider")
ACCOUNT_COLUMNS = (
    *("customer_id", "as_of", "currency", "receivable_minor", "credit_minor", "held_since", "hold_reason", "held_by"),
)
FINDINGS = Table("findings", tuple(map(Column, ("period", "check", "customer_id", "detail", "state"))))
ACTS = Table(
    "acts",
    tuple(
        map(
            Column,
            (
                "name",
                "at",
                "subject",
                "what",
                "by",
                "who",
                "why",
                "period",
                "customer_id",
                "invoice",
                "before",
                "after",
            ),
        )
    ),
)
_SQL_TYPES = {Kind.MINOR: "BIGINT", Kind.COUNT: "BIGINT"}
"""The others are text: ISO 8601 is in the order of time."""


def sql_type(kind: Kind) -> str:
    """Name DuckDB's type of a column."""
    return _SQL_TYPES.get(kind, "VARCHAR")


def line_columns() -> dict[str, str]:
    """List every column that a line may have, with its type: lines of all tables are read together."""
    columns = {column.name: sql_type(column.kind) for table in BATCH_TABLES.values() for column in table.columns}
    columns |= dict.fromkeys((*PROFILE_COLUMNS, *ACCOUNT_COLUMNS), "VARCHAR")
    columns |= {"table": "VARCHAR", "batch": "BIGINT", "receivable_minor": "BIGINT", "credit_minor": "BIGINT"}
    return columns


def statements() -> list[str]:
    """Write the statements that make an empty copy."""
    made = [
        f"CREATE TABLE release AS SELECT {RELEASE} AS number, NULL::VARCHAR AS as_of",
        "CREATE TABLE objects (key VARCHAR PRIMARY KEY, version VARCHAR, period VARCHAR, batch BIGINT, time VARCHAR, "
        "lost BIGINT)",  # lines that could not be read
        f"CREATE TABLE profiles ({_texts(PROFILE_COLUMNS)}, PRIMARY KEY (customer_id))",
        f"CREATE TABLE accounts ({_texts(ACCOUNT_COLUMNS)}, PRIMARY KEY (customer_id))",
        "CREATE TABLE closes (period VARCHAR PRIMARY KEY, batches BIGINT, ended BOOLEAN)",
        *(_create(table, "source VARCHAR, ") for table in BATCH_TABLES.values()),
        _create(FINDINGS),
        _create(ACTS).replace('"name" VARCHAR', '"name" VARCHAR PRIMARY KEY'),
    ]
    return [*made, CUSTOMERS]


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {'BIGINT' if name.endswith('_minor') else 'VARCHAR'}" for name in names)


def _create(table: Table, first: str = "") -> str:
    columns = ", ".join(f'"{column.name}" {sql_type(column.kind)}' for column in table.columns)
    return f"CREATE TABLE {table.name} ({first}{columns})"


CUSTOMERS = """
CREATE OR REPLACE TABLE customers AS
WITH moved AS (
    SELECT m.customer_id, max_by(m.currency, m.time) AS currency,
           sum(m.receivable_minor) AS receivable_minor, sum(m.credit_minor) AS credit_minor
    FROM movement m LEFT JOIN accounts a USING (customer_id)
    WHERE a.as_of IS NULL OR m.time > a.as_of
    GROUP BY ALL
), held AS (
    SELECT h.customer_id, max_by(h, (h.time, h.change)) AS last
    FROM holds h LEFT JOIN accounts a USING (customer_id)
    WHERE a.as_of IS NULL OR h.time[:19] >= a.as_of[:19]
    GROUP BY ALL
), known AS (
    SELECT customer_id FROM profiles UNION SELECT customer_id FROM invoices UNION SELECT customer_id FROM parked
), owing AS (
    SELECT customer_id, count(*) AS open_invoices FROM invoices WHERE open_minor > 0 GROUP BY ALL
), put_together AS (
    SELECT customer_id, p.name, p.email, p.country,
           coalesce(moved.currency, a.currency, p.currency) AS currency, p.provider,
           (coalesce(a.receivable_minor, 0) + coalesce(moved.receivable_minor, 0))::BIGINT AS receivable_minor,
           (coalesce(a.credit_minor, 0) + coalesce(moved.credit_minor, 0))::BIGINT AS credit_minor,
           CASE WHEN held.last IS NULL THEN a.held_since
                WHEN held.last.action = 'placed' THEN coalesce(a.held_since, held.last.time) END AS held_since,
           CASE WHEN held.last IS NULL THEN a.hold_reason
                WHEN held.last.action = 'placed' THEN held.last.reason END AS hold_reason,
           CASE WHEN held.last IS NULL THEN a.held_by
                WHEN held.last.action = 'placed' THEN held.last."by" END AS held_by,
           coalesce(o.open_invoices, 0) AS open_invoices
    FROM known LEFT JOIN profiles p USING (customer_id) LEFT JOIN accounts a USING (customer_id)
         LEFT JOIN moved USING (customer_id) LEFT JOIN held USING (customer_id) LEFT JOIN owing o USING (customer_id)
)
SELECT *, receivable_minor - credit_minor AS balance_minor,
       strip_accents(lower(concat_ws(' ', customer_id, name, email))) AS sought
FROM put_together
"""
"""Customers as they stand: as they were read last, and what the ledger and their holds say has changed since."""
