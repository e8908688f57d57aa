"""Numerals: how numbers are written in somebody's file, with a decimal point or a decimal comma.

In a file with decimal commas `1.500` is fifteen hundred. Read with a decimal point it is a thousandth of that, and
looks as good as any number. So a file is refused where one of its numbers shows that its commas are decimal, until
somebody says which they are.
"""

import re

POINT, COMMA = ".", ","
_SPACES = "\u0020\u00a0\u2009\u202f"
"""What stands between thousands in French, Polish, Swedish: spaces, most of them no-break or narrow."""
_WITH_COMMA = re.compile(
    rf"(?P<sign>[+-]?)(?P<whole>\d{{1,3}}(?:\.\d{{3}})+|\d{{1,3}}(?:[{_SPACES}]\d{{3}})+|\d*)"
    r"(?:,(?P<part>\d*))?(?P<power>[eE][+-]?\d+)?",
    re.ASCII,
)
_LIKE_COMMA = re.compile(
    rf"[^\w.,]*(?:\d[\d.'\u2019{_SPACES}]*,\d*|,\d+|\d{{1,3}}(?:\.\d{{3}}){{2,}})(?:[eE][+-]?\d+)?[^\w.,]*"
)
"""With a currency's sign around it, too: such a cell is no number, and shows all the same how numbers are written."""
_LONGEST = 100
"""Characters of a cell that may be a number; it also bounds what the patterns may take."""


def shows_comma(cell: str) -> bool:
    """Whether a cell of a column of numbers is written with a decimal comma, or may be.

    `1,5` and `1.234,50` are, and so is the file of `1.234.567`. `1,234` may be, and is no number that we would take in
    any case. `1,234.50` and `1,234,567` are not.
    """
    if ("," not in cell and cell.count(".") < 2) or len(cell) > _LONGEST:
        return False
    return bool(_LIKE_COMMA.fullmatch(cell))


def with_point(cell: str) -> str | None:
    """Write a number that has a decimal comma with a point: `1.234,50` is `1234.50`. None if it is no such number."""
    found = _WITH_COMMA.fullmatch(cell) if len(cell) <= _LONGEST else None
    if not found or not (found["whole"] or found["part"]):
        return None
    whole = re.sub(rf"[.{_SPACES}]", "", found["whole"])
    part = f".{found['part']}" if found["part"] else ""
    return f"{found['sign']}{whole}{part}{found['power'] or ''}"
