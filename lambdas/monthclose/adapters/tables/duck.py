"""Parquet, written and read by DuckDB.

DuckDB is in a separate layer (requirements/pack.in), of the functions that read and write tables in files. It reads and
writes files on the function's disk and streams between them, so that a table of any size takes the same memory.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.register.tables import Column, Kind
from monthclose.ports.tables import Numeral, Sheet, SheetRow

_TYPES = {Kind.MINOR: "BIGINT", Kind.COUNT: "BIGINT", Kind.DATE: "DATE", Kind.TIME: "TIMESTAMP"}
"""Decimals stay text: prices have more places than a float keeps, and no fixed number of them."""
_MEMORY = "512MB"
_READ_AT_ONCE = 4 * 2**20
LONGEST_ROW = 16 * 2**20
OPTIONS: Mapping[str, str | bool | int | float | list[str]] = {
    "memory_limit": _MEMORY,
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""It fetches nothing: Parquet is built in."""
_ROWS_AT_ONCE = 1000
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")


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

    def read(self, name: str, path: Path) -> Sheet:
        """Read row group by row group, each value as text; what is nested comes as DuckDB writes it."""
        return _read(name, path)


def _convert(columns: Sequence[Column], source: Path, target: Path) -> None:
    typed = {column.name: _TYPES.get(column.kind, "VARCHAR") for column in columns}
    query = (
        f"COPY (SELECT * FROM read_csv('{source}', columns={typed}, header=false, auto_detect=false, delim=',', "  # noqa: S608 - paths are ours, and columns' names are in the code
        f"quote='\"', escape='\"', new_line='\\n', nullstr='', allow_quoted_nulls=false, "
        f"max_line_size={LONGEST_ROW}, parallel=false)) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )
    options = {**OPTIONS, "temp_directory": str(source.parent)}
    with duckdb.connect(config=options) as connection:
        connection.execute(query)


def _read(name: str, path: Path) -> Sheet:
    # Some writers do not say that their texts are texts.
    source = "read_parquet(?, binary_as_string=true)"
    try:
        connection = duckdb.connect(config={**OPTIONS, "temp_directory": str(path.parent)})
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", [str(path)]).fetchall()  # noqa: S608 - ours
        result = connection.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {source}", [str(path)])  # noqa: S608
    except duckdb.Error as error:
        raise UserMistakeError(f"{name} is a broken Parquet file ({_first_line(error, path)})") from None
    kinds = [Numeral if kind.startswith((*_NUMBERS, *_FRACTIONS)) else str for _, kind, *_ in described]
    return Sheet([column for column, *_ in described], _rows(name, path, result, kinds))


def _rows(name: str, path: Path, result: duckdb.DuckDBPyConnection, kinds: list[type[str]]) -> Iterator[SheetRow]:
    number = 0
    while True:
        try:
            values = result.fetchmany(_ROWS_AT_ONCE)
        except duckdb.Error as error:
            raise UserMistakeError(
                f"{name} is damaged after row {number:,} ({_first_line(error, path)})\n"
                "get it again and import the whole file; nothing is stored twice"
            ) from None
        if not values:
            return
        for row in values:
            number += 1
            cells = [kind(cell) if cell is not None else "" for kind, cell in zip(kinds, row, strict=True)]
            yield SheetRow(number, cells)


def _first_line(error: Exception, path: Path) -> str:
    return str(error).partition("\n")[0].replace(str(path), "the file")[:200]
