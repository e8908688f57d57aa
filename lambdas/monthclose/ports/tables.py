"""Tables for programs: what writes columnar files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from monthclose.domain.register.tables import Column


class ColumnFiles(Protocol):
    """Writes Parquet, which a query engine reads by column."""

    def parquet(self, columns: Sequence[Column], rows: Iterable[bytes]) -> Iterator[bytes]:
        """Turn rows into a Parquet file, piece by piece, in constant memory; the same rows give the same file.

        Amounts and counts become whole numbers, days and times what they are, all else text.

        Parameters
        ----------
        rows : iterable of bytes
            CSV in UTF-8 without a header, cut anywhere between two rows: every value is quoted, and an empty cell
            without quotes is no value.
        """
