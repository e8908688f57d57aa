"""Reading somebody's file: rows of CSV or JSON Lines, plain or gzip, from any stream of bytes, in constant memory.

Where the bytes are (a disk, a bucket) is the caller's business; what they are called is said in every message.
"""

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, cast

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.intake import Row

_HEAD = 4096
_PEEKED = 100
"""Rows of JSON Lines that tell the columns."""
_LONGEST_LINE = 1 << 20
"""In characters. Without a bound, a file without line breaks would be read into memory whole."""
_DELIMITERS = (",", ";", "\t")
_KNOWN_BINARIES = {
    b"PK\x03\x04": "a zip file or a spreadsheet; save it as CSV",
    b"PAR1": "a Parquet file; save it as CSV",
    b"%PDF": "a PDF; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; use gzip or none",
    b"BZh": "compressed with bzip2; use gzip or none",
    b"\xfd7zXZ": "compressed with xz; use gzip or none",
}


class Table(NamedTuple):
    """A file's columns, and its rows one after the other."""

    columns: list[str]
    rows: Iterator[Row]
    stream: io.TextIOWrapper
    """Kept as long as the table is: it closes what it reads from when nobody holds it any more."""


class Text(NamedTuple):
    """A file as text, and how it begins."""

    stream: io.TextIOWrapper
    start: str


def read_table(name: str, raw: io.BufferedReader) -> Table:
    """Read a stream as a file of rows.

    Raises
    ------
    UserMistakeError
        It cannot be read as such. While reading rows, too, when it breaks off.
    """
    stream, start = read_text(name, raw)
    try:
        columns, rows = _parse(name, stream, start)
    except UnicodeDecodeError:
        raise not_utf8(name) from None
    return Table(columns, _guarded(name, rows), stream)


def read_text(name: str, raw: io.BufferedReader) -> Text:
    """Decompress and decode.

    Raises
    ------
    UserMistakeError
        It is no text, or broken. What is found while reading on is the caller's to tell.
    """
    head = raw.peek(_HEAD)[:_HEAD]
    plain = raw
    if head[:2] == b"\x1f\x8b":
        plain = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)))
        try:
            head = plain.peek(_HEAD)[:_HEAD]
        except (EOFError, OSError) as error:
            raise UserMistakeError(f"{name} is a broken gzip file ({error})") from None
    for magic, kind in _KNOWN_BINARIES.items():
        if head.startswith(magic):
            raise UserMistakeError(f"{name} is {kind}")
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in head and encoding != "utf-16":
        raise UserMistakeError(f"{name} is not text: CSV or JSON Lines is needed, plain or gzip")
    text = io.TextIOWrapper(cast("IO[bytes]", plain), encoding=encoding, newline="")
    return Text(text, head.decode(encoding, errors="replace").lstrip("\ufeff").strip())


def not_utf8(name: str, row: int = 0) -> UserMistakeError:
    """Make the error that says a file's encoding is another one."""
    return UserMistakeError(
        f"{name} is not UTF-8 text ({_place(row)})\n"
        "save it as CSV UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE"
    )


def _parse(name: str, text: IO[str], start: str) -> tuple[list[str], Iterator[Row]]:
    if not start:
        raise UserMistakeError(f"{name} is empty")
    lines = _Lines(name, text)
    if start[0] == "{":
        return _json_lines(lines)
    if start[0] == "[":
        raise UserMistakeError(f"{name} is one JSON array; write one object per line (JSON Lines)")
    return _csv(name, lines)


def _guarded(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    try:
        for row in rows:
            number = row.number
            yield row
    except UnicodeDecodeError:
        raise not_utf8(name, number) from None
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise UserMistakeError(
            f"{name} breaks off {_place(number)} ({error})\n"
            "the rows before that may have been taken; import the whole file again, nothing is stored twice"
        ) from None


def _place(number: int) -> str:
    return f"after row {number:,}" if number else "before the first row"


class _Lines:
    """Hands out lines and remembers those of the record that is being read, should it turn out to be broken."""

    def __init__(self, name: str, text: IO[str]) -> None:
        self._name, self._text = name, text
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise UserMistakeError(f"{self._name} has a line of more than {_LONGEST_LINE:,} characters")
            self.record.append(line)
            yield line


def _csv(name: str, lines: _Lines) -> tuple[list[str], Iterator[Row]]:
    source = iter(lines)
    header_line = next((line for line in source if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header_line.count)
    try:
        header = next(csv.reader(itertools.chain([header_line], source), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise UserMistakeError(f"{name}: the first line is not a CSV header ({error})") from None
    columns = [column.strip() for column in header]
    return columns, _csv_rows(columns, lines, csv.reader(source, delimiter=delimiter, strict=True))


def _csv_rows(columns: list[str], lines: _Lines, reader: Iterator[list[str]]) -> Iterator[Row]:
    # The reader is strict: a quote left open must not quietly swallow the rows that follow.
    width, number = len(columns), 0
    while True:
        lines.record.clear()
        try:
            cells = next(reader, None)
        except csv.Error:
            number += 1
            yield Row(number, {columns[0]: "".join(lines.record).rstrip("\r\n")}, fault="row is not valid CSV")
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        number += 1
        surplus = tuple(cells[width:])
        fault = "row has more cells than the header" if any(cell.strip() for cell in surplus) else ""
        yield Row(number, dict(zip(columns, cells, strict=False)), surplus, fault)


def _json_lines(lines: _Lines) -> tuple[list[str], Iterator[Row]]:
    rows = _json_rows(lines)
    first = list(itertools.islice(rows, _PEEKED))
    columns = list(dict.fromkeys(name for row in first for name in row.cells if not row.fault))
    return columns, itertools.chain(first, rows)


def _json_rows(lines: _Lines) -> Iterator[Row]:
    number = 0
    for line in lines:
        lines.record.clear()
        if not line.strip():
            continue
        number += 1
        try:
            # Numbers stay the text they are written as: nothing is rounded on the way.
            value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        except (json.JSONDecodeError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield Row(number, {name: _cell(cell) for name, cell in value.items()})
        else:
            yield Row(number, {}, (line.rstrip("\r\n"),), fault="row is not a JSON object")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
