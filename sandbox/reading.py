"""Reads documents that people write: each reader declares what it expects, and errors name the entry."""

import difflib
import math
from collections.abc import Collection, Sequence
from typing import NoReturn


class PlanError(ValueError):
    """A document cannot be used; the message names the entry and says what it should be."""


class Entry:
    """One table of a document. Reading a member marks it as known; :meth:`end` refuses members that were not read.

    Every reader raises :class:`PlanError`.

    Parameters
    ----------
    where : str
        How messages name the entry, as in ``rule 2``.
    """

    def __init__(self, document: object, where: str) -> None:
        if not isinstance(document, dict):
            raise PlanError(f"{where}: should be a table of names and values, not {_shown(document)}")
        self._document = document
        self._known: list[str] = []
        self.where = where

    def has(self, name: str) -> bool:
        """Return whether a member is there."""
        return name in self._document

    def text(self, name: str) -> str | None:
        """Read a string that is not empty."""
        value = self._value(name)
        if value is not None and (not isinstance(value, str) or not value):
            self.refuse(name, f"should be text, not {_shown(value)}")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Read one of a few words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            self.refuse(name, f"should be one of {', '.join(allowed)}, not {_shown(value)}", value, allowed)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, f"should be true or false, not {_shown(value)}")
        return value

    def number(self, name: str, low: float, high: float, default: float | None) -> float:
        """Read a number in a range; without a default it must be there."""
        value = self._value(name)
        if value is None:
            return self.missing(name) if default is None else default
        return self._in_range(name, value, low, high)

    def whole(self, name: str, low: int) -> int | None:
        """Read a whole number."""
        value = self._value(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < low):
            self.refuse(name, f"should be a whole number of at least {low}, not {_shown(value)}")
        return value

    def span(self, name: str, high: float, default: tuple[float, float]) -> tuple[float, float]:
        """Read two numbers, the lower one first."""
        value = self._value(name)
        if value is None:
            return default
        if not isinstance(value, list) or len(value) != 2:
            self.refuse(name, f"should be two numbers, as in [1, 5], not {_shown(value)}")
        first, last = (self._in_range(name, item, 0.0, high) for item in value)
        if first > last:
            self.refuse(name, "should have the lower number first")
        return first, last

    def numbers(self, name: str, high: float, default: tuple[float, ...]) -> tuple[float, ...]:
        """Read any number of numbers."""
        value = self._value(name)
        if value is None:
            return default
        if not isinstance(value, list):
            self.refuse(name, f"should be a list of numbers, not {_shown(value)}")
        return tuple(self._in_range(name, item, 0.0, high) for item in value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Read any number of strings, none of them empty."""
        value = self._value(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(name, f"should be a list of strings, not {_shown(value)}")
        return tuple(value)

    def entries(self, name: str, thing: str) -> list["Entry"]:
        """Read a list of tables; messages will name them as in ``rule 2``."""
        value = self._value(name)
        if value is not None and not isinstance(value, list):
            self.refuse(name, f"should be a list, not {_shown(value)}")
        return [Entry(item, f"{thing} {number}") for number, item in enumerate(value or [], start=1)]

    def tables(self, name: str) -> dict[str, "Entry"]:
        """Read a table of tables; messages will name them as in ``limits.stripe``."""
        value = self._value(name)
        if value is not None and not isinstance(value, dict):
            self.refuse(name, f"should be a table by provider, not {_shown(value)}")
        return {key: Entry(item, f"{name}.{key}") for key, item in (value or {}).items()}

    def table(self, name: str) -> "Entry":
        """Read a table, an empty one if it is not there; messages will name it."""
        value = self._value(name)
        return Entry({} if value is None else value, name)

    def end(self) -> None:
        """Refuse members that nobody read."""
        for name in self._document:
            if name not in self._known:
                self.refuse(name, f"is not known here; choose from {', '.join(self._known)}", name, self._known)

    def missing(self, name: str) -> NoReturn:
        """Refuse an entry that lacks a member."""
        self.refuse(name, "is missing")

    def refuse(self, name: str, message: str, word: str = "", known: Collection[str] = ()) -> NoReturn:
        """Refuse a member; if a word is none of the known ones, say which may be meant."""
        near = difflib.get_close_matches(word, known, 1)
        raise PlanError(f"{self.where}: {name} {message}{f' (did you mean {near[0]}?)' if near else ''}")

    def _value(self, name: str) -> object:
        self._known.append(name)
        return self._document.get(name)

    def _in_range(self, name: str, value: object, low: float, high: float) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
            self.refuse(name, f"should be a number, not {_shown(value)}")
        if not low <= value <= high:
            limits = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
            self.refuse(name, f"should be a number {limits}, not {value:g}")
        return float(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
