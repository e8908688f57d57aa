"""Reading TOML that somebody sends: price books and tax tables, in bounded memory and time."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from monthclose.domain.errors import UserMistakeError

MOST_CHARACTERS = 8_000_000
"""Of a file. Parsed, it takes up to a tenth of a gigabyte (*measured*)."""
_DEEPEST, _MOST_DOTS = 16, 16
"""What price books and tax tables need is three and two. The standard library's reader needs the stack for each level,
and for a dotted key quadratic time."""
_LARGEST = 10**40
_TEXT_OR_COMMENT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
"""Nothing of it fails after having read far, whatever comes: that would take quadratic time."""
_DOTTED = re.compile(rf"(?<![\w-])[\w-]+(?:[ \t]*\.[ \t]*[\w-]+){{{_MOST_DOTS + 1}}}")
_BRACKET = re.compile(r"[\[\]{}]")


def read_toml(text: str) -> Mapping[str, Any]:
    """Read a TOML document; fractions keep every digit.

    Raises
    ------
    UserMistakeError
        It is none, or larger or deeper than anything we take; the message names the line where there is one.
    """
    if len(text) > MOST_CHARACTERS:
        raise UserMistakeError(f"this is too large: at most {MOST_CHARACTERS:,} characters are read")
    _check_shape(text)
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UserMistakeError(f"this is not TOML: {error}") from None
    except (ValueError, ArithmeticError):  # from the conversion of one of its numbers
        raise UserMistakeError("this contains a number with far too many digits") from None
    _check_numbers(values)
    return values


def _check_shape(text: str) -> None:
    bare = _TEXT_OR_COMMENT.sub("s", text)
    if found := _DOTTED.search(bare):
        raise _too_deep("a key with more than {} parts", _MOST_DOTS, bare, found.start())
    depth = 0
    for bracket in _BRACKET.finditer(bare):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        if depth > _DEEPEST:
            raise _too_deep("lists or tables nested more than {} deep", _DEEPEST, bare, bracket.start())


def _too_deep(what: str, most: int, bare: str, place: int) -> UserMistakeError:
    # Texts of several lines are gone from `bare`, so only the first lines can be named for certain: say where it is.
    begins = bare.rfind("\n", 0, place) + 1
    return UserMistakeError(f"this contains {what.format(most)}, after {bare[begins:place][:40]!r}")


def _check_numbers(values: Any) -> None:
    """Check all whole numbers: those written in base 16 may have any length, and cannot even be shown."""
    left = [values]
    while left:
        value = left.pop()
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise UserMistakeError("this contains a number with far too many digits")
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
