"""What the app remembers, in PostgreSQL. Each function is one transaction."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bench.peers.card import Attempt, Outcome
from bench.peers.celery_app.connections import transaction
from bench.peers.letter import Letter

_SCHEMA = Path(__file__).with_name("schema.sql")
_COLUMNS = {
    "customers": ("customer_id", "name", "email", "currency", "payment_method", "payment_customer"),
    "usage": ("event_id", "customer_id", "sku", "quantity", "time"),
}


@dataclass(frozen=True, slots=True)
class Invoice:
    """A customer's month. `state` is empty until it is known whether it is `paid` or `declined`."""

    number: str
    customer_id: str
    state: str


def load(customers: Path, usage: Path, prices: Path) -> None:
    """Make the tables and take in the files."""
    with transaction() as connection:
        connection.execute(_SCHEMA.read_bytes())
        _copy(connection, "prices", ((row["sku"], int(Decimal(row["unit_price"]) * 100)) for row in _rows(prices)))
        for table, file in (("customers", customers), ("usage", usage)):
            _copy(connection, table, (tuple(row[name] for name in _COLUMNS[table]) for row in _rows(file)))


def customer_ids() -> Sequence[str]:
    """List all customers."""
    with transaction() as connection:
        return [row["customer_id"] for row in connection.execute("SELECT customer_id FROM customers ORDER BY 1")]


def make_invoices(period: str, customers: Sequence[str]) -> Sequence[str]:
    """Make the invoices that some customers don't have yet; return the numbers of those that are not done with."""
    begin = datetime.fromisoformat(f"{period}-01").replace(tzinfo=UTC)
    given = {
        "period": period,
        "customers": list(customers),
        "begin": begin,
        "end": (begin + timedelta(days=31)).replace(day=1),
    }
    with transaction() as connection:
        connection.execute(_MAKE_INVOICES, given)
        unfinished = connection.execute(
            """UPDATE invoices SET queued_at = now()
               WHERE period = %(period)s AND customer_id = ANY(%(customers)s) AND mailed_at IS NULL
               RETURNING number""",
            given,
        )
        return [row["number"] for row in unfinished]


def overdue(seconds: float, limit: int = 1000) -> Sequence[str]:
    """Name invoices that were queued so long ago and are not done with; they count as queued now."""
    with transaction() as connection:
        rows = connection.execute(_OVERDUE, {"age": timedelta(seconds=seconds), "limit": limit})
        return [row["number"] for row in rows]


def invoice(number: str) -> Invoice:
    """Read an invoice."""
    with transaction() as connection:
        row = connection.execute("SELECT number, customer_id, state FROM invoices WHERE number = %s", (number,))
        return Invoice(**_one(row.fetchone()))


def begin_attempt(number: str) -> Attempt | None:
    """Return the attempt whose outcome is not known, or store a new one for what is owed now.

    Returns
    -------
    Attempt or None
        None if nothing is owed: then the invoice is paid.
    """
    with transaction() as connection:
        due = _one(connection.execute(_DUE, (number,)).fetchone())["due"]
        if connection.execute(_OPEN_ATTEMPT, (number,)).fetchone() is None:
            if due <= 0:
                connection.execute("UPDATE invoices SET state = 'paid' WHERE number = %s", (number,))
                return None
            connection.execute(
                """INSERT INTO attempts (key, number, minor)
                   SELECT %(number)s || '-' || (count(*) + 1), %(number)s, %(due)s
                   FROM attempts WHERE number = %(number)s""",
                {"number": number, "due": due},
            )
        return Attempt(**_one(connection.execute(_OPEN_ATTEMPT, (number,)).fetchone()))


def book(attempt: Attempt, outcome: Outcome) -> None:
    """Record what became of an attempt; one that was booked before stays as it is."""
    with transaction() as connection:
        booked = connection.execute(
            """UPDATE attempts SET outcome = %s, reference = %s, reason = %s
               WHERE key = %s AND outcome IS NULL RETURNING number""",
            (outcome.state, outcome.reference, outcome.reason, attempt.key),
        ).fetchone()
        if booked and outcome.state != "void":
            connection.execute("UPDATE invoices SET state = %s WHERE number = %s", (outcome.state, booked["number"]))


def lock_letter(connection: Connection[DictRow], number: str) -> Letter | None:
    """Read what a customer is to be told and lock the invoice; None if that was done, or somebody is at it."""
    row = connection.execute(_LETTER, (number,)).fetchone()
    return Letter(**row) if row else None


def mailed(connection: Connection[DictRow], number: str) -> None:
    """Record that the customer was told."""
    connection.execute("UPDATE invoices SET mailed_at = now() WHERE number = %s", (number,))


def record_transfer(customer_id: str, period: str, minor: int, reference: str) -> bool:
    """Record a bank transfer, unless a charge is open: its amount was decided without it."""
    with transaction() as connection:
        number = connection.execute(
            "SELECT number FROM invoices WHERE customer_id = %s AND period = %s FOR UPDATE", (customer_id, period)
        ).fetchone()
        if number and connection.execute(_OPEN_ATTEMPT, (number["number"],)).fetchone():
            return False
        connection.execute(
            "INSERT INTO transfers VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (reference, customer_id, period, minor),
        )
    return True


def progress(period: str) -> tuple[int, int]:
    """Count the customers who are not done with, and the steps taken so far."""
    with transaction() as connection:
        row = _one(connection.execute(_PROGRESS, {"period": period}).fetchone())
        return row["unfinished"], row["steps"]


def months(period: str) -> Sequence[tuple[str, int, int, int]]:
    """List each customer's id, and what was invoiced, charged and transferred."""
    with transaction() as connection:
        rows = connection.execute(_MONTHS, {"period": period})
        return [(row["customer_id"], row["invoiced"], row["charged"], row["transferred"]) for row in rows]


def _copy(connection: Connection[DictRow], table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def _one(row: DictRow | None) -> DictRow:
    if row is None:
        raise LookupError("there is no such invoice")
    return row


_MAKE_INVOICES = """
INSERT INTO invoices (number, customer_id, period, minor)
SELECT %(period)s || '-' || customer_id, customer_id, %(period)s, coalesce(sum(quantity * unit_minor), 0)
FROM customers
LEFT JOIN (SELECT * FROM usage WHERE time >= %(begin)s AND time < %(end)s) used USING (customer_id)
LEFT JOIN prices USING (sku)
WHERE customer_id = ANY(%(customers)s)
GROUP BY customer_id
ON CONFLICT DO NOTHING"""

_OVERDUE = """
UPDATE invoices SET queued_at = now() WHERE number IN (
  SELECT number FROM invoices WHERE mailed_at IS NULL AND queued_at < now() - %(age)s
  ORDER BY queued_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING number"""

_DUE = """
SELECT (minor
  - (SELECT coalesce(sum(a.minor), 0) FROM attempts a WHERE a.number = i.number AND outcome = 'paid')
  - (SELECT coalesce(sum(t.minor), 0) FROM transfers t WHERE t.customer_id = i.customer_id AND t.period = i.period)
  )::bigint AS due
FROM invoices i WHERE number = %s FOR UPDATE"""

_OPEN_ATTEMPT = """
SELECT key, customer_id, payment_customer, payment_method, a.minor, currency, begun
FROM attempts a JOIN invoices USING (number) JOIN customers USING (customer_id)
WHERE number = %s AND outcome IS NULL"""

_LETTER = """
SELECT name, email, number AS invoice, currency, minor, state,
  (SELECT coalesce(sum(a.minor), 0) FROM attempts a WHERE a.number = i.number AND outcome = 'paid')::bigint AS charged
FROM invoices i JOIN customers USING (customer_id)
WHERE number = %s AND mailed_at IS NULL AND state <> '' FOR UPDATE OF i SKIP LOCKED"""

_PROGRESS = """
SELECT (SELECT count(*) FROM customers) - count(mailed_at) AS unfinished,
  count(*) + count(mailed_at) + (SELECT count(outcome) FROM attempts) AS steps
FROM invoices WHERE period = %(period)s"""

_MONTHS = """
SELECT customer_id, coalesce(minor, 0) AS invoiced,
  (SELECT coalesce(sum(a.minor), 0) FROM attempts a WHERE a.number = i.number AND outcome = 'paid')::bigint AS charged,
  (SELECT coalesce(sum(t.minor), 0) FROM transfers t
   WHERE t.customer_id = c.customer_id AND t.period = %(period)s)::bigint AS transferred
FROM customers c LEFT JOIN invoices i USING (customer_id) WHERE i.period IS NULL OR i.period = %(period)s
ORDER BY customer_id"""
