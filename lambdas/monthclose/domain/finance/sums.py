"""Sums by keys: what all figures are made of. Adding two is the whole arithmetic, so any grouping gives the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

type Key = tuple[str, ...]
type Values = tuple[int, ...]
type Sums = Mapping[Key, Values]
"""By key: sums of money in minor units, and counts."""


class SumTable[R: tuple[Any, ...]](NamedTuple):
    """A table of sums: its rows are keys (text) followed by sums (whole numbers).

    Parameters
    ----------
    name : str
        As it is stored.
    row : type
        A NamedTuple; the first `keys` of its fields are the key.
    """

    name: str
    row: type[R]
    keys: int

    def sums(self, rows: Iterable[R]) -> dict[Key, Values]:
        """Add rows up; a key of which nothing is left stays out."""
        found: dict[Key, Values] = {}
        for row in rows:
            key, values = tuple(row[: self.keys]), tuple(row[self.keys :])
            found[key] = _plus(found[key], values) if key in found else values
        return without_nothing(found)

    def rows(self, sums: Sums) -> list[R]:
        """Make rows of sums, ordered by their keys."""
        make: Any = self.row
        return [make(*key, *sums[key]) for key in sorted(sums)]


def add_to(total: dict[Key, Values], more: Sums) -> None:
    """Add sums to others, in place; a key of which nothing is left stays (`without_nothing`)."""
    for key, values in more.items():
        total[key] = _plus(total[key], values) if key in total else values


def without_nothing(total: Sums) -> dict[Key, Values]:
    """Leave out the keys of which nothing is left."""
    return {key: values for key, values in total.items() if any(values)}


def content(sums: Sums) -> list[list[str | int]]:
    """Put sums into JSON: a list for each key, its parts and then its sums."""
    return [[*key, *sums[key]] for key in sorted(sums)]


def from_content(rows: Iterable[list[str | int]], keys: int) -> dict[Key, Values]:
    """Read them from JSON."""
    return {tuple(map(str, row[:keys])): tuple(map(int, row[keys:])) for row in rows}


def _plus(a: Values, b: Values) -> Values:
    return tuple(x + y for x, y in zip(a, b, strict=True))
