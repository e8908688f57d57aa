"""The rows of a sheet, as text.

No kept library reads them in constant memory: openpyxl keeps something of each row and all shared texts, calamine the
whole rectangle that a sheet claims to have. A sheet is simple XML, and the standard library parses it in pieces.
"""

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.ports.tables import Numeral, Sheet, SheetRow
from monthclose.use_cases.imports.spreadsheets.workbook import Formats, Texts, Workbook, read_workbook, unescaped
from monthclose.use_cases.imports.spreadsheets.xml_parts import parse_part

_MOST_ROWS, _MOST_COLUMNS = 1 << 20, 1 << 14
"""Of a sheet in Excel."""
_LONGEST_ROW = 1 << 20
"""Characters."""
_PLACE = re.compile(r"([A-Z]{1,3})\d+")
_WHOLE = re.compile(r"-?\d{1,28}", re.ASCII)
_SIGNIFICANT = 10**15
"""Whole numbers below it are exact in a binary fraction, which is what most spreadsheets keep."""
_SINCE_1900, _SINCE_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_MILLISECONDS_IN_A_DAY = 86_400_000
ERROR = "a cell shows an error, like #N/A"
NOT_CALCULATED = "a formula has no stored value: open the file in a spreadsheet program, and save it"


def read_sheet(name: str, archive: zipfile.ZipFile, sheet: str, opened: ExitStack) -> Sheet:
    """Read a sheet; its columns are named by the first row that has anything in it.

    Numbers come as they are shown in full, times of cells that are formatted as such in ISO 8601 without a zone.

    Parameters
    ----------
    name : str
        What the file is called in messages.
    sheet : str
        The sheet's name; empty for the only visible one.
    opened : ExitStack
        Closes what is on the disk for it.

    Raises
    ------
    UserMistakeError
        It is broken, or has several sheets and none is named; also while reading rows.
    """
    workbook = read_workbook(name, archive)
    part = workbook.part_of(name, sheet)
    rows = _rows(name, archive, part, _Cells(name, archive, workbook, opened))
    header = next((row for row in rows if any(row.cells)), None)
    if header is None:
        raise UserMistakeError(f"{name} is empty")
    columns = [cell.strip() for cell in header.cells]
    while not columns[-1]:
        columns.pop()
    return Sheet(columns, (row._replace(number=row.number - header.number) for row in rows))


def _rows(name: str, archive: zipfile.ZipFile, part: str, cells: "_Cells") -> Iterator[SheetRow]:
    for _ in parse_part(name, archive, part, listener := _RowListener(name, cells)):
        yield from listener.rows
        listener.rows.clear()
    yield from listener.rows


class _Cell(NamedTuple):
    """What a cell says of itself."""

    column: int
    kind: str
    style: str


class _RowListener:
    """Hears of a sheet's cells, and keeps the rows that have ended."""

    def __init__(self, name: str, cells: "_Cells") -> None:
        self.rows: list[SheetRow] = []
        self._name, self._cells = name, cells
        self._number = self._column = self._length = self._hidden = 0
        self._found: dict[int, str] = {}
        self._fault = ""
        self._cell: _Cell | None = None
        self._taking = self._formula = False
        self._taken: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "row":
            self._begin(attributes.get("r", ""))
        elif tag == "c":
            self._column = self._place(attributes.get("r", ""))
            self._cell = _Cell(self._column, attributes.get("t", "n"), attributes.get("s", ""))
            self._taken.clear()
            self._formula = False
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._hidden += 1
        self._taking = tag in ("v", "t") and not self._hidden and self._cell is not None

    def text(self, text: str) -> None:
        if self._taking:
            self._grow(text)
            self._taken.append(text)

    def end(self, tag: str) -> None:
        self._taking = False
        if tag == "rPh":
            self._hidden -= 1
        elif tag == "c" and self._cell:
            self._finish(self._cell, "".join(self._taken))
            self._cell = None
        elif tag == "row":
            width = max(self._found, default=0)
            self.rows.append(SheetRow(self._number, [self._found.get(n, "") for n in range(1, width + 1)], self._fault))

    def _begin(self, number: str) -> None:
        before = self._number
        self._number = int(number) if number.isdigit() and len(number) < 9 else before + 1
        if not before < self._number <= _MOST_ROWS:
            raise UserMistakeError(
                f"{self._name} is not a spreadsheet: row {self._number:,} comes after row {before:,}"
            )
        self._column = self._length = 0
        self._found, self._fault = {}, ""

    def _place(self, reference: str) -> int:
        found = _PLACE.fullmatch(reference)
        column = 0
        for letter in found[1] if found else "":
            column = 26 * column + ord(letter) - ord("A") + 1
        column = column or self._column + 1
        if column > _MOST_COLUMNS:
            raise UserMistakeError(f"{self._name} is not a spreadsheet: a row has more than {_MOST_COLUMNS:,} cells")
        return column

    def _finish(self, cell: _Cell, value: str) -> None:
        if cell.kind == "e":
            self._fault = ERROR
        elif self._formula and not value and cell.kind != "str":
            self._fault = NOT_CALCULATED
        text = self._cells.text(cell, value)
        if text:
            self._grow(text)
            self._found[cell.column] = text

    def _grow(self, text: str) -> None:
        self._length += len(text)
        if self._length > _LONGEST_ROW:
            raise UserMistakeError(f"{self._name}: row {self._number:,} is longer than {_LONGEST_ROW:,} characters")


class _Cells:
    """Turns a cell's stored value into text."""

    def __init__(self, name: str, archive: zipfile.ZipFile, workbook: Workbook, opened: ExitStack) -> None:
        self._name = name
        self._texts = Texts(name, archive, workbook.texts_part, opened)
        self._formats = Formats(name, archive, workbook.styles_part)
        self._first_day = _SINCE_1904 if workbook.counts_from_1904 else _SINCE_1900

    def text(self, cell: _Cell, value: str) -> str:
        match cell.kind:
            case "s":
                return self._shared(value) if value else ""
            case "b":
                return {"0": "false", "1": "true"}.get(value, value)
            case "n":
                return self._number(value, cell.style) if value else ""
            case "e" | "d":
                return value
        return unescaped(value)

    def _shared(self, value: str) -> str:
        try:
            return self._texts[int(value)]
        except (IndexError, ValueError):
            raise UserMistakeError(f"{self._name} is a broken spreadsheet: a cell's text is missing") from None

    def _number(self, value: str, style: str) -> str:
        if style and self._formats.is_date(style):
            return self._date(value)
        if style and self._formats.is_duration(style):
            return f"{value} days"  # 36:00 may mean hours or minutes: it is no quantity
        if _WHOLE.fullmatch(value):
            return Numeral(value)
        try:
            number = float(value)
        except ValueError:
            return value
        if not math.isfinite(number):
            return value
        whole = number.is_integer() and abs(number) < _SIGNIFICANT
        return Numeral(int(number) if whole else repr(number))  # 0.28999999999999998 is 0.29, as it is shown

    def _date(self, value: str) -> str:
        try:
            return (self._first_day + timedelta(milliseconds=round(float(value) * _MILLISECONDS_IN_A_DAY))).isoformat()
        except (ValueError, OverflowError):
            return value
