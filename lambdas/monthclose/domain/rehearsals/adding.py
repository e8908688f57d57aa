"""Adding up many small sums into one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Protocol, Self


class Addable(Protocol):
    """What can be added in any grouping."""

    def __add__(self, other: Self, /) -> Self: ...


def add_up[T: Addable](parts: Iterable[T], nothing: T) -> T:
    """Add parts, those of about the same size with one another.

    Added one by one to a growing sum, a million small parts would each cost as much as the sum is large. At most some
    twenty sums are in memory at once.
    """
    sums: list[tuple[int, T]] = []
    for part in parts:
        size, total = 1, part
        while sums and sums[-1][0] == size:
            size, total = 2 * size, sums.pop()[1] + total
        sums.append((size, total))
    return reduce(add, (total for _, total in sums), nothing)
