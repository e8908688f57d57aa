"""Write rows into pieces: CSV for people, in which no text is a formula, and CSV for programs, with texts as they are.

Rows are kept in memory until they come to some megabytes, and then stored, a piece for each table.
"""

import csv
import io
import uuid
from collections.abc import Iterable, Mapping, Sequence

from monthclose.domain.pack.files import cells_of
from monthclose.domain.register.tables import Row, Table, Value
from monthclose.ports import Documents
from monthclose.use_cases.imports.csv_out import CsvWriter
from monthclose.use_cases.imports.rejected_rows import UNWRITABLE
from monthclose.use_cases.pack.pack_store import PackPart, Piece

_MOST_KEPT = 24 * 2**20
"""Bytes of all tables together that wait in memory."""


class _Sheet:
    """The rows of one table that are not stored yet."""

    def __init__(self) -> None:
        self._for_people, self._for_programs = io.BytesIO(), io.BytesIO()
        self._texts = [_text(file) for file in (self._for_people, self._for_programs)]
        self._people = CsvWriter(self._texts[0])
        self._programs = csv.writer(self._texts[1], lineterminator="\n", quoting=csv.QUOTE_NOTNULL)
        self.rows = 0

    def write(self, cells: Sequence[Value]) -> None:
        self._people.write("" if cell is None else cell for cell in cells)
        self._programs.writerow(cells)
        self.rows += 1

    @property
    def size(self) -> int:
        """In bytes."""
        return self._for_people.tell() + self._for_programs.tell()

    def take(self) -> tuple[bytes, bytes]:
        for text in self._texts:
            text.flush()
        return self._for_people.getvalue(), self._for_programs.getvalue()


def _text(file: io.BytesIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="utf-8", errors=UNWRITABLE, newline="", write_through=True)


class PieceWriter:
    """Writes the rows that a part reads.

    Parameters
    ----------
    prefix : str
        Of the objects' names; each gets a name of its own.
    """

    def __init__(self, documents: Documents, prefix: str, tables: Mapping[str, Table]) -> None:
        self._documents, self._prefix, self._tables = documents, prefix, tables
        self._sheets: dict[str, _Sheet] = {}

    def add(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Add rows, each with the name of its table."""
        for name, row in rows:
            sheet = self._sheets.get(name)
            if sheet is None:
                sheet = self._sheets[name] = _Sheet()
            sheet.write(cells_of(self._tables[name], row))

    @property
    def full(self) -> bool:
        """Whether it is time to store them."""
        return sum(sheet.size for sheet in self._sheets.values()) >= _MOST_KEPT

    def store(self, part: PackPart) -> None:
        """Store what was added, and name it in the part's state, which the caller writes."""
        for name, sheet in self._sheets.items():
            for_people, for_programs = sheet.take()
            piece = Piece(f"{self._prefix}{name}-{uuid.uuid4().hex}", sheet.rows, len(for_people) + len(for_programs))
            self._documents.put(piece.for_people, for_people, "text/csv")
            self._documents.put(piece.for_programs, for_programs, "text/csv")
            part.pieces[name].append(piece)
        self._sheets.clear()
