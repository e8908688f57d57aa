"""Read rows of CSV or JSON Lines from any stream of bytes, plain, gzip or zip, in constant memory.

The caller opens the stream (from a disk, a bucket) and names it; every message has the name. Parquet files and
spreadsheets are read as well.
"""

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, NamedTuple, cast

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.domain.imports.numerals import COMMA
from monthclose.ports.tables import ColumnFiles
from monthclose.use_cases.imports.sheets import PARQUET, SheetRows, is_workbook, open_parquet, open_spreadsheet
from monthclose.use_cases.imports.unpacking import DAMAGED, EMPTY_ZIP, GZIP, ZIP, open_zip, unpacked, unpacked_member

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
_TOML = re.compile(r"\s*\[\[\s*[a-z_]+\s*\]\]")
_BROKEN = "row is not valid CSV"
_OPEN_QUOTE = f"{_BROKEN}: a quote is not closed, so the lines after it were read as part of the row"
_DELIMITERS = (",", ";", "\t")
_AS_IT_IS = FileOptions()
_KNOWN_BINARIES = {
    ZIP: "a zip file or a spreadsheet inside another file; unpack it once",
    EMPTY_ZIP: "a zip file with nothing in it",
    PARQUET: "a Parquet file; save it as CSV",
    b"%PDF": "a PDF; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or has a password; save it as .xlsx without one, or as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; use gzip or no compression",
    b"BZh": "compressed with bzip2; use gzip or no compression",
    b"\xfd7zXZ": "compressed with xz; use gzip or no compression",
    GZIP: "compressed twice; unpack it once",
}


class Table(NamedTuple):
    """A file's columns, and its rows one after the other."""

    columns: list[str]
    rows: Iterator[Row]
    stream: object
    """Kept with the table: without a reference to it, Python would close the file that it reads."""
    open_ended: bool = False
    """Whether rows may have other columns, too: for JSON Lines, `columns` are those of the first rows."""
    opened: ExitStack = ExitStack()
    """What is open for it: files on the disk."""

    def close(self) -> None:
        """Close and remove what is on the disk for it."""
        self.opened.close()


class Text(NamedTuple):
    """A file as text, and its first characters."""

    stream: io.TextIOWrapper
    start: str


def read_table(
    name: str,
    raw: io.BufferedReader,
    options: FileOptions = _AS_IT_IS,
    column_files: Callable[[], ColumnFiles] | None = None,
) -> Table:
    """Read a stream as a file of rows.

    Parameters
    ----------
    options : FileOptions
        What is known of it. Numbers of JSON, Parquet and spreadsheets always have a decimal point; they are returned
        with the mark that the options name, like those that are text.
    column_files : callable or None
        Makes what reads Parquet, which takes a while to import; without it Parquet is refused.

    Raises
    ------
    UserMistakeError
        It is not a file of rows. Also while reading the rows, if it is cut off or damaged.
    """
    with ExitStack() as opened:
        found = _opened(name, raw, options, column_files, opened)
        if isinstance(found, SheetRows):
            _check_columns(name, found.columns)
            return Table(found.columns, _guarded(name, found.rows), raw, opened=opened.pop_all())
        table = _read_lines(name, found, options)
        return table._replace(opened=opened.pop_all())


def _opened(
    name: str,
    raw: io.BufferedReader,
    options: FileOptions,
    column_files: Callable[[], ColumnFiles] | None,
    opened: ExitStack,
) -> SheetRows | io.BufferedReader:
    """Open a file by what it begins with: rows that are no text, or a stream of text."""
    head = raw.peek(_HEAD)[:_HEAD]
    if head.startswith(PARQUET) and column_files:
        return open_parquet(name, raw, options, column_files(), opened)
    if not head.startswith(ZIP):
        return raw
    archive = open_zip(name, raw, opened)
    return open_spreadsheet(name, archive, options, opened) if is_workbook(archive) else unpacked_member(name, archive)


def _read_lines(name: str, raw: io.BufferedReader, options: FileOptions) -> Table:
    stream, start = read_text(name, raw, options.encoding)
    with readable(name, encoding=options.encoding):
        columns, rows = _parse(name, stream, start, options)
    return Table(columns, _guarded(name, rows, options.encoding), stream, open_ended=start.startswith("{"))


def read_text(name: str, raw: io.BufferedReader, encoding: str = "") -> Text:
    """Decompress and decode.

    Parameters
    ----------
    encoding : str
        Its encoding, if somebody has said. Else it is UTF-8, or UTF-16 if it begins with a byte order mark.

    Raises
    ------
    UserMistakeError
        It is not text, or its beginning is damaged. For errors further on, see `readable`.
    """
    plain, head = raw, b""
    try:
        head = raw.peek(_HEAD)[:_HEAD]
        if head.startswith(GZIP):
            plain = unpacked(name, raw)
            head = plain.peek(_HEAD)[:_HEAD]
    except DAMAGED as error:
        raise UserMistakeError(f"{name} is a broken {'gzip' if plain is not raw else 'zip'} file ({error})") from None
    for magic, kind in _KNOWN_BINARIES.items():
        if head.startswith(magic):
            raise UserMistakeError(f"{name} is {kind}")
    encoding = _with_mark(encoding, head)
    if b"\0" in head and "16" not in encoding and "32" not in encoding:
        raise UserMistakeError(f"{name} is not text: CSV or JSON Lines is needed, plain or gzip")
    text = io.TextIOWrapper(cast("IO[bytes]", plain), encoding=encoding, newline="")
    return Text(text, head.decode(encoding, errors="replace").lstrip("\ufeff").strip())


def _with_mark(encoding: str, head: bytes) -> str:
    """Choose the codec that skips the byte order mark, if there is one."""
    utf_16 = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    known = codecs.lookup(encoding).name if encoding else "utf-16" if utf_16 else "utf-8"
    if known == "utf-8":
        return "utf-8-sig"
    return "utf-16" if utf_16 and known.startswith("utf-16") else known


@contextmanager
def readable(name: str, row: Callable[[], int] = lambda: 0, encoding: str = "") -> Iterator[None]:
    """Turn errors while reading a file into messages; `row` returns the number of the last row read.

    Raises
    ------
    UserMistakeError
        It is in another encoding, cut off or damaged.
    """
    try:
        yield
    except UnicodeError:
        advice = "name its encoding (--encoding windows-1252, for example), or save it as CSV UTF-8"
        raise UserMistakeError(
            f"{name} is not {encoding or 'UTF-8'} text ({_place(row())})\n"
            f"{'name another encoding, or save it as CSV UTF-8' if encoding else advice}"
        ) from None
    except DAMAGED as error:
        what = "is cut off" if isinstance(error, EOFError) else "is damaged"
        raise UserMistakeError(
            f"{name} {what} {_place(row())} ({error})\nget it again and import the whole file; nothing is stored twice"
        ) from None


def _parse(name: str, text: IO[str], start: str, options: FileOptions) -> tuple[list[str], Iterator[Row]]:
    if not start:
        raise UserMistakeError(f"{name} is empty")
    lines = _Lines(name, text)
    if start[0] == "{":
        columns, rows = _json_lines(lines, options.decimal)
    elif _TOML.match(start) or name.removesuffix(".gz").endswith(".toml"):
        raise UserMistakeError(
            f"{name} is TOML, not a file of rows\n"
            "a price book: monthclose import prices FILE; a tax table: monthclose import taxes FILE"
        )
    elif start[0] == "[":
        raise UserMistakeError(f"{name} is one JSON array; write one object per line (JSON Lines)")
    else:
        columns, rows = _csv(name, lines, options.delimiter)
    _check_columns(name, columns)
    return columns, rows


def _check_columns(name: str, columns: Sequence[str]) -> None:
    if len(columns) > _MOST_COLUMNS:
        raise UserMistakeError(f"{name} has {len(columns):,} columns; at most {_MOST_COLUMNS:,} can be read")
    if any(len(column) > _LONGEST_COLUMN for column in columns):
        raise UserMistakeError(f"{name} has a column whose name is longer than {_LONGEST_COLUMN} characters")


def _guarded(name: str, rows: Iterator[Row], encoding: str = "") -> Iterator[Row]:
    number = 0
    with readable(name, lambda: number, encoding):
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


def _csv(name: str, lines: _Lines, delimiter: str) -> tuple[list[str], Iterator[Row]]:
    source = iter(lines)
    header_line = ""
    for header_line in source:
        if header_line.strip():
            break
        lines.begin()
    delimiter = delimiter or max(_DELIMITERS, key=header_line.count)
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
        if surplus and any(cell.strip() for cell in surplus):
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
