"""Rehearsals of closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.period import Period
    from monthclose.domain.rehearsals.rehearsal import Rehearsal


class Rehearsals(Protocol):
    """The newest rehearsal of each period."""

    def get(self, period: Period) -> Rehearsal | None:
        """Read a period's newest rehearsal; None if there was none. Strongly consistent."""

    def put(self, rehearsal: Rehearsal) -> Rehearsal:
        """Write a rehearsal, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """
