"""What the program remembers: one SQLite file, in which every step is committed before and after it is taken."""

import csv
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

from bench.peers.card import Attempt, Outcome
from bench.peers.letter import Letter

_SCHEMA = Path(__file__).with_name("schema.sql")
_WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Invoice:
    """A customer's month. `state` is empty until it is known whether it is `paid` or `declined`."""

    number: str
    customer_id: str
    state: str
    mailed: bool


class Books:
    """The file and what is asked of it. Several processes may have it open."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=_WAIT_SECONDS, autocommit=True)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Keep other writers out from the first statement on: what is read here is still so when it is written."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def load(self, customers: Path, usage: Path, prices: Path) -> None:
        """Take in the files."""
        with self._transaction() as connection:
            for statement in _SCHEMA.read_text().split(";"):
                connection.execute(statement)
            for price in _rows(prices):
                connection.execute(
                    "INSERT INTO prices VALUES (?, ?)", (price["sku"], int(Decimal(price["unit_price"]) * 100))
                )
            columns = ("customer_id", "name", "email", "currency", "payment_method", "payment_customer")
            for row in _rows(customers):
                connection.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", [row[name] for name in columns])
            for row in _rows(usage):
                connection.execute(
                    "INSERT INTO usage VALUES (?, ?, ?, ?, ?)",
                    (row["event_id"], row["customer_id"], row["sku"], int(row["quantity"]), row["time"][:7]),
                )

    def customers(self) -> Sequence[str]:
        """List all customers."""
        return [row["customer_id"] for row in self._connection.execute("SELECT customer_id FROM customers ORDER BY 1")]

    def invoice(self, customer_id: str, period: str) -> Invoice:
        """Read a customer's invoice for a month; it is made if it isn't there."""
        self._connection.execute(
            """INSERT OR IGNORE INTO invoices (number, customer_id, period, minor)
               SELECT :period || '-' || :customer, :customer, :period, coalesce(sum(quantity * unit_minor), 0)
               FROM usage JOIN prices USING (sku) WHERE customer_id = :customer AND month = :period""",
            {"customer": customer_id, "period": period},
        )
        row = self._connection.execute(
            "SELECT number, customer_id, state, mailed_at FROM invoices WHERE customer_id = ? AND period = ?",
            (customer_id, period),
        ).fetchone()
        return Invoice(row["number"], row["customer_id"], row["state"], row["mailed_at"] is not None)

    def begin_attempt(self, invoice: Invoice) -> Attempt | None:
        """Return the attempt whose outcome is not known, or store a new one for what is owed now.

        Returns
        -------
        Attempt or None
            None if nothing is owed: then the invoice is paid.
        """
        with self._transaction() as connection:
            if connection.execute(_OPEN_ATTEMPT, (invoice.number,)).fetchone() is None:
                due = connection.execute(_DUE, (invoice.number,)).fetchone()["due"]
                if due <= 0:
                    connection.execute("UPDATE invoices SET state = 'paid' WHERE number = ?", (invoice.number,))
                    return None
                connection.execute(
                    """INSERT INTO attempts (key, invoice, minor, begun)
                       SELECT :number || '-' || (count(*) + 1), :number, :due, :now
                       FROM attempts WHERE invoice = :number""",
                    {"number": invoice.number, "due": due, "now": datetime.now(UTC).isoformat()},
                )
            row = connection.execute(_OPEN_ATTEMPT, (invoice.number,)).fetchone()
        return Attempt(**{**dict(row), "begun": datetime.fromisoformat(row["begun"])})

    def book(self, attempt: Attempt, outcome: Outcome) -> None:
        """Record what became of an attempt."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE attempts SET outcome = ?, reference = ?, reason = ? WHERE key = ? AND outcome IS NULL",
                (outcome.state, outcome.reference, outcome.reason, attempt.key),
            )
            if outcome.state != "void":
                connection.execute(
                    "UPDATE invoices SET state = ? WHERE number = (SELECT invoice FROM attempts WHERE key = ?)",
                    (outcome.state, attempt.key),
                )

    def letter(self, invoice: Invoice) -> Letter:
        """Read what the customer is to be told."""
        row = self._connection.execute(_LETTER, (invoice.number,)).fetchone()
        return Letter(**dict(row))

    def mailed(self, invoice: Invoice) -> None:
        """Record that the customer was told."""
        self._connection.execute(
            "UPDATE invoices SET mailed_at = ? WHERE number = ?", (datetime.now(UTC).isoformat(), invoice.number)
        )

    def record_transfer(self, customer_id: str, period: str, minor: int, reference: str) -> bool:
        """Record a bank transfer, unless a charge is open: its amount was decided without it."""
        with self._transaction() as connection:
            number = f"{period}-{customer_id}"
            if connection.execute(_OPEN_ATTEMPT, (number,)).fetchone() is not None:
                return False
            connection.execute(
                "INSERT OR IGNORE INTO transfers VALUES (?, ?, ?, ?)", (reference, customer_id, period, minor)
            )
        return True

    def months(self, period: str) -> Iterator[tuple[str, int, int, int]]:
        """List each customer's id, and what was invoiced, charged and transferred."""
        with closing(self._connection.execute(_MONTHS, {"period": period})) as rows:
            yield from map(tuple, rows)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


_OPEN_ATTEMPT = """
SELECT key, customer_id, payment_customer, payment_method, attempts.minor, currency, begun
FROM attempts JOIN invoices ON number = invoice JOIN customers USING (customer_id)
WHERE invoice = ? AND outcome IS NULL"""

_DUE = """
SELECT minor
  - (SELECT coalesce(sum(minor), 0) FROM attempts WHERE invoice = number AND outcome = 'paid')
  - (SELECT coalesce(sum(minor), 0) FROM transfers t
     WHERE t.customer_id = invoices.customer_id AND t.period = invoices.period) AS due
FROM invoices WHERE number = ?"""

_LETTER = """
SELECT name, email, number AS invoice, currency, minor, state,
  (SELECT coalesce(sum(minor), 0) FROM attempts WHERE invoice = number AND outcome = 'paid') AS charged
FROM invoices JOIN customers USING (customer_id) WHERE number = ?"""

_MONTHS = """
SELECT customer_id, coalesce(minor, 0),
  (SELECT coalesce(sum(minor), 0) FROM attempts WHERE invoice = number AND outcome = 'paid'),
  (SELECT coalesce(sum(minor), 0) FROM transfers t WHERE t.customer_id = customers.customer_id AND t.period = :period)
FROM customers LEFT JOIN invoices USING (customer_id) WHERE coalesce(invoices.period, :period) = :period"""
