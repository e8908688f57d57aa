"""What a payment provider takes in one charge, and how an amount that is due is cut to it. Pure.

An amount has three parts: what one charge takes, what further charges can take, and a rest smaller than the provider's
smallest step, which no charge can ever take (0.002 of 6.172 KWD where the last of three decimals must be zero).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class Cut(NamedTuple):
    """An amount that is due, cut to what a provider takes, in minor units; what none of the three has stays open.

    Parameters
    ----------
    charge_minor : int
        What to charge now; 0 if it is too little for a charge.
    more_minor : int
        What further charges can take.
    rest_minor : int
        What no charge can ever take: less than the smallest step.
    """

    charge_minor: int
    more_minor: int = 0
    rest_minor: int = 0


@dataclass(frozen=True, slots=True)
class ChargeLimits:
    """What a provider takes of one currency in one charge, in minor units by ISO 4217.

    Parameters
    ----------
    step_minor : int
        Amounts must be multiples of it.
    smallest_minor, largest_minor : int, int or None
        The least and the most; without a most any amount is taken.
    """

    step_minor: int = 1
    smallest_minor: int = 1
    largest_minor: int | None = None

    def __post_init__(self) -> None:
        if self.step_minor < 1 or self.smallest_minor < 1:
            raise ValueError("a charge's step and smallest amount must be at least 1")
        if self.largest_minor is not None and self._down(self.largest_minor) < 2 * self._least:
            raise ValueError("a charge's largest amount must be at least twice its smallest")

    def cut(self, due_minor: int) -> Cut:
        """Cut an amount that is due: the largest charge first, but never so large that the rest is too little for one.

        Examples
        --------
        >>> ChargeLimits(step_minor=10).cut(6_172)
        Cut(charge_minor=6170, more_minor=0, rest_minor=2)
        >>> ChargeLimits(smallest_minor=50, largest_minor=1_000).cut(1_020)
        Cut(charge_minor=970, more_minor=50, rest_minor=0)
        """
        even, rest = self._down(due_minor), due_minor % self.step_minor
        if even < self._least:
            return Cut(0, rest_minor=0 if even else rest)
        if self.largest_minor is None or even <= self.largest_minor:
            return Cut(even, rest_minor=rest)
        charge = min(self._down(self.largest_minor), even - self._least)
        return Cut(charge, even - charge, rest)

    def with_largest(self, largest_minor: int) -> ChargeLimits:
        """Take another largest amount, one that an account has of its own; at least twice the smallest."""
        return replace(self, largest_minor=max(largest_minor, 2 * self._least))

    @property
    def _least(self) -> int:
        return -(-self.smallest_minor // self.step_minor) * self.step_minor

    def _down(self, minor: int) -> int:
        return minor // self.step_minor * self.step_minor
