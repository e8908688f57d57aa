"""Rejected rows as a table that people open: number, reason, and the original cells."""

import io
from collections.abc import Iterable, Iterator, Sequence

from monthclose.domain.imports.intake import Row
from monthclose.use_cases.imports.csv_out import CsvWriter

type Cells = Sequence[str | int]
_PIECE = 64 * 1024
"""Characters that are written at a time."""


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Put together the lines of a text that is read in blocks, which may end anywhere."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


def header(columns: Sequence[str]) -> list[str]:
    """Name the columns of the table, for a file with `columns`."""
    return ["row", "reason", *columns]


def rejected(row: Row, reason: str, columns: Sequence[str]) -> list[str | int]:
    """Make a row's line: surplus cells come last, missing cells at its end are left out.

    With a cell for every column, short rows under a wide header would grow a thousandfold.
    """
    if len(row.cells) < len(columns) and all(map(str.__eq__, row.cells, columns)):
        return [row.number, reason, *row.cells.values(), *row.surplus]  # CSV: the other columns need no check
    cells = [row.cells.get(name) for name in columns]
    while cells and cells[-1] is None:
        cells.pop()
    known = set(columns)
    others = [f"{name}={value}" for name, value in row.cells.items() if name not in known]
    return [row.number, reason, *(cell or "" for cell in cells), *row.surplus, *others]


def as_csv(columns: Sequence[str], lines: Iterable[Cells]) -> Iterator[bytes]:
    """Write the table piece by piece, with formulas made harmless."""
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
"""Error handler for characters that UTF-8 cannot encode (half of a surrogate pair, from JSON): writes their code."""
