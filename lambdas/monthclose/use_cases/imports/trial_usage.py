"""Usage as an import would leave it, for a check of a file."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from monthclose.domain.period import Period
from monthclose.domain.usage import EventKey, StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import UsageStore

_MOST_KEPT = 100_000
"""Events of the file that are remembered, the latest ones: bounds the memory.

An id that comes twice in a file, with more rows than that in between, is counted as new twice."""


class TrialUsage:
    """`UsageStore` that keeps in memory what is to be stored."""

    def __init__(self, stored: UsageStore) -> None:
        self._stored = stored
        self._kept: dict[EventKey, UsageEvent] = {}

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage as it is stored."""
        return self._stored.events(customer_id, period)

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        """Look events up, those of this check first."""
        found = self._stored.look_up(wanted, consistent=consistent)
        answers = {}
        for month, names in wanted.items():
            keys = {name: EventKey(*month, name) for name in names}
            kept = {name: self._kept[key] for name, key in keys.items() if key in self._kept}
            answers[month] = StoredUsage({**found[month].events, **kept}, found[month].version)
        return answers

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        """Keep events, and forget the oldest ones if they are too many."""
        for change in changes:
            self._kept.update((event.key, event) for event in (*change.replaced, *change.added))
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return []
