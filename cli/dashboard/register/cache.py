"""The file of the copy: one for each deployment. It can be deleted at any time, and is made again if it is damaged."""

import contextlib
import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import note
from cli.dashboard.register.schema import RELEASE, statements
from cli.home import folder

if TYPE_CHECKING:
    import duckdb

_MEMORY = "512MB"
_IN_USE = ("Could not set lock", "being used by another process")
"""What DuckDB says, on Linux and macOS and on Windows, of a file that another process has open."""


def cache_path(deployment: str) -> Path:
    """Name the file of a deployment, which is known by what tells it from all others."""
    name = hashlib.sha256(deployment.encode()).hexdigest()[:16]
    return folder("dashboard") / f"register-{name}.duckdb"


class Cache:
    """An open copy. Any number of threads may read it, while one writes.

    Parameters
    ----------
    path : Path or None
        Its file; None keeps it in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._connection = path, _opened(path)
        self._lock = threading.Lock()
        self.revision = 0
        """Another number once its rows have changed."""
        self.made = 0
        """Another number once it was made again: an error of before says nothing about it."""

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Make a connection of the caller's own: it sees what was committed when a statement begins."""
        with self._lock:
            return self._connection.cursor()

    def start_again(self) -> None:
        """Empty it: the register has become another one."""
        with self._lock:
            _fill(self._connection, drop=True)

    def make_again(self) -> None:
        """Make the file again: it turned out to be damaged."""
        with self._lock:
            self._connection.close()
            self.made += 1
            self._connection = _made_again(self._path) if self._path else _ready(":memory:")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _opened(path: Path | None) -> "duckdb.DuckDBPyConnection":
    import duckdb  # noqa: PLC0415 - 66 MB, which only the dashboard's lists need

    if path is None:
        return _ready(":memory:")
    try:
        return _ready(str(path))
    except duckdb.IOException as error:
        if not any(words in str(error) for words in _IN_USE):
            return _made_again(path)
        note("another dashboard has this deployment's lists open: this one reads the register into memory")
        return _ready(":memory:")
    except duckdb.Error:
        return _made_again(path)


def _made_again(path: Path) -> "duckdb.DuckDBPyConnection":
    note(f"the lists kept in {path.name} are damaged, or of another release: they are read again")
    for each in (path, path.with_name(f"{path.name}.wal")):
        each.unlink(missing_ok=True)
    return _ready(str(path))


def _ready(name: str) -> "duckdb.DuckDBPyConnection":
    """Open a file and check that it has the tables of this release.

    Raises
    ------
    duckdb.Error
        It is none of DuckDB's, damaged, or another process has it open.
    """
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect(name, config={"memory_limit": _MEMORY, "enable_external_access": "true"})
    try:
        tables = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        if not tables or not tables[0]:
            _fill(connection)
        elif connection.execute("SELECT number FROM release").fetchall() != [(RELEASE,)]:
            _fill(connection, drop=True)
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            connection.execute(f'SELECT * FROM "{table}" LIMIT 1').fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _fill(connection: "duckdb.DuckDBPyConnection", *, drop: bool = False) -> None:
    connection.execute("BEGIN")
    try:
        if drop:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                connection.execute(f'DROP TABLE "{table}"')
        for statement in statements():
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(Exception):
            connection.execute("ROLLBACK")
        raise
