"""Rows on this machine's disk while a file is imported: by customer, and the rejected ones back in the file's order.

The disk's space is given back when the command ends, however it ends: the files have no names.
"""

import heapq
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cli.tables import RowFile
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.use_cases.imports.by_customer import Dealer, Slice, parts_of, sorted_rows
from monthclose.use_cases.imports.rejected_rows import whole_lines
from monthclose.use_cases.imports.tables import Table

_MEMORY, _PART = 64 << 20, 16 << 20
"""Bytes of rows that are dealt before they are written, and that are read and sorted at a time."""
_MOST_HELD, _BLOCK = 8 << 20, 1 << 16
"""Characters of rejected rows that are held before they are written, and bytes that are read of each run at a time."""


_NOTHING_IMPORTED = (
    "the rows do not fit into {} ({}); nothing was imported\n"
    "while a file is imported, its rows are there, unpacked: set TMPDIR to a folder with more room"
)
_SOME_IMPORTED = (
    "the rejected rows do not fit into {} ({}); what was imported until then stays\n"
    "set TMPDIR to a folder with more room, and import the file again: that adds the rest"
)


class DiskRuns:
    """`Runs` in one file without a name.

    Parameters
    ----------
    full : str
        What is said if there is no room: takes the folder and the system's error.
    """

    def __init__(self, full: str = _NOTHING_IMPORTED) -> None:
        self._full = full
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._starts: list[int] = []
        self.size = self.read_bytes = 0
        """What was written, and what has been read of it."""

    def put(self, number: int, pieces: Iterable[bytes]) -> None:
        """Write a run behind the others.

        Raises
        ------
        UserMistakeError
            There is no room for it. No run can be written any more; the earlier ones can be read.
        """
        assert number == len(self._starts)
        size = self.size
        try:
            for piece in pieces:
                size += self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise UserMistakeError(self._full.format(tempfile.gettempdir(), error.strerror)) from None
        self._starts.append(self.size)
        self.size = size

    def read(self, part: Slice) -> bytes:
        """Read a part of a run."""
        self.read_bytes += part.length
        return os.pread(self._file.fileno(), part.length, self._starts[part.run] + part.offset)

    def close(self) -> None:
        """Give the space back."""
        with suppress(OSError):  # closing tries again to write what there was no room for
            self._file.close()


class RowsByCustomer:
    """A file's rows, dealt by customer while they are checked."""

    def __init__(self, path: Path, columns: list[str], mapping: ColumnMapping) -> None:
        self._path, self._columns, self._mapping = path, columns, mapping
        self._runs = DiskRuns()
        self._dealer = Dealer(self._runs, columns, _MEMORY, _PART)

    def deal(self, row: Row) -> None:
        """Take a row."""
        self._dealer.deal(self._mapping.customer_of(row.cells), row)

    @contextmanager
    def rows(self) -> Iterator[RowFile]:
        """Read them, customer by customer."""
        self._dealer.write()
        runs, columns = self._runs, self._columns
        [parts] = parts_of(self._dealer.lengths, 1, _PART)
        rows = (row for part in parts for row in sorted_rows(runs, part, columns))
        yield RowFile(self._path, Table(columns, rows, runs), runs.size, lambda: runs.read_bytes)

    def close(self) -> None:
        """Give the space back."""
        self._runs.close()


class RowsInOrder:
    """Rows that come in any order, and go in the file's, however many they are."""

    def __init__(self) -> None:
        self._runs = DiskRuns(_SOME_IMPORTED)
        self._lengths: list[int] = []
        self._held: list[tuple[int, str]] = []
        self._characters = 0

    def add(self, cells: Sequence[str | int]) -> None:
        """Take a row; its number comes first."""
        line = json.dumps(cells)
        self._held.append((int(cells[0]), line))
        self._characters += len(line)
        if self._characters > _MOST_HELD:
            self._write()

    def all(self) -> Iterator[list[str | int]]:
        """Hand them on by their numbers."""
        self._held.sort()
        held = (json.loads(line) for _, line in self._held)
        yield from heapq.merge(held, *map(self._run, range(len(self._lengths))), key=lambda cells: cells[0])

    def close(self) -> None:
        """Give the space back."""
        self._runs.close()

    def _write(self) -> None:
        self._held.sort()
        before = self._runs.size
        self._runs.put(len(self._lengths), (f"{line}\n".encode() for _, line in self._held))
        self._lengths.append(self._runs.size - before)
        self._held, self._characters = [], 0

    def _run(self, number: int) -> Iterator[list[str | int]]:
        size = self._lengths[number]
        blocks = (Slice(number, offset, min(_BLOCK, size - offset)) for offset in range(0, size, _BLOCK))
        yield from map(json.loads, whole_lines(map(self._runs.read, blocks)))
