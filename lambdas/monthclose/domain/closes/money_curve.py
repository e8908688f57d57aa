"""How money comes in over time: charges are made in the order of their money, so that most of it comes first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

POINTS = 40
"""Of a curve: a character each, where it is drawn."""


class Amount(NamedTuple):
    """Money that comes in at a time: seconds after the start, and minor units."""

    second: float
    currency: str
    minor: float


class Point(NamedTuple):
    """What has come in until a time, by currency, in minor units."""

    second: float
    money: Mapping[str, int]


def curve(amounts: Iterable[Amount], ends: float, points: int = POINTS) -> list[Point]:
    """Add amounts up at equal distances of time, the last at the end; amounts beyond the end belong to it."""
    ordered = sorted(amounts)
    sums: dict[str, float] = {}
    found, place = list[Point](), 0
    for number in range(1, points + 1):
        until = ends * number / points
        while place < len(ordered) and (ordered[place].second <= until or number == points):
            _, currency, minor = ordered[place]
            sums[currency] = sums.get(currency, 0.0) + minor
            place += 1
        found.append(Point(until, {currency: round(minor) for currency, minor in sums.items()}))
    return found


def second_of_share(amounts: Iterable[Amount], share: float) -> Mapping[str, float]:
    """Find for each currency when a share of its money has come in: seconds after the start."""
    ordered = sorted(amounts)
    totals: dict[str, float] = {}
    for _, currency, minor in ordered:
        totals[currency] = totals.get(currency, 0.0) + minor
    reached: dict[str, float] = {}
    sums: dict[str, float] = {}
    for second, currency, minor in ordered:
        sums[currency] = sums.get(currency, 0.0) + minor
        if currency not in reached and sums[currency] >= share * totals[currency]:
            reached[currency] = second
    return reached
