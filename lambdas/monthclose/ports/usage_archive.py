"""The archive of old usage: what writes and reads its files, and the table that usage leaves for it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from monthclose.domain.usage import UsageEvent, UsageMonth


class WrittenUsage(NamedTuple):
    """A file of usage that was written."""

    key: str
    size: int
    """In bytes."""


class UsageFiles(Protocol):
    """Files of usage in Parquet, among the documents; only where that layer is installed."""

    def write(self, key: str, events: Iterable[UsageEvent]) -> WrittenUsage:
        """Write events, sorted by customer, in the order in which they come, in constant memory."""

    def read(self, written: WrittenUsage) -> Iterator[UsageEvent]:
        """Read a whole file, in constant memory.

        Raises
        ------
        KeyError
            There is no such file.
        """

    def of_customer(self, written: WrittenUsage, customer_id: str) -> Iterator[UsageEvent]:
        """Read one customer's events, and no more of the file than those that may have some.

        Raises
        ------
        KeyError
            There is no such file.
        """


class PackedMonth(Protocol):
    """A customer's month that is in the table of usage packs."""

    @property
    def month(self) -> UsageMonth:
        """Whose, and which."""

    def events(self) -> Iterator[UsageEvent]:
        """Stream its usage, in constant memory; replaced events, too."""

    @property
    def seen(self) -> str:
        """The state of the month that its events are of, for `LeavingUsage.expire`."""


class LeavingUsage(Protocol):
    """The table of usage packs, for what leaves it."""

    def packed(self, months: Iterable[UsageMonth]) -> Iterator[PackedMonth]:
        """Find the months that are in the table, in the same order. Those that leave it already are left out.

        Raises
        ------
        TryLaterError
            One has left the table while it was read.
        """

    def expire(self, month: UsageMonth, seen: str, at: datetime) -> bool:
        """Let a month's packs expire, from now on unseen by whoever reads usage; they are deleted after a time.

        Returns
        -------
        bool
            Whether it was so; False if anything was stored in the month after it was read. A month that has been
            expired as it was read stays so.
        """
