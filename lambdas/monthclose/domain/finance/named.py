"""Who: the customers that a report names, the largest first, and how many there are in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.finance.sums import SumTable

MOST_NAMED = 20
"""Customers who are named for each reason and currency; all are counted."""


class Why(StrEnum):
    """Why a customer is named."""

    OPEN = "open"
    """They owe the most."""
    OVERDUE = "overdue"
    PARKED = "parked"
    DECLINED = "declined"
    """The month's invoice was refused and is open."""
    HELD = "held"


class Named(NamedTuple):
    """A customer, with what they owe (minor units) and a word of detail: a reason, a decline code, a day."""

    why: str
    currency: str
    customer_id: str
    name: str
    minor: int
    detail: str


class NamedSum(NamedTuple):
    """How many there are."""

    why: str
    currency: str
    customers: int
    minor: int


NAMED = SumTable("named", NamedSum, 2)

type Names = Mapping[tuple[str, str], tuple[Named, ...]]
"""By reason and currency."""


def largest(named: Iterable[Named]) -> dict[tuple[str, str], tuple[Named, ...]]:
    """Keep the largest of each reason and currency: in the end the same, however they are grouped."""
    groups: dict[tuple[str, str], list[Named]] = {}
    for one in named:
        groups.setdefault((one.why, one.currency), []).append(one)
    return {
        key: tuple(sorted(group, key=lambda one: (-one.minor, one.customer_id))[:MOST_NAMED])
        for key, group in sorted(groups.items())
    }
