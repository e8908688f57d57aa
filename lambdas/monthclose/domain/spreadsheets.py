"""Text in CSV that people open in spreadsheets: what one would run as a formula, or show turned around, is harmless."""

import re

_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
# OWASP, "CSV Injection"; the wide signs are treated as the narrow ones by East Asian locales.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA_START = re.compile(f"[{_SIGNS}\t\r\n]")
_BETWEEN = re.compile(f'(?<![\\s;"])[\\s;"]++(?=[{_SIGNS}])')
_SEPARATORS = frozenset(";\t\r\n")
"""Where German spreadsheets, among others, begin another cell or row, whatever the file itself separates by."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What turns the text after it around: `exe.gpj` reads `jpg.exe`. Pages and mails replace them, too."""


def harmless(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula; numbers stay numbers."""
    cell = _BETWEEN.sub(_apart, _TURNING.sub("\ufffd", cell))
    return f"'{cell}" if _FORMULA_START.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _apart(between: re.Match[str]) -> str:
    return between[0] if _SEPARATORS.isdisjoint(between[0]) else f"{between[0]}'"
