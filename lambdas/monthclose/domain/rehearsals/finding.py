"""What a gate's rule has found: it has to be accepted before a close may charge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from monthclose.domain.money import Money
from monthclose.domain.rehearsals.group import Group, Movement

_MOST_IN_A_LINE = 3

type Figures = Mapping[str, int | str]
"""Numbers by name: counts, amounts in minor units, and the currency that they are in."""


@dataclass(frozen=True, slots=True)
class GateFinding:
    """One finding.

    Parameters
    ----------
    key : str
        What it is about, the same in every rehearsal of the period whatever the figures: `everybody:EUR:fee:support`.
    rule : str
        The setting that it goes against (see `GateRules`).
    text : str
        One line for a person.
    figures : mapping
        The numbers of the line.
    customers : tuple of Movement
        The first of the customers whom it is about, where it is about some of them.
    """

    key: str
    rule: str
    text: str
    figures: Figures = field(default_factory=dict)
    customers: tuple[Movement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "key": self.key,
            "rule": self.rule,
            "text": self.text,
            "figures": dict(self.figures),
            "customers": [movement._asdict() for movement in self.customers],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**values, "customers": tuple(Movement(**movement) for movement in values["customers"])})


def named(group: Group, currency: str, before: str = "last month") -> str:
    """Name the first customers of a group with their amounts: `acme 12,000.00 (last month 900.00), and 4 more`."""
    said = [
        f"{movement.customer_id} {Money(movement.now_minor, currency).figures}"
        f" ({before} {Money(movement.last_minor, currency).figures})"
        for movement in group.top[:_MOST_IN_A_LINE]
    ]
    return listed(said, group.customers)


def listed(said: Iterable[str], in_all: int) -> str:
    """List names, and how many more there are."""
    names = list(said)
    more = in_all - len(names)
    return ", ".join(names) + (f", and {more:,} more" if more else "")


def signed(minor: int, currency: str) -> str:
    """Write a difference without its currency, with its sign: `+2,310.00`."""
    return f"{'+' if minor > 0 else ''}{Money(minor, currency).figures}"


def percent(part: int, whole: int) -> str:
    """Write a share with one decimal: `5.2%`; of nothing there is none."""
    return f"{100 * part / whole:,.1f}%" if whole else ""
