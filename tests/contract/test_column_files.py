"""Parquet as DuckDB writes it: every value that a table may have comes back as it was."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monthclose.adapters.tables.duck import DuckColumnFiles
from monthclose.domain.pack.files import columns_of
from monthclose.domain.pack.tables import TABLES
from monthclose.domain.register.tables import Column, Kind, Value

COLUMNS = (
    Column("text"),
    Column("amount_minor", Kind.MINOR),
    Column("amount", Kind.DECIMAL),
    Column("number", Kind.COUNT),
    Column("day", Kind.DATE),
    Column("at", Kind.TIME),
)


def raw(*rows: Sequence[Value]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NOTNULL).writerows(rows)
    return text.getvalue().encode()


def read_back(folder: Path, *pieces: bytes) -> list[Any]:
    path = folder / "written.parquet"
    path.write_bytes(b"".join(DuckColumnFiles().parquet(COLUMNS, pieces)))
    return duckdb.execute(f"SELECT * FROM '{path}'").fetchall()


def test_amounts_days_and_times_are_what_they_are_and_decimals_stay_exact_text(tmp_path: Path) -> None:
    found = read_back(tmp_path, raw(["a", -5, "-0.05", 3, "2026-10-31", "2026-11-01T00:00:05+00:00"]))
    assert found == [("a", -5, "-0.05", 3, date(2026, 10, 31), datetime(2026, 11, 1, 0, 0, 5))]


def test_the_largest_amounts_that_the_books_hold_fit(tmp_path: Path) -> None:
    [(_, amount, *_)] = read_back(tmp_path, raw(["a", 10**18 - 1, None, None, None, None]))
    assert amount == 10**18 - 1


def test_nothing_is_not_an_empty_text(tmp_path: Path) -> None:
    found = read_back(tmp_path, raw([None] * 6, ["", *[None] * 5]))
    assert [row[0] for row in found] == [None, ""]


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")',
        'quoted "twice" and, cut',
        "two\nlines",
        "two\r\nlines",
        "\r",
        "\\N",
        "NULL",
        "'; DROP TABLE x; --",
        "\u202eright to left",
        "<script>alert(1)</script>",
        "\u65e5\u672c\u8a9e \U0001f600",
        "a\tb",
        " spaces ",
    ],
)
def test_hostile_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    found = read_back(tmp_path, raw([text, 1, None, None, None, None], ["next", 2, None, None, None, None]))
    assert [row[:2] for row in found] == [(text, 1), ("next", 2)]


def test_pieces_follow_one_another_and_the_same_rows_give_the_same_file(tmp_path: Path) -> None:
    pieces = [raw([f"row {number}", number, None, None, None, None]) for number in range(1000)]
    assert [row[1] for row in read_back(tmp_path, *pieces)] == list(range(1000))
    first, second = (b"".join(DuckColumnFiles().parquet(COLUMNS, pieces)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_pack_can_be_written_without_a_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / "empty.parquet"
    path.write_bytes(b"".join(DuckColumnFiles().parquet(columns_of(TABLES[name]), [])))
    described = duckdb.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    assert [column[0] for column in described] == [column.name for column in columns_of(TABLES[name])]
