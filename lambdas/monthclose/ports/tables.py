"""Tables for programs: what writes and reads columnar files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from monthclose.domain.register.tables import Column


class Numeral(str):
    """A number of a file that knows numbers: it has a decimal point, whatever marks the file's texts have."""

    __slots__ = ()


class SheetRow(NamedTuple):
    """A row of a table."""

    number: int
    """Counted from the header, or where there is none, from 1."""
    cells: Sequence[str]
    fault: str = ""
    """Why it cannot be read."""


class Sheet(NamedTuple):
    """A table: its columns, and its rows one after the other, in bounded memory."""

    columns: Sequence[str]
    rows: Iterator[SheetRow]


class ColumnFiles(Protocol):
    """Writes Parquet, which a query engine reads by column, and reads it."""

    def parquet(self, columns: Sequence[Column], rows: Iterable[bytes]) -> Iterator[bytes]:
        """Turn rows into a Parquet file, piece by piece, in constant memory; the same rows give the same file.

        Amounts and counts become whole numbers, days and times what they are, all else text.

        Parameters
        ----------
        rows : iterable of bytes
            CSV in UTF-8 without a header, cut anywhere between two rows: every value is quoted, and an empty cell
            without quotes is no value.
        """

    def read(self, name: str, path: Path) -> Sheet:
        """Read a Parquet file. Times with a zone come in UTC, with its offset; others come without.

        Parameters
        ----------
        name : str
            What it is called in messages.

        Raises
        ------
        UserMistakeError
            It is none, or damaged; also while reading rows.
        """
