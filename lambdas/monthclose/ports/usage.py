"""The store of usage."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from monthclose.domain.period import Period
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth


class UsageStore(Protocol):
    """Usage events, by customer and period."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage of one period, in constant memory; replaced events, too."""

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        """Look events up by their ids, month by month; every month asked for has an answer.

        Parameters
        ----------
        consistent : bool
            Whether everything must be seen that was stored before. Without it, an answer may be old: a change that is
            decided on it is refused then, so this is for changes, and what is decided without one needs it.
        """

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        """Store changes, at most one of a month; each of them whole or not at all.

        Returns the months in which somebody else has stored something since they were looked up. Nothing of these
        changes is stored (but marks of replaced events may be): look the events up again, consistently, and decide
        again.

        Raises
        ------
        TryLaterError
            The store takes no more, and time is up. Any of the changes may have been stored.
        """


class EarlierUsage(Protocol):
    """Where usage may be that is not in the store yet, or not any more. What is there never changes."""

    def may_have(self, period: Period) -> bool:
        """Whether it is worth asking; without a request for each customer."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage of one period, in constant memory; nothing if it isn't here. It is always asked."""

    def comes_back(self, period: Period) -> None:
        """Note that usage of a period is about to be stored in the store."""


class EarlierItems(EarlierUsage, Protocol):
    """Usage that earlier releases have stored, each event for itself."""

    def months(self) -> Iterator[UsageMonth]:
        """Go through the months that are here; one may come again."""

    def remove(self, month: UsageMonth) -> None:
        """Remove a month's events."""


class PackedUsage(UsageStore, Protocol):
    """The store, for what is moved into it."""

    def adopt(self, month: UsageMonth, events: Iterable[UsageEvent]) -> bool:
        """Store a month of which nothing is there, as it is, in constant memory.

        Returns
        -------
        bool
            Whether it was stored; False if there is something of it by now, or in the archive, or there are no events.
        """
