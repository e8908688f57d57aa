"""Which usage events are stored: new ones, once; corrections, beside what they correct."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monthclose.domain.usage import EventKey, UsageEvent

CONFLICT = (
    "event_id is already stored with different content; a correction needs its own event_id and the field replaces"
)
NOT_THERE = "the event that it replaces is not stored for its month"
REPLACED_ALREADY = "the event that it replaces has already been replaced; replace the newer one"


class UsageAcceptance:
    """Decides on some events in order, knowing which of their keys are stored already.

    Parameters
    ----------
    stored : mapping
        The stored events among the keys that `keys_of` names, and what has replaced them.
    now : datetime
        When the events are received.
    """

    def __init__(self, stored: Mapping[EventKey, UsageEvent], now: datetime) -> None:
        self._known = dict(stored)
        self._now = now
        self.to_write: dict[EventKey, UsageEvent] = {}
        """What must be stored now."""
        self.came: list[UsageEvent] = []
        """What of it is new: one for each row that says something new. The others are stored, with a mark now."""

    def accept(self, event: UsageEvent, *, id_from_position: bool = False) -> str:
        """Accept an event, and return why not if it cannot be. One that is stored already is accepted, and not written.

        Parameters
        ----------
        id_from_position : bool
            Its id is its position in a file: other content there is a corrected file, whose rows replace the former.
        """
        key = event.key
        known = self._known.get(key)
        if known and id_from_position:
            return self._correct(event, known)
        if known and not known.says_the_same(event):
            return CONFLICT
        if event.replaces:
            old = self._known.get(key._replace(event_id=event.replaces))
            if old is None:
                return NOT_THERE
            if old.replaced_by not in ("", event.event_id):  # its own: an import broke off between the two
                return REPLACED_ALREADY
            if not old.replaced_by:
                self._put(replace(old, replaced_by=event.event_id, replaced_at=self._now))
        if not known:
            self._put(replace(event, received_at=self._now))
            self.came.append(event)
        return ""

    def _correct(self, event: UsageEvent, latest: UsageEvent) -> str:
        revision = 1
        while following := self._known.get(latest.key._replace(event_id=latest.replaced_by)):
            latest, revision = following, revision + 1
        if replace(latest, replaces=event.replaces).says_the_same(event) and not latest.replaced_by:
            return ""
        return self.accept(replace(event, event_id=f"{event.event_id}~{revision}", replaces=latest.event_id))

    def _put(self, event: UsageEvent) -> None:
        self._known[event.key] = self.to_write[event.key] = event


def keys_of(events: Iterable[UsageEvent]) -> set[EventKey]:
    """The keys that a decision on events needs to know of: their own, and those of what they replace."""
    keys = set()
    for event in events:
        key = event.key
        keys.add(key)
        if event.replaces:
            keys.add(key._replace(event_id=event.replaces))
    return keys


def successors_of(stored: Mapping[EventKey, UsageEvent]) -> set[EventKey]:
    """The keys of what has replaced stored events, as far as it isn't among them."""
    later = {event.key._replace(event_id=event.replaced_by) for event in stored.values() if event.replaced_by}
    return later - stored.keys()
