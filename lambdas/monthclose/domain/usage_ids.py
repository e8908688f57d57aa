"""Ids of a pack's events, in the form that suits them.

Random ids, as UUIDs are, take most of a pack: their digits stand as bytes behind all that is compressed, as nothing
compresses them.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from os.path import commonprefix
from string import digits

from monthclose.domain.usage_columns import MOST_DIGITS, Column, ColumnReader, ColumnWriter, steps_between

_COUNTED, _HEXADECIMAL, _SAID = range(3)
_DIGITS = re.compile(r"[0-9a-f]+")
_MANY = 500
"""Ids whose digits are looked at place by place: of fewer it brings less than it takes."""
_SAMPLE, _FEW = 16, 4
"""A place is compressed where the first ids have few different digits."""


def written_ids(ids: Sequence[str], writer: ColumnWriter) -> tuple[Column, bytes]:
    """Write ids as numbers, as hexadecimal digits, which are bytes behind the columns, or as they are."""
    counted = _written_counted(ids, writer)
    if counted:
        return counted, b""
    return _written_hexadecimal(ids, writer) or ([_SAID, writer.values(ids)], b"")


def _written_hexadecimal(ids: Sequence[str], writer: ColumnWriter) -> tuple[Column, bytes] | None:
    """Write ids that differ in hexadecimal digits only, as UUIDs do: the texts between the digits, and how many.

    A place with few different digits has a column of its own, which is compressed: of UUIDs the variant, or what tells
    the day.
    """
    first = ids[0]
    if len(ids) == 1 or any(len(name) != len(first) for name in ids):
        return None
    runs = _runs([place for place, letter in enumerate(first) if any(name[place] != letter for name in ids)])
    bare = "".join([name[start:end] for name in ids for start, end in runs])
    if not _DIGITS.fullmatch(bare):
        return None
    ends = [0, *(end for _, end in runs)]
    between = [first[end:start] for end, (start, _) in zip(ends, [*runs, (len(first), 0)], strict=True)]
    column = [_HEXADECIMAL, between, [end - start for start, end in runs]]
    if len(ids) >= _MANY:
        by_place = _by_place(bare, len(bare) // len(ids), len(ids))
        few = [place for place, found in enumerate(by_place) if len(set(found[:_SAMPLE])) <= _FEW]
        column += [[place, writer.values(by_place[place])] for place in few]
        bare = _in_turn([found for place, found in enumerate(by_place) if place not in few])
    return column, bytes.fromhex(bare + "0" * (len(bare) % 2))


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Group places that follow each other: where each group begins, and where it has ended."""
    runs = list[tuple[int, int]]()
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs


def _written_counted(ids: Sequence[str], writer: ColumnWriter) -> Column | None:
    """Write ids that are numbers behind one text: all as they are, or all with as many digits."""
    text = commonprefix((min(ids), max(ids))).rstrip(digits)  # noqa: RUF071 - by characters is what is wanted
    rests = [name[len(text) :] for name in ids]
    together = "".join(rests)
    lengths = set(map(len, rests))
    longest, padded = max(lengths), len(lengths) == 1
    if 0 in lengths or longest > MOST_DIGITS or not (together.isascii() and together.isdecimal()):
        return None
    numbers = list(map(int, rests))
    if not padded and any(rest[0] == "0" and rest != "0" for rest in rests):
        return None
    steps = writer.numbers(steps_between(numbers)) if len(ids) > 1 else None
    return [_COUNTED, text, longest if padded else 0, numbers[0], steps]


def read_ids(column: Column, reader: ColumnReader, behind: bytes, count: int) -> list[str]:
    """Read ids; `behind` is what stands behind all that is compressed."""
    if column[0] == _COUNTED:
        _, text, width, first, steps = column
        found = accumulate(reader.values(steps, count - 1, 0, int), initial=first)
        return [f"{text}{number:0{width}}" for number in found] if width else [f"{text}{number}" for number in found]
    if column[0] == _HEXADECIMAL:
        _, between, lengths, *few = column
        bare = behind.hex()
        if few:
            by_place = _by_place(bare, sum(lengths) - len(few), count)
            for place, found in few:
                by_place.insert(place, "".join(reader.values(found, count, "", str)))
            bare = _in_turn(by_place)
        return _hexadecimal(between, lengths, bare, count)
    return reader.values(column[1], count, "", str)


def _hexadecimal(between: Sequence[str], lengths: Sequence[int], bare: str, count: int) -> list[str]:
    ends = list(accumulate(lengths))
    runs = list(zip([0, *ends], ends, between[1:], strict=False))
    each, begins = ends[-1], between[0]
    places = range(0, each * count, each)
    return [begins + "".join([bare[at + a : at + b] + text for a, b, text in runs]) for at in places]


def _by_place(bare: str, each: int, count: int) -> list[str]:
    """Return the digits that ids have at their first place, at their second, and so on."""
    return [bare[place : each * count : each] for place in range(each)]


def _in_turn(by_place: Sequence[str]) -> str:
    """Put digits together again, id by id."""
    together = bytearray(sum(map(len, by_place)))
    for place, found in enumerate(by_place):
        together[place :: len(by_place)] = found.encode()
    return together.decode()
