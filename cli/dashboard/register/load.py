"""Load objects of the register into the copy."""

import gzip
import json
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.dashboard.register.schema import ACCOUNT_COLUMNS, BATCH_TABLES, PROFILE_COLUMNS, line_columns
from monthclose.domain.register.objects import BATCH, CUSTOMER, PROFILE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LATE = timedelta(hours=1)
"""A batch's object that is older than the copy's by less than this was written late, by a worker that had read before
the other one: the newer rows stay. One that is older by more is of another history, as after a restore."""
_LINE = b'{"table":'
"""How every line begins. It cannot be inside a text, where quotation marks have a backslash before them."""


class Fetched(NamedTuple):
    """An object that was read, uncompressed."""

    key: str
    version: str
    text: bytes


def opened(key: str, version: str, content: bytes) -> Fetched | None:
    """Uncompress an object; None if it is damaged."""
    try:
        return Fetched(key, version, gzip.decompress(content))
    except (OSError, EOFError, zlib.error):
        return None


def load(connection: "DuckDBPyConnection", objects: Sequence[Fetched]) -> None:
    """Put the rows of some objects in the place of those that they replace, all or none."""
    keys = [found.key for found in objects]
    times = connection.execute(
        "SELECT key, time FROM objects WHERE time IS NOT NULL AND key IN (SELECT unnest(?))", [keys]
    )
    kept = dict(times.fetchall())
    late = [found for found in objects if _is_late(_head(found.text), kept.get(found.key))]
    behind = {found.key for found in late}
    fresh = [found for found in objects if found.key not in behind]
    connection.execute("BEGIN")
    try:
        if fresh:
            _load_lines(connection, fresh)
        for found in late:
            connection.execute("UPDATE objects SET version = ? WHERE key = ?", [found.version, found.key])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def forget(connection: "DuckDBPyConnection", keys: Iterable[str]) -> None:
    """Remove the rows of batches whose objects are gone."""
    gone = [*keys]
    connection.execute("BEGIN")
    for table in BATCH_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE source IN (SELECT unnest(?))", [gone])
    connection.execute("DELETE FROM objects WHERE key IN (SELECT unnest(?))", [gone])
    connection.execute("COMMIT")


def forget_unlisted(connection: "DuckDBPyConnection", listed_since: str) -> None:
    """Remove customers who were not in the last list of all."""
    for table in ("profiles", "accounts"):
        connection.execute(f"DELETE FROM {table} WHERE as_of < ?", [listed_since])


def _load_lines(connection: "DuckDBPyConnection", objects: Sequence[Fetched]) -> None:
    """Read all lines at once: one file of many objects takes a hundredth of the time that many files take."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE sources (number BIGINT, source VARCHAR, version VARCHAR, lines BIGINT)"
    )
    connection.execute(
        "INSERT INTO sources SELECT unnest(range(len($keys))), unnest($keys), unnest($versions), unnest($lines)",
        {
            "keys": [found.key for found in objects],
            "versions": [found.version for found in objects],
            "lines": [len(found.text.splitlines()) for found in objects],
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        with path.open("wb") as file:
            for number, found in enumerate(objects):
                file.write(found.text.replace(_LINE, b'{"number_":%d,"table":' % number))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE incoming AS SELECT lines.*, source, version FROM read_json($path, "
            "columns = $columns, format = 'newline_delimited', ignore_errors = true, maximum_object_size = 67108864) "
            "lines JOIN sources ON sources.number = lines.number_",
            {"path": str(path), "columns": {"number_": "BIGINT", **line_columns()}},
        )
    for name, table in BATCH_TABLES.items():
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        connection.execute(f"DELETE FROM {name} WHERE source IN (SELECT source FROM sources)")
        connection.execute(f"INSERT INTO {name} SELECT source, {columns} FROM incoming WHERE \"table\" = '{name}'")
    connection.execute(
        "INSERT OR REPLACE INTO objects SELECT s.source, s.version, i.period, i.batch, i.time, "
        "s.lines - (SELECT count(*) FROM incoming l WHERE l.source = s.source) "
        f"FROM sources s LEFT JOIN incoming i ON s.source = i.source AND i.\"table\" = '{BATCH}'"
    )
    _keep_newest(connection, "profiles", PROFILE_COLUMNS, (CUSTOMER, PROFILE))
    _keep_newest(connection, "accounts", ACCOUNT_COLUMNS, (CUSTOMER,))


def _keep_newest(connection: "DuckDBPyConnection", table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Take over the newest row of each customer, unless the copy has one that is newer."""
    others = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "customer_id")
    connection.execute(
        f'INSERT INTO {table} SELECT {", ".join(columns)} FROM incoming WHERE "table" IN (SELECT unnest(?)) '
        "AND as_of IS NOT NULL AND customer_id IS NOT NULL "
        "QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY as_of DESC) = 1 "
        f"ON CONFLICT (customer_id) DO UPDATE SET {others} WHERE excluded.as_of >= {table}.as_of",
        [list(lines)],
    )


def _head(text: bytes) -> Mapping[str, Any]:
    """Read the first line: of a batch's object, what it is of and when it was read."""
    try:
        head = json.loads(text[: text.index(b"\n")])
    except ValueError:
        return {}
    return head if isinstance(head, dict) and head.get("table") == BATCH else {}


def _is_late(head: Mapping[str, Any], kept: str | None) -> bool:
    if not kept or not head.get("time"):
        return False
    return timedelta() < datetime.fromisoformat(kept) - datetime.fromisoformat(head["time"]) < LATE
