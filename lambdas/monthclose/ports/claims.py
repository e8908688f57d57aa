"""Claims: which execution does work that only one may do at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Claim:
    """Work that one execution at a time may do, and the one that claimed it last."""

    name: str
    execution: str
    since: datetime
    version: int = 0


class Claims(Protocol):
    """The store of claims."""

    def get(self, name: str) -> Claim | None:
        """Read the latest claim; None if there was none."""

    def put(self, claim: Claim) -> None:
        """Claim the work, fenced by the version.

        Raises
        ------
        ConflictError
            Somebody else claimed it first.
        """
