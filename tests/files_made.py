"""Files of rows, made by the libraries that companies make them with."""

import csv
import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import xlsxwriter  # type: ignore[import-untyped]
from openpyxl import Workbook

type Cell = str | int | float | Decimal | datetime | bool | None
type Rows = Sequence[Sequence[Cell]]


def csv_file(rows: Rows, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def json_lines(rows: Rows) -> bytes:
    header, *others = rows
    return b"".join(json.dumps(dict(zip(header, row, strict=True)), default=str).encode() + b"\n" for row in others)


def zip_file(*contents: bytes, names: Sequence[str] = ("rows.csv", "more.csv", "others.csv")) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in zip(names, contents, strict=False):
            archive.writestr(name, content)
    return packed.getvalue()


def spreadsheet(rows: Rows, *, epoch_1904: bool = False, **sheets: Rows) -> bytes:
    """Make a workbook with a sheet of rows, and others by name."""
    workbook = Workbook()
    if epoch_1904:
        workbook.epoch = datetime(1904, 1, 1)
    first = workbook.active
    assert first
    for row in rows:
        first.append(list(row))
    for name, others in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in others:
            sheet.append(list(row))
    saved = io.BytesIO()
    workbook.save(saved)
    return saved.getvalue()


def excels(rows: Rows) -> bytes:
    """Make a workbook as Excel does, in which cells share their texts."""
    saved = io.BytesIO()
    options = {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss.000"}
    with xlsxwriter.Workbook(saved, options) as workbook:
        sheet = workbook.add_worksheet("Usage")
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                else:
                    sheet.write(number, column, cell)
    return saved.getvalue()


def parquet(rows: Rows, **types: str) -> bytes:
    """Make a Parquet file; columns are texts, unless their type is given."""
    header, *others = rows
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" {types.get(str(name), "VARCHAR")}' for name in header)
        connection.execute(f"CREATE TABLE rows ({columns})")
        if others:
            connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(header))})", list(map(list, others)))
        path = Path(folder, "rows.parquet")
        connection.execute(f"COPY rows TO '{path}' (FORMAT parquet)")
        return path.read_bytes()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
