"""Read rows of tables that are not text: Parquet files and spreadsheets."""

import io
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple, cast

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.domain.imports.numerals import COMMA, POINT
from monthclose.ports.tables import ColumnFiles, Numeral, Sheet
from monthclose.use_cases.imports.spreadsheets.sheet import read_sheet
from monthclose.use_cases.imports.spreadsheets.workbook import WORKBOOK
from monthclose.use_cases.imports.unpacking import copied, require_plausible

PARQUET = b"PAR1"
_LONGEST_ROW = 1 << 20
"""Characters."""
_MOST_EMPTY = 1 << 20
"""Empty rows: as many as a spreadsheet can have rows."""


class SheetRows(NamedTuple):
    """The columns and rows of a file."""

    columns: list[str]
    rows: Iterator[Row]


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether a zip file is a spreadsheet: Office Open XML."""
    return WORKBOOK in archive.NameToInfo


def open_parquet(
    name: str, raw: io.BufferedReader, options: FileOptions, column_files: ColumnFiles, opened: ExitStack
) -> SheetRows:
    """Open a Parquet file. It is read from both ends, and so from a copy on the disk.

    Raises
    ------
    UserMistakeError
        It cannot be read, or is too large to be copied. While reading rows, too.
    """
    copy = opened.enter_context(tempfile.NamedTemporaryFile(suffix=".parquet"))  # noqa: SIM115 - it is one
    copied(name, raw, cast("IO[bytes]", copy))
    sheet = column_files.read(name, Path(copy.name))
    size = Path(copy.name).stat().st_size
    return SheetRows(list(sheet.columns), _rows(name, sheet, options.decimal, size))


def open_spreadsheet(name: str, archive: zipfile.ZipFile, options: FileOptions, opened: ExitStack) -> SheetRows:
    """Open a sheet of a spreadsheet; its header is the first row with anything in it.

    Raises
    ------
    UserMistakeError
        It cannot be read, or has several sheets and nobody has said which. While reading rows, too.
    """
    sheet = read_sheet(name, archive, options.sheet, opened)
    size = sum(each.compress_size for each in archive.infolist())
    return SheetRows(list(sheet.columns), _rows(name, sheet, options.decimal, size))


def _rows(name: str, sheet: Sheet, mark: str, size: int) -> Iterator[Row]:
    """Hand on the rows that are not empty, with numbers as the file's texts have them; `size` is the file's, packed."""
    columns, empty, read = list(sheet.columns), 0, 0
    for number, cells, fault in sheet.rows:
        length = sum(map(len, cells))
        if not length and not fault:
            empty += 1
            if empty > _MOST_EMPTY:
                raise UserMistakeError(f"{name} has more than {_MOST_EMPTY:,} empty rows; delete them")
            continue
        read += length
        require_plausible(name, read, size)
        if length > _LONGEST_ROW:
            raise UserMistakeError(f"{name}: row {number:,} is longer than {_LONGEST_ROW:,} characters")
        texts = _with_mark(cells, mark)
        surplus = tuple(texts[len(columns) :])
        too_many = "row has more cells than the header" if any(surplus) else ""
        yield Row(number, dict(zip(columns, texts, strict=False)), surplus, fault or too_many, length)


def _with_mark(cells: Sequence[str], mark: str) -> Sequence[str]:
    if mark != COMMA:
        return cells
    return [cell.replace(POINT, COMMA) if isinstance(cell, Numeral) else cell for cell in cells]
