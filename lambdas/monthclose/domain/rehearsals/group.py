"""Customers counted and summed up together, the first of them by name: what comparisons are made of.

A group is a monoid: adding two is associative, in any order, and gives the same as counting all their customers at
once. Its size does not depend on how many customers it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_NAMED = 20
"""Customers that a group names. Everybody else is counted, and in the file of all customers."""


class Movement(NamedTuple):
    """A customer's amounts, in minor units, before and now.

    Parameters
    ----------
    rank : int
        Who has a higher one is named first.
    """

    rank: int
    customer_id: str
    now_minor: int
    last_minor: int

    @property
    def difference_minor(self) -> int:
        """How far the amount has moved."""
        return self.now_minor - self.last_minor


@dataclass(frozen=True, slots=True)
class Group:
    """Customers of one currency; amounts in minor units.

    Parameters
    ----------
    top : tuple of Movement
        The first `MOST_NAMED` by rank; of the same rank, by customer id.
    """

    customers: int = 0
    now_minor: int = 0
    last_minor: int = 0
    top: tuple[Movement, ...] = ()

    @classmethod
    def of(cls, customer_id: str, now_minor: int, last_minor: int, rank: int | None = None) -> Group:
        """Make a group of one customer, ranked by how far the amount has moved unless told otherwise."""
        by = abs(now_minor - last_minor) if rank is None else rank
        return cls(1, now_minor, last_minor, (Movement(by, customer_id, now_minor, last_minor),))

    @property
    def difference_minor(self) -> int:
        """How far the sum has moved."""
        return self.now_minor - self.last_minor

    @property
    def unnamed(self) -> int:
        """Customers that `top` does not name."""
        return self.customers - len(self.top)

    def __add__(self, other: Group) -> Group:
        return Group(
            self.customers + other.customers,
            self.now_minor + other.now_minor,
            self.last_minor + other.last_minor,
            tuple(sorted((*self.top, *other.top), key=_place)[:MOST_NAMED]),
        )

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "customers": self.customers,
            "now_minor": self.now_minor,
            "last_minor": self.last_minor,
            "top": [movement._asdict() for movement in self.top],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Group:
        """Read what `to_json` wrote."""
        return cls(**{**values, "top": tuple(Movement(**movement) for movement in values["top"])})


type Groups = Mapping[str, Mapping[str, Group]]
"""By name and currency."""


def _place(movement: Movement) -> tuple[int, str]:
    return (-movement.rank, movement.customer_id)


def together(one: Groups, other: Groups) -> dict[str, Mapping[str, Group]]:
    """Add groups of the same name and currency."""
    sums: dict[str, Mapping[str, Group]] = {}
    for name in sorted({*one, *other}):
        here, there = one.get(name, {}), other.get(name, {})
        sums[name] = {code: here.get(code, Group()) + there.get(code, Group()) for code in sorted({*here, *there})}
    return sums


def sum_up(groups: Iterable[Group]) -> Group:
    """Add groups."""
    total = Group()
    for group in groups:
        total += group
    return total


def groups_json(groups: Groups) -> dict[str, Any]:
    """Write groups as JSON."""
    return {name: {code: group.to_json() for code, group in by.items()} for name, by in groups.items()}


def read_groups(values: Mapping[str, Any]) -> dict[str, Mapping[str, Group]]:
    """Read what `groups_json` wrote."""
    return {name: {code: Group.from_json(group) for code, group in by.items()} for name, by in values.items()}
