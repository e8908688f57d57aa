"""Copies of the tables that a backup was restored to, and putting what they hold back into the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Difference:
    """How a table differs from its copy, in items.

    Parameters
    ----------
    changed : int
        The copy has them, and the table has not, or says something else.
    newer : int
        Only the table has them.
    kept : int
        They differ, and stay as they are: what was given out to others must not be given out again.
    same : int
        The rest.
    """

    changed: int
    newer: int
    kept: int
    same: int


RESTORE_MARK = "restored"
"""The claim that says when tables were restored last, and by whom."""


class TableCopies(Protocol):
    """The copies, each beside its table: `NAME-restored`."""

    def states(self) -> Mapping[str, str]:
        """Say of each table by its name what DynamoDB says of its copy; empty if there is none.

        A copy as of a time before a release added the table has nothing, and counts as made with the others.
        """

    def moments(self) -> Mapping[str, datetime | None]:
        """Say of each copy, by its own name, of what time it is; None if that is not known, as of a named backup's."""

    def make(self, at: datetime) -> None:
        """Have DynamoDB restore each table without a copy to one, as it was at a time; this takes minutes to hours.

        Raises
        ------
        UserMistakeError
            DynamoDB has no backup of that time.
        """

    def compare(self, table: str, *, put_back: bool) -> Difference:
        """Compare a table with its copy and, if wanted, make the table as its copy is."""
