"""Usage in Parquet, among the documents.

Files are written and read on the function's disk, by DuckDB. Of one customer's usage only the row groups that may have
it are fetched: they are written into an empty file of the same size, each at its own place, which DuckDB then reads.
"""

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from monthclose.adapters.tables.duck import LONGEST_ROW, OPTIONS
from monthclose.domain.attributes import parse_attributes
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_archive import COLUMNS, Kind
from monthclose.ports import Documents
from monthclose.ports.usage_archive import WrittenUsage

_TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.TIME: "TIMESTAMP",
    Kind.DECIMAL: "DECIMAL(38, 15)",
    Kind.MAP: "MAP(VARCHAR, VARCHAR)",
}
_GROUP_ROWS = 20_480
"""What is fetched for one customer at least: some 250 KB. A file of a million events has 50 groups."""
_READ_AT_ONCE = 4 * 2**20
_ROWS_AT_ONCE = 1000
_TAIL = 64 * 2**10
"""Bytes at a file's end that are read first: mostly all that says where its groups are."""
_MAGIC = b"PAR1"


class _Range(NamedTuple):
    start: int
    end: int


class ParquetUsage:
    """`UsageFiles` on DuckDB."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def write(self, key: str, events: Iterable[UsageEvent]) -> WrittenUsage:
        """Write the events to disk, have DuckDB turn them into Parquet, and upload that."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "rows.csv"), Path(folder, "rows.parquet")
            with source.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
                csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NOTNULL).writerows(map(_row, events))
            _convert(source, target)
            source.unlink()  # a function's disk is small
            self._documents.write(key, _pieces(target))
            return WrittenUsage(key, target.stat().st_size)

    def read(self, written: WrittenUsage) -> Iterator[UsageEvent]:
        """Fetch the whole file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.parquet")
            with path.open("wb") as file:
                file.writelines(self._fetched(written.key, _Range(0, written.size)))
            with _connect(path.parent) as connection:
                yield from _events(connection, path)

    def of_customer(self, written: WrittenUsage, customer_id: str) -> Iterator[UsageEvent]:
        """Fetch the end of the file, which says what is where, and then the groups."""
        with tempfile.TemporaryDirectory() as folder, self._database.cursor() as connection:
            path = Path(folder, "rows.parquet")
            self._fetch_end(written, path)
            with path.open("r+b") as file:
                for group in _groups(connection, path, customer_id):
                    file.seek(group.start)
                    file.writelines(self._fetched(written.key, group))
            yield from _events(connection, path, customer_id)

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        """Keep one for all customers, as opening it takes longer than reading one. It has nothing to spill."""
        return duckdb.connect(config={**OPTIONS, "temp_directory": ""})

    def _fetch_end(self, written: WrittenUsage, path: Path) -> None:
        start = max(written.size - _TAIL, 0)
        end = b"".join(self._fetched(written.key, _Range(start, written.size)))
        whole = int.from_bytes(end[-8:-4], "little") + 8  # the end's own length, and the magic number, end the file
        if whole > len(end):
            start = written.size - whole
            end = b"".join(self._fetched(written.key, _Range(start, written.size)))
        with path.open("wb") as file:
            file.write(_MAGIC)
            file.seek(start)
            file.write(end)

    def _fetched(self, key: str, wanted: _Range) -> Iterator[bytes]:
        offset = wanted.start
        while offset < wanted.end:
            content = self._documents.get_slice(key, offset, min(_READ_AT_ONCE, wanted.end - offset))
            if not content:
                raise KeyError(key)
            yield content
            offset += len(content)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while content := file.read(_READ_AT_ONCE):
            yield content


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={**OPTIONS, "temp_directory": str(folder)})


def _convert(source: Path, target: Path) -> None:
    texts = dict.fromkeys(COLUMNS, _TYPES[Kind.TEXT])
    typed = ", ".join(_typed(name, kind) for name, kind in COLUMNS.items())
    query = (
        f"COPY (SELECT {typed} FROM read_csv('{source}', columns={texts}, header=false, auto_detect=false, delim=',', "  # noqa: S608 - paths are ours, and columns' names are in the code
        f"quote='\"', escape='\"', new_line='\\n', nullstr='', allow_quoted_nulls=false, "
        f"max_line_size={LONGEST_ROW}, parallel=false)) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP_ROWS}, WRITE_BLOOM_FILTER false)"
    )
    with _connect(source.parent) as connection:
        connection.execute(query)


def _typed(name: str, kind: Kind) -> str:
    typed = _TYPES[kind]
    if kind is Kind.MAP:
        return f"CAST(CAST({name} AS JSON) AS {typed}) AS {name}"
    if kind is Kind.DECIMAL:
        # More digits after the point than fit would be rounded without a word.
        fits = f"length(rtrim(split_part({name}, '.', 2), '0')) <= 15"
        return f"CASE WHEN {fits} THEN TRY_CAST({name} AS {typed}) END AS {name}"
    return f"CAST({name} AS {typed}) AS {name}"


def _groups(connection: duckdb.DuckDBPyConnection, path: Path, customer_id: str) -> list[_Range]:
    """List where the row groups that may have a customer's usage are, those that follow one another together."""
    query = (
        "SELECT min(coalesce(dictionary_page_offset, data_page_offset)) AS start, "
        "max(coalesce(dictionary_page_offset, data_page_offset) + total_compressed_size) "
        "FROM parquet_metadata(?) GROUP BY row_group_id "
        "HAVING max(stats_min_value) FILTER (path_in_schema = 'customer_id') <= ? "
        "AND max(stats_max_value) FILTER (path_in_schema = 'customer_id') >= ? ORDER BY start"
    )
    found = connection.execute(query, [str(path), customer_id, customer_id]).fetchall()
    return [_Range(*row) for row in found]


def _events(connection: duckdb.DuckDBPyConnection, path: Path, customer_id: str | None = None) -> Iterator[UsageEvent]:
    columns = ", ".join(_plain(name, kind) for name, kind in COLUMNS.items() if kind is not Kind.DECIMAL)
    only = "WHERE customer_id = ?" if customer_id is not None else ""
    query = f"SELECT {columns} FROM read_parquet(?) {only}"  # noqa: S608 - columns' names are in the code
    result = connection.execute(query, [str(path), *([] if customer_id is None else [customer_id])])
    while rows := result.fetchmany(_ROWS_AT_ONCE):
        yield from map(_event, rows)


def _plain(name: str, kind: Kind) -> str:
    return f"CAST(to_json({name}) AS VARCHAR)" if kind is Kind.MAP else name


def _row(event: UsageEvent) -> Sequence[str | None]:
    quantity, price = event.quantity, event.unit_price
    return (
        event.customer_id,
        event.event_id,
        _utc(event.time),
        event.sku,
        f"{quantity:f}",
        None if price is None else f"{price:f}",
        event.description or None,
        event.resource or None,
        json.dumps(dict(event.attributes), ensure_ascii=False) if event.attributes else None,
        event.replaces or None,
        _utc(event.returned_at),
        _utc(event.received_at),
        event.replaced_by or None,
        _utc(event.replaced_at),
        str(quantity),
        None if price is None else str(price),
    )


def _event(row: Sequence[Any]) -> UsageEvent:
    customer, name, time, sku, description, resource, attributes, replaces, *rest = row
    returned, received, replaced_by, replaced_at, quantity, price = rest
    return UsageEvent(
        event_id=name,
        customer_id=customer,
        sku=sku,
        quantity=Decimal(quantity),
        time=time.replace(tzinfo=UTC),
        unit_price=None if price is None else Decimal(price),
        description=description or "",
        resource=resource or "",
        replaces=replaces or "",
        received_at=_aware(received),
        replaced_by=replaced_by or "",
        replaced_at=_aware(replaced_at),
        attributes=parse_attributes(attributes),
        returned_at=_aware(returned),
    )


def _utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if time else None


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None
