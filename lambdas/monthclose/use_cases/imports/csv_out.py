"""CSV that people open in spreadsheets: text that one would run as a formula, or show turned around, is harmless."""

import csv
import re
from collections.abc import Iterable
from typing import IO

_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
# OWASP, "CSV Injection"; the wide signs are treated as the narrow ones by East Asian locales.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What turns the text after it around: `exe.gpj` reads `jpg.exe`. Pages and mails replace them, too."""


def harmless(cell: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula; numbers stay numbers."""
    cell = _TURNING.sub("\ufffd", cell)
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell) else cell


class CsvWriter:
    """Writes harmless rows."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def write(self, cells: Iterable[str | int]) -> None:
        """Write one row."""
        self._writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
