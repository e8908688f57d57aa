"""Rejected rows as they are kept: number, reason, and the original cells, in a table that people open."""

import io
from collections.abc import Iterable, Iterator, Sequence

from monthclose.domain.imports.intake import Row
from monthclose.use_cases.imports.csv_out import CsvWriter

type Cells = Sequence[str | int]
_PIECE = 64 * 1024
"""Characters that are put together before they are handed on."""


def header(columns: Sequence[str]) -> list[str]:
    """Name the columns of the table for a file that has columns."""
    return ["row", "reason", *columns]


def rejected(row: Row, reason: str, columns: Sequence[str]) -> list[str | int]:
    """Make the line of a row: what it has beyond the columns comes last, columns that it lacks at its end are left out.

    With a cell for each column, a wide header and short rows would make a thousand times of what was sent.
    """
    if len(row.cells) < len(columns) and all(map(str.__eq__, row.cells, columns)):
        return [row.number, reason, *row.cells.values(), *row.surplus]  # of CSV: without a look at the other columns
    cells = [row.cells.get(name) for name in columns]
    while cells and cells[-1] is None:
        cells.pop()
    known = set(columns)
    others = [f"{name}={value}" for name, value in row.cells.items() if name not in known]
    return [row.number, reason, *(cell or "" for cell in cells), *row.surplus, *others]


def as_csv(columns: Sequence[str], lines: Iterable[Cells]) -> Iterator[bytes]:
    """Write the table piece by piece, without what a spreadsheet would run."""
    text = io.StringIO()
    writer = CsvWriter(text)
    writer.write(header(columns))
    for line in lines:
        writer.write(line)
        if text.tell() > _PIECE:
            yield _bytes(text)
    yield _bytes(text)


def _bytes(text: io.StringIO) -> bytes:
    content = text.getvalue().encode(errors=UNWRITABLE)
    text.seek(0)
    text.truncate()
    return content


UNWRITABLE = "backslashreplace"
"""What becomes of characters that no file can hold (half of a surrogate pair, from JSON): their code is shown."""
