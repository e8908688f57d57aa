"""Which usage events are stored: new ones, once; corrections, beside what they correct."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monthclose.domain.usage import EventKey, UsageEvent

CONFLICT = "event_id is stored already with other content; a correction needs an id of its own and the field replaces"
NOT_THERE = "the event that it replaces is not stored in its month"
REPLACED_ALREADY = "the event that it replaces has been replaced already; replace the newer one"


class Shelf:
    """Decides on some events in order, knowing which of their keys are stored already.

    Parameters
    ----------
    stored : mapping
        The stored events among the keys that `keys_of` names.
    now : datetime
        When the events are received.
    """

    def __init__(self, stored: Mapping[EventKey, UsageEvent], now: datetime) -> None:
        self._known = dict(stored)
        self._now = now
        self.to_write: dict[EventKey, UsageEvent] = {}
        """What must be stored now."""

    def take(self, event: UsageEvent) -> str:
        """Take an event; one that is stored already is taken and not written. Returns the reason if it can't be."""
        known = self._known.get(event.key)
        if known:
            return "" if known.says_the_same(event) else CONFLICT
        if event.replaces:
            old = self._known.get(event.key._replace(event_id=event.replaces))
            if old is None:
                return NOT_THERE
            if old.replaced_by:
                return REPLACED_ALREADY
            self._put(replace(old, replaced_by=event.event_id, replaced_at=self._now))
        self._put(replace(event, received_at=self._now))
        return ""

    def _put(self, event: UsageEvent) -> None:
        self._known[event.key] = self.to_write[event.key] = event


def keys_of(events: Iterable[UsageEvent]) -> set[EventKey]:
    """The keys that a decision on events needs to know of: their own, and those of what they replace."""
    keys = set()
    for event in events:
        keys.add(event.key)
        if event.replaces:
            keys.add(event.key._replace(event_id=event.replaces))
    return keys
