"""Texts as a page can show them: what no font has, or PDF/A forbids, is replaced on the page, not in the data.

A character that cannot be shown must not keep its invoice from being printed. PDF/A requires a glyph for each character
(ISO 19005-3, 6.2.11.4.1), and Typst sets a letter and its marks in one font, so one font must have all of them.
"""

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from monthclose.adapters.documents.fonts import Letters

MISSING = "\ufffd"
"""Replaces what cannot be shown: a question mark in a diamond."""
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
"""Characters without a glyph that control how their neighbours look, and where a line may break."""
_INVISIBLE_RANGES = (
    *((0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180E, 0x180F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    *((0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF)),
)
"""Other invisible characters (Unicode's Default_Ignorable_Code_Point), text direction controls included: left out."""
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Categories of controls, lone surrogates, private use, and unassigned characters."""
_EXTENDING_RANGES = ((0x1F3FB, 0x1F3FF), (0xFF9E, 0xFF9F))
"""Set with the letter before them though they are not marks: skin tones, the voicing marks of half-width katakana."""


class Legible:
    """Makes texts legible in some fonts.

    Parameters
    ----------
    letters : Letters
        The characters that the fonts have.
    """

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._stands_alone = cache(self._is_shown_alone)

    def all_in(self, view: Any) -> Any:
        """Replace what cannot be shown in all texts of a page's data."""
        return everywhere(view, self._legible)

    def plainly_in(self, view: Any) -> Any:
        """Replace everything in a page's data but characters that stand alone."""
        return everywhere(view, lambda text: "".join(c if self._stands_alone(c) else MISSING for c in text))

    def _legible(self, text: str) -> str:
        # Most texts have only characters that stand alone, and need no clusters.
        return text if all(map(self._stands_alone, text)) else "".join(map(self._shown, clusters(text)))

    def _is_shown_alone(self, character: str) -> bool:
        """Whether one of the first two fonts has it: their letters don't change each other's shape."""
        if character in _WHITE or character == _BREAK:
            return True
        invisible = _in(character, _SHAPING_RANGES) or _in(character, _INVISIBLE_RANGES)
        first = self._letters.get(ord(character), 0) & 0b11
        return bool(first) and not invisible and not _extends(character) and self._together(character)

    def _shown(self, cluster: str) -> str:
        """Find the closest form of a cluster that one font has: composed, in plainer characters, or without marks."""
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
                unprintable = unicodedata.category(character) in _UNPRINTABLE
                fonts &= 0 if unprintable else self._letters.get(ord(character), 0)
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
    """Split a text into letters with their marks (roughly Unicode's grapheme clusters), less invisible ones."""
    cluster = ""
    for character in text:
        if _in(character, _INVISIBLE_RANGES):
            continue
        extends = _extends(character)
        if cluster and not extends and cluster[-1] != _JOINER:
            yield cluster
            cluster = ""
        elif extends and cluster in _LINE_STARTS:  # a mark at the start of a line gets a space to stand on
            yield cluster
            cluster = " "
        cluster += character
    yield cluster


def _extends(character: str) -> bool:
    mark = unicodedata.category(character).startswith("M")
    return mark or character in (_JOINER, _NO_JOINER) or _in(character, _EXTENDING_RANGES)


def _in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)
