"""A run of the collections: what happens every day to what stayed open."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple


class Owing(NamedTuple):
    """A customer who owes something or is on hold, and who charges them."""

    customer_id: str
    provider: str


@dataclass(frozen=True, slots=True)
class CollectionRun:
    """The collections' latest run.

    Parameters
    ----------
    number : int
        Counts the runs.
    execution : str
        The execution that does it, or did.
    day : date
        The day that it is for.
    """

    number: int
    execution: str
    day: date
    started_at: datetime
    version: int = 0
