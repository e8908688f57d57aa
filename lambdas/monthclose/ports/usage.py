"""The store of usage."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from monthclose.domain.period import Period
from monthclose.domain.usage import EventKey, UsageEvent


class UsageStore(Protocol):
    """Usage events, by customer and period."""

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Store events; one whose key is already there is overwritten."""

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        """Look events up; those that aren't stored are left out. Strongly consistent."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage of one period, in constant memory; replaced events, too."""
