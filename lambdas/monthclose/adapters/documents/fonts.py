"""Which letters fonts have, read from the fonts' own tables (OpenType, `cmap`), as Typst doesn't say."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

type Letters = Mapping[int, int]
"""For each character, the fonts that have it: one bit per font, the first font's is the lowest."""


class Face(NamedTuple):
    """A font, and its place in the file, which may hold several."""

    path: Path
    place: int


def letters_of(faces: Iterable[Face]) -> Letters:
    """Find out which fonts have which characters."""
    letters: defaultdict[int, int] = defaultdict(int)
    for number, face in enumerate(faces):
        with face.path.open("rb") as file:
            for first, last in _ranges(file, face.place):
                for character in range(first, last + 1):
                    letters[character] |= 1 << number
    return dict(letters)


def _ranges(file: BinaryIO, place: int) -> Iterator[tuple[int, int]]:
    """List a font's ranges of characters: the first and the last of each."""
    cmap = _cmap(file, place)
    (count,) = _read(file, cmap + 2, ">H")
    offsets = {cmap + _read(file, cmap + 4 + 8 * number, ">HHI")[2] for number in range(count)}
    for offset in sorted(offsets):
        match _read(file, offset, ">H"):
            case (4,):
                yield from _segments(file, offset)
            case (12,):
                yield from _groups(file, offset)


def _cmap(file: BinaryIO, place: int) -> int:
    """Find the `cmap` table of a font, or of a font in a collection."""
    collection = _read(file, 0, ">4s")[0] == b"ttcf"
    (start,) = _read(file, 12 + 4 * place, ">I") if collection else (0,)
    (count,) = _read(file, start + 4, ">H")
    tables = (_read(file, start + 12 + 16 * number, ">4sIII") for number in range(count))
    return next(int(offset) for tag, _, offset, _ in tables if tag == b"cmap")


def _segments(file: BinaryIO, offset: int) -> Iterator[tuple[int, int]]:
    (twice,) = _read(file, offset + 6, ">H")
    ends = _read(file, offset + 14, f">{twice // 2}H")
    starts = _read(file, offset + 16 + twice, f">{twice // 2}H")
    return ((first, last) for first, last in zip(starts, ends, strict=True) if first != 0xFFFF)  # marks the end


def _groups(file: BinaryIO, offset: int) -> Iterator[tuple[int, int]]:
    (count,) = _read(file, offset + 12, ">I")
    numbers = _read(file, offset + 16, f">{3 * count}I")
    return zip(numbers[::3], numbers[1::3], strict=True)


def _read(file: BinaryIO, offset: int, form: str) -> tuple[Any, ...]:
    file.seek(offset)
    return struct.unpack(form, file.read(struct.calcsize(form)))
