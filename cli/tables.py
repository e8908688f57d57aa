"""Reading somebody's file: rows of CSV or JSON Lines in a stream, or a TOML price book; plain or gzip."""

import csv
import gzip
import io
import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.intake import Row

_HEAD = 4096
_PEEKED = 100
"""Rows of JSON Lines that tell the columns."""
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
_TOML = re.compile(r"^\s*\[\[\s*[a-z]+\s*\]\]\s*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RowFile:
    """An open file: its columns, its rows one after the other, and how much of it has been read."""

    path: Path
    columns: list[str]
    rows: Iterator[Row]
    size: int
    position: Callable[[], int]
    """Bytes read so far, as stored."""


@contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Open a file of rows.

    Raises
    ------
    UserMistakeError
        It cannot be read as such. While reading rows, too, when it breaks off.
    """
    with _opened(path) as raw:
        text, start = _text(path, raw)
        columns, rows = _parse(path, text, start)
        yield RowFile(path, columns, _guarded(path, rows), path.stat().st_size, raw.tell)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    if path.is_dir():
        raise UserMistakeError(f"{path} is a folder, not a file")
    try:
        with path.open("rb") as raw:
            yield raw
    except FileNotFoundError:
        raise UserMistakeError(f"there is no file {path}") from None
    except PermissionError:
        raise UserMistakeError(f"{path} may not be read by you") from None


def _text(path: Path, raw: io.BufferedReader) -> tuple[io.TextIOWrapper, str]:
    """Decompress and decode; returns the text and how it begins."""
    head = raw.peek(_HEAD)[:_HEAD]
    plain = raw
    if head[:2] == b"\x1f\x8b":
        plain = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)))
        try:
            head = plain.peek(_HEAD)[:_HEAD]
        except (EOFError, OSError) as error:
            raise UserMistakeError(f"{path.name} is a broken gzip file ({error})") from None
    for magic, name in _KNOWN_BINARIES.items():
        if head.startswith(magic):
            raise UserMistakeError(f"{path.name} is {name}")
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in head and encoding != "utf-16":
        raise UserMistakeError(f"{path.name} is not text: CSV or JSON Lines is needed, plain or gzip")
    text = io.TextIOWrapper(cast("IO[bytes]", plain), encoding=encoding, newline="")
    return text, head.decode(encoding, errors="replace").lstrip("\ufeff").strip()


def _parse(path: Path, text: IO[str], start: str) -> tuple[list[str], Iterator[Row]]:
    if not start:
        raise UserMistakeError(f"{path.name} is empty")
    try:
        if start[0] == "{":
            return _json_lines(text)
        if start[0] == "[":
            raise UserMistakeError(f"{path.name} is one JSON array; write one object per line (JSON Lines)")
        return _csv(path, text)
    except UnicodeDecodeError:
        raise _not_utf8(path, 0) from None


def _guarded(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    try:
        for row in rows:
            number = row.number
            yield row
    except UnicodeDecodeError:
        raise _not_utf8(path, number) from None
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise UserMistakeError(
            f"{path.name} breaks off {_place(number)} ({error})\n"
            "the rows before that may have been taken; import the whole file again, nothing is stored twice"
        ) from None


def _place(number: int) -> str:
    return f"after row {number:,}" if number else "before the first row"


def _not_utf8(path: Path, number: int) -> UserMistakeError:
    return UserMistakeError(
        f"{path.name} is not UTF-8 text ({_place(number)})\n"
        "save it as CSV UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE"
    )


class _Lines:
    """Hands out lines and remembers those of the record that is being read, should it turn out to be broken."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.record.append(line)
            yield line


def _csv(path: Path, text: IO[str]) -> tuple[list[str], Iterator[Row]]:
    header_line = next((line for line in text if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header_line.count)
    lines = _Lines(text)
    try:
        columns = [name.strip() for name in next(csv.reader(itertools.chain([header_line], text), delimiter=delimiter))]
    except (csv.Error, StopIteration) as error:
        raise UserMistakeError(f"{path.name}: the first line is not a CSV header ({error})") from None
    return columns, _csv_rows(columns, lines, delimiter)


def _csv_rows(columns: list[str], lines: _Lines, delimiter: str) -> Iterator[Row]:
    # Strict: a quote left open must not quietly swallow the rows that follow.
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
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


def _json_lines(text: IO[str]) -> tuple[list[str], Iterator[Row]]:
    rows = _json_rows(text)
    first = list(itertools.islice(rows, _PEEKED))
    columns = list(dict.fromkeys(name for row in first for name in row.cells if not row.fault))
    return columns, itertools.chain(first, rows)


def _json_rows(text: IO[str]) -> Iterator[Row]:
    number = 0
    for line in text:
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


def read_toml(path: Path) -> Mapping[str, object] | None:
    """Read a TOML file, plain or gzip; None if the file is of another kind. Numbers keep every digit.

    Raises
    ------
    UserMistakeError
        It cannot be read as such.
    """
    with _opened(path) as raw:
        text, start = _text(path, raw)
        if not (path.name.removesuffix(".gz").endswith(".toml") or _TOML.search(start)):
            return None
        try:
            return tomllib.loads(text.read(), parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise UserMistakeError(f"{path.name} is not valid TOML: {error}") from None
        except UnicodeDecodeError:
            raise _not_utf8(path, 0) from None
