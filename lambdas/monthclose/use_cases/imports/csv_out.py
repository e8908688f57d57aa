"""CSV that people open in spreadsheets: text that one would run as a formula, or show turned around, is harmless."""

import csv
from collections.abc import Iterable
from typing import IO

from monthclose.domain.spreadsheets import harmless


class CsvWriter:
    """Writes harmless rows."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def write(self, cells: Iterable[str | int]) -> None:
        """Write one row."""
        self._writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
