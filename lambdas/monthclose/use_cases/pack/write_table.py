"""Write the files of one table of a report pack: CSV for people and Parquet for programs, from the parts' pieces."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monthclose.domain.pack.files import MOST_ROWS, WHAT, columns_of, file_name
from monthclose.domain.pack.pack import PackFile, pack_key
from monthclose.domain.register.tables import Table
from monthclose.ports import Documents, TimeIsUp
from monthclose.ports.tables import ColumnFiles
from monthclose.use_cases.pack.pack_store import PackPlan, PackStore, Piece

_KINDS = ("csv", "parquet")
_MOST_BYTES = 320 * 2**20
"""Of the pieces of one file: half of it, and the Parquet made of it, must fit on a function's disk of 512 MB."""


@dataclass(frozen=True, slots=True)
class TableWriter:
    """Writes tables' files."""

    documents: Documents
    store: PackStore
    column_files: ColumnFiles

    def write(self, plan: PackPlan, table: Table, *, time_is_up: TimeIsUp = lambda: False) -> bool:
        """Write a table's files from where they were, and return whether all are written.

        The parts must be complete. A table without rows has its files, too: with columns, and nothing below them.
        """
        groups = list(_groups(self.store.pieces(plan, table.name))) or [[]]
        written = self.store.table(plan, table.name)
        for number in range(len(written.files) // len(_KINDS), len(groups)):
            written.files += self._write_group(plan, table, number + 1, len(groups), groups[number])
            written.done = number + 1 == len(groups)
            self.store.put_table(plan, table.name, written)
            if time_is_up():
                break
        return written.done

    def _write_group(
        self, plan: PackPlan, table: Table, number: int, of: int, pieces: Sequence[Piece]
    ) -> list[PackFile]:
        rows = sum(piece.rows for piece in pieces)
        in_columns = self.column_files.parquet(columns_of(table), self._for_programs(pieces))
        files = []
        for kind, content in zip(_KINDS, (self._for_people(table, pieces), in_columns), strict=True):
            name, counted = file_name(table.name, number, of, kind), _Counted(content)
            self.documents.write(pack_key(plan.period, plan.name, name), counted)
            files.append(PackFile(name, WHAT.get(table.name, ""), rows, counted.size))
        return files

    def _for_people(self, table: Table, pieces: Iterable[Piece]) -> Iterator[bytes]:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(column.name for column in columns_of(table))
        yield head.getvalue().encode()
        yield from (self.documents.get(piece.for_people) for piece in pieces)

    def _for_programs(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        yield from (self.documents.get(piece.for_programs) for piece in pieces)


class _Counted:
    """Pieces of bytes, and how many bytes there were."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self.size = pieces, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            yield piece


def _groups(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Put as many pieces together as one file may have."""
    together: list[Piece] = []
    rows = size = 0
    for piece in pieces:
        if together and (rows + piece.rows > MOST_ROWS or size + piece.size > _MOST_BYTES):
            yield together
            together, rows, size = [], 0, 0
        together.append(piece)
        rows, size = rows + piece.rows, size + piece.size
    if together:
        yield together
