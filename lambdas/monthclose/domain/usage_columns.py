"""Columns of a pack of usage: what its events say of one field, in the form that suits their values.

What differs from event to event stands in planes behind all columns: the lowest bytes of all numbers, then their second
bytes, and so on. Bytes of one place are alike, and those that aren't take no more than themselves. Of values that come
again, the numbers are their places in a dictionary. Planes are written, and read, in the order of their columns.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from itertools import repeat
from operator import sub
from struct import pack, unpack
from typing import Any

type Column = list[Any]
"""The form, and what belongs to it, as JSON has it."""

_ALL, _LETTERED, _NUMBERED, _JOINED, _LISTED, _PLACED, _NUMBERS, _DECIMALS = range(8)
"""The forms: one value for all; a dictionary whose places are letters or numbers in JSON (format 1 only); texts with a
separator; a list; a dictionary whose places are in planes; whole numbers; decimals, as exponents and digits."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTER_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}
_SEPARATORS = " ,;|~"
_FEW = 10
"""So few decimals are as small as texts."""
_MOST_PLACES = 256
"""Most different decimals of a dictionary: more take less space as numbers."""
MOST_DIGITS = 18
"""Of a number: the difference of two fits into eight bytes."""
_EXACT = Context(prec=MOST_DIGITS)


class ColumnWriter:
    """Writes columns.

    Attributes
    ----------
    planes : list of bytes
        What stands behind the columns that were written.
    """

    def __init__(self) -> None:
        self.planes = list[bytes]()

    def values(self, values: Sequence[Any]) -> Column:
        """Write values that JSON knows, in the form that suits them."""
        different = dict.fromkeys(values)
        if len(different) == 1:
            return [_ALL, values[0]]
        if 2 * len(different) > len(values):
            return _joined(values) or [_LISTED, list(values)]
        places = {value: place for place, value in enumerate(different)}
        self._write(list(map(places.__getitem__, values)), _width(len(places) - 1))
        return [_PLACED, list(places)]

    def numbers(self, numbers: Sequence[int]) -> Column:
        """Write whole numbers."""
        low, high = min(numbers), max(numbers)
        if low == high:
            return [_ALL, low]
        width = _width(high - low)
        self._write(list(map(sub, numbers, repeat(low))), width)
        return [_NUMBERS, low, width]

    def decimals(self, texts: Sequence[str | None]) -> Column:
        """Write decimals, as numbers if there are many different ones; 1.50 and 1.5 are read as they were."""
        different = len(set(texts))
        few = len(texts) <= _FEW or (different <= _MOST_PLACES and 2 * different <= len(texts))
        split = None if few else _split(texts)
        return [_DECIMALS, *map(self.numbers, split)] if split else self.values(texts)

    def _write(self, numbers: Sequence[int], width: int) -> None:
        if width == 1:
            self.planes.append(bytes(numbers))
        else:
            eights = pack(f"<{len(numbers)}Q", *numbers)
            self.planes += [eights[place::8] for place in range(width)]


class ColumnReader:
    """Reads columns, in the order in which they were written.

    Parameters
    ----------
    planes : bytes
        What stands behind the columns.
    """

    def __init__(self, planes: bytes) -> None:
        self._planes, self._at = planes, 0

    def values(self, column: Column | None, count: int, missing: Any, read: Callable[[Any], Any]) -> list[Any]:
        """Read a column, which isn't there if all values are missing; each value of a dictionary is made once."""
        if column is None:
            return [missing] * count
        form, content = column[0], column[1]
        if form == _ALL:
            return [_made(content, missing, read)] * count
        if form == _NUMBERS:
            return [content + number for number in self._numbers(count, column[2])]
        if form == _DECIMALS:
            exponents = self.values(content, count, 0, int)
            return list(map(_EXACT.scaleb, map(Decimal, self.values(column[2], count, 0, int)), exponents))
        if form == _JOINED:
            return list(map(read, column[2].split(content)))
        made = [_made(value, missing, read) for value in content]
        return made if form == _LISTED else list(map(made.__getitem__, self._places(column, count)))

    def _places(self, column: Column, count: int) -> Iterable[int]:
        if column[0] == _PLACED:
            return self._numbers(count, _width(len(column[1]) - 1))
        return map(_LETTER_PLACES.__getitem__, column[2]) if column[0] == _LETTERED else column[2]

    def _numbers(self, count: int, width: int) -> Sequence[int]:
        if width == 1:
            return self._plane(count)
        eights = bytearray(8 * count)
        for place in range(width):
            eights[place::8] = self._plane(count)
        return unpack(f"<{count}Q", eights)

    def _plane(self, count: int) -> bytes:
        self._at += count
        return self._planes[self._at - count : self._at]


def steps_between(numbers: Sequence[int]) -> list[int]:
    """Return the differences between numbers that follow each other."""
    return list(map(sub, numbers[1:], numbers))


def _width(largest: int) -> int:
    return (largest.bit_length() + 7) // 8


def _split(texts: Sequence[str | None]) -> tuple[list[int], list[int]] | None:
    """Split decimals into exponents and digits; None unless all are there, short, and written without exponents."""
    usual = [text for text in texts if text is not None and len(text) <= MOST_DIGITS]
    if len(usual) < len(texts):
        return None
    try:
        numbers = list(map(int, " ".join(usual).replace(".", "").split(" ")))
    except ValueError:
        return None
    if 0 in numbers and any(text[0] == "-" for text, number in zip(usual, numbers, strict=True) if not number):
        return None  # as a number, -0 is 0
    points = [text.find(".") for text in usual]
    return [point + 1 and point + 1 - len(text) for point, text in zip(points, usual, strict=True)], numbers


def _joined(values: Sequence[Any]) -> Column | None:
    """Join texts with a character that none of them has; None if there is none, or if not all are texts."""
    if None in values or not isinstance(values[0], str):
        return None
    for separator in _SEPARATORS:
        text = separator.join(values)
        if text.count(separator) == len(values) - 1:
            return [_JOINED, separator, text]
    return None


def _made(value: Any, missing: Any, read: Callable[[Any], Any]) -> Any:
    return missing if value is None else read(value)
