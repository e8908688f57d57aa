"""Parquet, written by DuckDB.

DuckDB is in a separate layer (requirements/pack.in), of the one function that writes the report pack's tables. It reads
and writes files on the function's disk and streams between them, so that a table of any size takes the same memory.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from monthclose.domain.register.tables import Column, Kind

_TYPES = {Kind.MINOR: "BIGINT", Kind.COUNT: "BIGINT", Kind.DATE: "DATE", Kind.TIME: "TIMESTAMP"}
"""Decimals stay text: prices have more places than a float keeps, and no fixed number of them."""
_MEMORY = "512MB"
_READ_AT_ONCE = 4 * 2**20
_LONGEST_ROW = 16 * 2**20
_OPTIONS: Mapping[str, str | bool | int | float | list[str]] = {
    "memory_limit": _MEMORY,
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""It fetches nothing: Parquet is built in."""


class DuckColumnFiles:
    """`ColumnFiles` on DuckDB."""

    def parquet(self, columns: Sequence[Column], rows: Iterable[bytes]) -> Iterator[bytes]:
        """Write the rows to disk, have DuckDB turn them into Parquet, and read that."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "rows.csv"), Path(folder, "rows.parquet")
            with source.open("wb") as file:
                file.writelines(rows)
            _convert(columns, source, target)
            source.unlink()  # a function's disk is small
            with target.open("rb") as file:
                while content := file.read(_READ_AT_ONCE):
                    yield content


def _convert(columns: Sequence[Column], source: Path, target: Path) -> None:
    typed = {column.name: _TYPES.get(column.kind, "VARCHAR") for column in columns}
    query = (
        f"COPY (SELECT * FROM read_csv('{source}', columns={typed}, header=false, auto_detect=false, delim=',', "  # noqa: S608 - paths are ours, and columns' names are in the code
        f"quote='\"', escape='\"', new_line='\\n', nullstr='', allow_quoted_nulls=false, "
        f"max_line_size={_LONGEST_ROW}, parallel=false)) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )
    options = {**_OPTIONS, "temp_directory": str(source.parent)}
    with duckdb.connect(config=options) as connection:
        connection.execute(query)
