"""Cells: the prices of one SKU that are told apart by attributes of its usage.

An entry with `where` prices the events that have those attributes; one without it, all others. Where several entries
match, a customer's own come before the general ones, and of those the narrowest counts: the one with the most
conditions. Two of which neither is narrower are refused when the book is read.

`group_by` prices each value of an attribute on its own, with a line for each, as `per_resource` does for resources.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monthclose.domain.usage import Attributes

type Conditions = tuple[tuple[str, tuple[str, ...]], ...]
"""The values that each attribute may have, sorted: `(("region", ("eu", "us")),)`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What usage a price is for, and what it keeps apart.

    Parameters
    ----------
    where : tuple
        What must be said of an event; empty: nothing.
    group_by : tuple of str
        Attributes whose values are priced on their own.
    """

    where: Conditions = ()
    group_by: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that matter to it."""
        return (*(name for name, _ in self.where), *self.group_by)

    @property
    def rank(self) -> tuple[int, int]:
        """How narrow it is: of cells that match the same event, the one with the higher rank counts."""
        return len(self.where), -math.prod(len(values) for _, values in self.where)

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether it is for usage with some attributes."""
        return all(attributes.get(name, "") in values for name, values in self.where)

    def group(self, attributes: Mapping[str, str]) -> Attributes:
        """The group that usage belongs to; an attribute that it doesn't have is the empty text."""
        return tuple((name, attributes.get(name, "")) for name in self.group_by)

    def shown(self, group: Attributes) -> Attributes:
        """What a line says of its usage: the conditions, several values separated by commas, and the group."""
        said = {name: ", ".join(values) for name, values in self.where} | dict(group)
        return tuple(sorted(said.items()))

    def competes_with(self, other: Cell) -> bool:
        """Whether an event may match both, and neither is narrower."""
        mine, theirs = dict(self.where), dict(other.where)
        if any(not set(mine[name]) & set(theirs[name]) for name in mine.keys() & theirs.keys()):
            return False
        return not _narrower(mine, theirs) and not _narrower(theirs, mine)

    def content(self) -> dict[str, object]:
        """As in a price book's file."""
        where = {name: values[0] if len(values) == 1 else list(values) for name, values in self.where}
        return {"where": where or None, "group_by": list(self.group_by) or None}


WHOLE = Cell()
"""All of a SKU's usage."""


def _narrower(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> bool:
    return one != other and all(name in one and set(one[name]) <= set(values) for name, values in other.items())


def names_of(cells: Iterable[Cell]) -> tuple[str, ...]:
    """The attributes by which a SKU's prices are told apart."""
    return tuple(sorted({name for cell in cells for name in cell.names}))


def in_words(attributes: Attributes) -> str:
    """Write attributes for people: `region = eu, no tier`."""
    return ", ".join(f"{name} = {value}" if value else f"no {name}" for name, value in attributes)
