"""Texts as a page can show them: what no font has, and what PDF/A forbids, is replaced. The data keep it.

A character that cannot be shown must not keep its invoice from being printed. PDF/A wants a glyph for each character
(ISO 19005-3, 6.2.11.4.1), and Typst sets a letter together with its marks in one font: what counts is whether one of
the fonts has all of them.
"""

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from monthclose.adapters.documents.fonts import Letters

MISSING = "\ufffd"
"""Stands for what cannot be shown: a question mark in a diamond."""
_WHITE = "\t\n\r"
_LINE_STARTS = frozenset({"", *_WHITE})
_JOINER, _NO_JOINER, _BREAK = "\u200d", "\u200c", "\u200b"
_SHAPING_RANGES = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x180B, 0x180D),
    (0x200B, 0x200F),
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
)
"""Characters without a glyph that say how their neighbours look, and where a line may end."""
_INVISIBLE_RANGES = (
    *((0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180E, 0x180F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    *((0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF)),
)
"""What else is invisible by Unicode (Default_Ignorable_Code_Point): left out. Among it is what turns texts around."""
_WORTHLESS = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Controls, halves of characters, characters of private use, and what is no character, or none yet."""
_EXTENDING_RANGES = ((0x1F3FB, 0x1F3FF), (0xFF9E, 0xFF9F))
"""Set with the letter before them though they are no marks: skin tones, the voicing marks of half-width katakana."""


class Legible:
    """Makes texts legible in some fonts.

    Parameters
    ----------
    letters : Letters
        What the fonts have.
    """

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._stands_alone = cache(self._is_shown_alone)

    def all_in(self, view: Any) -> Any:
        """Replace what cannot be shown in all texts of a page's data."""
        return everywhere(view, self._legible)

    def plainly_in(self, view: Any) -> Any:
        """Leave nothing in a page's data but what is set whatever stands beside it."""
        return everywhere(view, lambda text: "".join(c if self._stands_alone(c) else MISSING for c in text))

    def _legible(self, text: str) -> str:
        # Most texts are of nothing but characters that stand alone: those are looked at once.
        return text if all(map(self._stands_alone, text)) else "".join(map(self._shown, clusters(text)))

    def _is_shown_alone(self, character: str) -> bool:
        """Whether one of the first fonts, which are of letters that don't change each other, has it."""
        if character in _WHITE or character == _BREAK:
            return True
        invisible = _in(character, _SHAPING_RANGES) or _in(character, _INVISIBLE_RANGES)
        first = self._letters.get(ord(character), 0) & 0b11
        return bool(first) and not invisible and not _extends(character) and self._together(character)

    def _shown(self, cluster: str) -> str:
        """Find the nearest to a cluster that one font has: composed, in plainer characters, or without its marks."""
        if self._together(cluster):
            return cluster
        for form in ("NFC", "NFKC"):
            other = unicodedata.normalize(form, cluster)
            if all(self._together(part) for part in clusters(other)):
                return other
        letters = (c if self._together(c) else MISSING for c in cluster if not _extends(c))
        return "".join(letters) or MISSING

    def _together(self, cluster: str) -> bool:
        """Whether one font has all of a cluster."""
        fonts = -1
        for character in cluster:
            if character not in _WHITE and not _in(character, _SHAPING_RANGES):
                worthless = unicodedata.category(character) in _WORTHLESS
                fonts &= 0 if worthless else self._letters.get(ord(character), 0)
        return fonts != 0


def everywhere(data: Any, change: Callable[[str], str]) -> Any:
    """Change all texts in lists and mappings, however deep; the mappings' keys stay."""
    match data:
        case str():
            return change(data)
        case dict():
            return {name: everywhere(value, change) for name, value in data.items()}
        case list() | tuple():
            return [everywhere(value, change) for value in data]
        case _:
            return data


def clusters(text: str) -> Iterator[str]:
    """Cut a text into letters with their marks (about Unicode's grapheme clusters), invisible ones left out."""
    cluster = ""
    for character in text:
        if _in(character, _INVISIBLE_RANGES):
            continue
        extends = _extends(character)
        if cluster and not extends and cluster[-1] != _JOINER:
            yield cluster
            cluster = ""
        elif extends and cluster in _LINE_STARTS:  # a mark at the start of a line has a space to stand on
            yield cluster
            cluster = " "
        cluster += character
    yield cluster


def _extends(character: str) -> bool:
    mark = unicodedata.category(character).startswith("M")
    return mark or character in (_JOINER, _NO_JOINER) or _in(character, _EXTENDING_RANGES)


def _in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)
