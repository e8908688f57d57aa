"""What of an invoice a maximum or a minimum is about."""

from __future__ import annotations

import math
from typing import NamedTuple


class Scope(NamedTuple):
    """Some SKUs' usage and some fees, by their ids; of neither: the whole invoice."""

    skus: tuple[str, ...] = ()
    fees: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole invoice."""
        return not self.skus and not self.fees

    @property
    def size(self) -> float:
        """How many things it names: what is within another is smaller, and the whole invoice is the largest."""
        return math.inf if self.is_whole else len(set(self.skus)) + len(set(self.fees))

    def includes(self, other: Scope) -> bool:
        """Whether all that belongs to another one belongs to this one, too."""
        if self.is_whole or other.is_whole:
            return self.is_whole
        return set(other.skus) <= set(self.skus) and set(other.fees) <= set(self.fees)

    def is_same(self, other: Scope) -> bool:
        """Whether the same belongs to both, in whatever order it is named."""
        return self.includes(other) and other.includes(self)

    def in_words(self) -> str:
        """Say what it is about."""
        return ", ".join((*self.skus, *self.fees)) or "everything"
