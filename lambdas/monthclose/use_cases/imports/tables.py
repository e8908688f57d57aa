"""Read rows of CSV or JSON Lines, plain or gzip, from any stream of bytes, in constant memory.

The caller opens the stream (from a disk, a bucket) and names it; every message has the name.
"""

import csv
import io
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, cast

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.intake import Row
from monthclose.domain.imports.numerals import COMMA
from monthclose.use_cases.imports.unpacking import GZIP, unpacked

_HEAD = 4096
_PEEKED, _PEEKED_CHARACTERS = 100, 1 << 20
"""Rows of JSON Lines that decide the columns, and most characters of them all."""
_LONGEST = 1 << 20
"""Most characters of a line, and of a row of several lines. Without it, a file without line breaks, or with an open
quote, would be read into memory whole."""
_MOST_COLUMNS, _LONGEST_COLUMN = 1000, 256
"""A stored row may have all of them: without limits, a wide header would turn two characters into megabytes."""
_MOST_EMPTY = 2_000_000
"""Most empty lines, beyond two for each other line: the time left is not checked while they are skipped."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BROKEN = "row is not valid CSV"
_OPEN_QUOTE = f"{_BROKEN}: a quote is not closed, so the lines after it were read as part of the row"
_DELIMITERS = (",", ";", "\t")
_KNOWN_BINARIES = {
    b"PK\x03\x04": "a zip file or a spreadsheet; save it as CSV",
    b"PAR1": "a Parquet file; save it as CSV",
    b"%PDF": "a PDF; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; use gzip or no compression",
    b"BZh": "compressed with bzip2; use gzip or no compression",
    b"\xfd7zXZ": "compressed with xz; use gzip or no compression",
    GZIP: "compressed twice; unpack it once",
}


class Table(NamedTuple):
    """A file's columns, and its rows one after the other."""

    columns: list[str]
    rows: Iterator[Row]
    stream: io.TextIOWrapper
    """Kept with the table: without a reference to it, Python would close the file that it reads."""
    open_ended: bool
    """Whether rows may have other columns, too: for JSON Lines, `columns` are those of the first rows."""


class Text(NamedTuple):
    """A file as text, and its first characters."""

    stream: io.TextIOWrapper
    start: str


def read_table(name: str, raw: io.BufferedReader, decimal: str = "") -> Table:
    """Read a stream as a file of rows.

    Parameters
    ----------
    decimal : str
        The decimal mark of the file's numbers, if its sender has given one. JSON numbers always have a point; they
        are returned with this mark, like the others.

    Raises
    ------
    UserMistakeError
        It is not a file of rows. Also while reading the rows, if it is cut off or damaged.
    """
    stream, start = read_text(name, raw)
    with readable(name):
        columns, rows = _parse(name, stream, start, decimal)
    return Table(columns, _guarded(name, rows), stream, open_ended=start.startswith("{"))


def read_text(name: str, raw: io.BufferedReader) -> Text:
    """Decompress and decode.

    Raises
    ------
    UserMistakeError
        It is not text, or its beginning is damaged. For errors further on, see `readable`.
    """
    head = raw.peek(_HEAD)[:_HEAD]
    plain = raw
    if head.startswith(GZIP):
        plain = unpacked(name, raw)
        try:
            head = plain.peek(_HEAD)[:_HEAD]
        except (EOFError, OSError, zlib.error) as error:
            raise UserMistakeError(f"{name} is a broken gzip file ({error})") from None
    for magic, kind in _KNOWN_BINARIES.items():
        if head.startswith(magic):
            raise UserMistakeError(f"{name} is {kind}")
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in head and encoding != "utf-16":
        raise UserMistakeError(f"{name} is not text: CSV or JSON Lines is needed, plain or gzip")
    text = io.TextIOWrapper(cast("IO[bytes]", plain), encoding=encoding, newline="")
    return Text(text, head.decode(encoding, errors="replace").lstrip("\ufeff").strip())


@contextmanager
def readable(name: str, row: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Turn errors while reading a file into messages; `row` returns the number of the last row read.

    Raises
    ------
    UserMistakeError
        It is in another encoding, cut off or damaged.
    """
    try:
        yield
    except UnicodeError:
        raise UserMistakeError(
            f"{name} is not UTF-8 text ({_place(row())})\n"
            "save it as CSV UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE"
        ) from None
    except (EOFError, OSError, zlib.error) as error:
        what = "is cut off" if isinstance(error, EOFError) else "is damaged"
        raise UserMistakeError(
            f"{name} {what} {_place(row())} ({error})\nget it again and import the whole file; nothing is stored twice"
        ) from None


def _parse(name: str, text: IO[str], start: str, decimal: str) -> tuple[list[str], Iterator[Row]]:
    if not start:
        raise UserMistakeError(f"{name} is empty")
    lines = _Lines(name, text)
    if start[0] == "{":
        columns, rows = _json_lines(lines, decimal)
    elif start[0] == "[":
        raise UserMistakeError(f"{name} is one JSON array; write one object per line (JSON Lines)")
    else:
        columns, rows = _csv(name, lines)
    if len(columns) > _MOST_COLUMNS:
        raise UserMistakeError(f"{name} has {len(columns):,} columns; at most {_MOST_COLUMNS:,} can be read")
    if any(len(column) > _LONGEST_COLUMN for column in columns):
        raise UserMistakeError(f"{name} has a column whose name is longer than {_LONGEST_COLUMN} characters")
    return columns, rows


def _guarded(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    with readable(name, lambda: number):
        for row in rows:
            number = row.number
            yield row


def _place(number: int) -> str:
    return f"after row {number:,}" if number else "before the first row"


class _Lines:
    """Hands out lines, and keeps those of the current record in case it is broken.

    A row's number is that of its first line: when a quote is fixed, rows change but lines don't. The header is line 0,
    so the rows of most files are numbered 1, 2, 3.
    """

    def __init__(self, name: str, text: IO[str]) -> None:
        self._name, self._text = name, text
        self._read = self._empty = self._header = self.length = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST):
            self._read += 1
            self.length += len(line)
            self.record.append(line)
            if len(line) == _LONGEST:
                raise UserMistakeError(f"{self._name} has a line of more than {_LONGEST:,} characters")
            if self.length > _LONGEST:
                what = f"row {self.number:,}" if self._header else "the header"
                raise UserMistakeError(
                    f"{self._name}: {what} is longer than {_LONGEST:,} characters\n"
                    "a quote in it is not closed, or there is one quote too many"
                )
            yield line

    def begin(self) -> None:
        """Start a record with the next line."""
        self.record.clear()
        self.length = 0

    @property
    def number(self) -> int:
        """First line of the current record, counted from the header."""
        return self._read - len(self.record) + 1 - self._header

    def begin_rows(self) -> None:
        """Treat the record just read as the header."""
        self._header += self.number

    def skip_empty(self) -> None:
        """Count an empty record.

        Raises
        ------
        UserMistakeError
            There are far too many.
        """
        self._empty += 1
        if self._empty > _MOST_EMPTY + 2 * (self._read - self._empty):
            raise UserMistakeError(f"{self._name} has more than {_MOST_EMPTY:,} empty lines; delete them")


def _csv(name: str, lines: _Lines) -> tuple[list[str], Iterator[Row]]:
    source = iter(lines)
    header_line = ""
    for header_line in source:
        if header_line.strip():
            break
        lines.begin()
    delimiter = max(_DELIMITERS, key=header_line.count)
    try:
        header = next(csv.reader(itertools.chain([header_line], source), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise UserMistakeError(f"{name}: the first line is not a CSV header ({error})") from None
    lines.begin_rows()
    columns = [column.strip() for column in header]
    return columns, _csv_rows(columns, lines, csv.reader(source, delimiter=delimiter, strict=True), delimiter)


def _csv_rows(columns: list[str], lines: _Lines, reader: Iterator[list[str]], delimiter: str) -> Iterator[Row]:
    # The reader is strict: a quote left open must not quietly swallow the rows that follow.
    width = len(columns)
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error:
            fault = _OPEN_QUOTE if len(lines.record) > 1 else _BROKEN
            content = {columns[0]: "".join(lines.record).rstrip("\r\n")}
            yield Row(lines.number, content, fault=fault, size=lines.length)
            continue
        if cells is None:
            return
        if not any(cells):
            lines.skip_empty()
            continue
        surplus, fault = tuple(cells[width:]), ""
        if any(cell.strip() for cell in surplus):
            fault = "row has more cells than the header"
        elif len(lines.record) > 1 and _swallows(cells, width, delimiter):
            fault = _OPEN_QUOTE
        yield Row(lines.number, dict(zip(columns, cells, strict=False)), surplus, fault, lines.length)


def _swallows(cells: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether a cell of several lines has swallowed other rows, from a stray quote to the next one.

    Such a cell begins with the rest of its own row, and ends with the beginning of the last row that it swallowed.
    """
    if width < 3:
        return False
    for place, cell in enumerate(cells):
        first, *more = (line.count(delimiter) for line in _LINE_BREAK.split(cell))
        if more and ((first, more[-1]) == (width - 1 - place, place) or width - 1 in more[:-1]):
            return True
    return False


def _json_lines(lines: _Lines, decimal: str) -> tuple[list[str], Iterator[Row]]:
    rows = _json_rows(lines, decimal)
    first, characters = list[Row](), 0
    for row in rows:
        first.append(row)
        characters += row.size
        if len(first) == _PEEKED or characters > _PEEKED_CHARACTERS:
            break
    columns = list(dict.fromkeys(name for row in first for name in row.cells if not row.fault))
    return columns, itertools.chain(first, rows)


def _json_rows(lines: _Lines, decimal: str) -> Iterator[Row]:
    # Numbers stay text, as they are written, so nothing is rounded.
    fraction: Callable[[str], str] = (lambda text: text.replace(".", COMMA)) if decimal == COMMA else str
    decode = json.JSONDecoder(parse_float=fraction, parse_int=str, parse_constant=str).decode
    source = iter(lines)
    while True:
        lines.begin()
        line = next(source, "")
        if not line:
            return
        if not line.strip():
            lines.skip_empty()
            continue
        try:
            value = decode(line)
            cells = {name: _cell(cell) for name, cell in value.items()} if isinstance(value, dict) else None
        except (json.JSONDecodeError, RecursionError):
            cells = None
        if cells is None:
            yield Row(lines.number, {}, (line.rstrip("\r\n"),), "row is not a JSON object", len(line))
        else:
            yield Row(lines.number, cells, size=len(line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
