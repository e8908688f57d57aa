"""Which usage events are stored: new ones, once; corrections, beside what they correct."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monthclose.domain.usage import UsageEvent

CONFLICT = (
    "event_id is already stored with different content; a correction needs its own event_id and the field replaces"
)
NOT_THERE = "the event that it replaces is not stored for its month"
REPLACED_ALREADY = "the event that it replaces has already been replaced; replace the newer one"


class UsageAcceptance:
    """Decides on some events of a customer's month in order, knowing which of their ids are stored already.

    Parameters
    ----------
    stored : mapping
        The stored events among the ids that `ids_of` names, by their ids, and what has replaced them.
    now : datetime
        When the events are received.
    """

    def __init__(self, stored: Mapping[str, UsageEvent], now: datetime) -> None:
        self._stored, self._now = stored, now
        self._known = dict(stored)
        self._written: dict[str, UsageEvent] = {}
        self.came: list[UsageEvent] = []
        """What is new: one for each row that says something new. The others are stored, with a mark now."""

    @property
    def added(self) -> list[UsageEvent]:
        """What must be stored and is not yet."""
        return [event for name, event in self._written.items() if name not in self._stored]

    def not_among(self, ids: Collection[str]) -> set[str]:
        """The ids of what must be stored that nobody has looked up: corrections of a row, named here."""
        return {name for name in self._written if name not in self._stored and name not in ids}

    @property
    def replaced(self) -> list[UsageEvent]:
        """Stored events that are replaced now, with the mark that says so."""
        return [event for name, event in self._written.items() if name in self._stored]

    def accept(self, event: UsageEvent, *, id_from_position: bool = False) -> str:
        """Accept an event, and return why not if it cannot be. One that is stored already is accepted, and not written.

        Parameters
        ----------
        id_from_position : bool
            Its id is its position in a file: other content there is a corrected file, whose rows replace the former.
        """
        known = self._known.get(event.event_id)
        if known and id_from_position:
            return self._correct(event, known)
        if known and not known.says_the_same(event):
            return CONFLICT
        if event.replaces:
            old = self._known.get(event.replaces)
            if old is None:
                return NOT_THERE
            if old.replaced_by not in ("", event.event_id):  # its own: an import broke off between the two
                return REPLACED_ALREADY
            if not old.replaced_by:
                self._put(replace(old, replaced_by=event.event_id, replaced_at=self._now))
        if not known:
            self._put(event if event.received_at == self._now else replace(event, received_at=self._now))
            self.came.append(event)
        return ""

    def _correct(self, event: UsageEvent, latest: UsageEvent) -> str:
        revision = 1
        while following := self._following(latest, f"{event.event_id}~{revision}"):
            latest, revision = following, revision + 1
        if replace(latest, replaces=event.replaces).says_the_same(event) and not latest.replaced_by:
            return ""
        return self.accept(replace(event, event_id=f"{event.event_id}~{revision}", replaces=latest.event_id))

    def _following(self, event: UsageEvent, name: str) -> UsageEvent | None:
        """Find what has replaced an event; a correction with its name is one, too, whose mark was never written."""
        following = self._known.get(event.replaced_by or name)
        if following and not event.replaced_by:
            if following.replaces != event.event_id:
                return None
            self._put(replace(event, replaced_by=name, replaced_at=self._now))
        return following

    def _put(self, event: UsageEvent) -> None:
        self._known[event.event_id] = self._written[event.event_id] = event


def ids_of(events: Iterable[UsageEvent]) -> set[str]:
    """The ids that a decision on events of a month needs to know of: their own, and those of what they replace."""
    ids = set()
    for event in events:
        ids.add(event.event_id)
        if event.replaces:
            ids.add(event.replaces)
    return ids


def successors_of(stored: Mapping[str, UsageEvent]) -> set[str]:
    """The ids of what has replaced stored events of a month, as far as it isn't among them."""
    return {event.replaced_by for event in stored.values() if event.replaced_by} - stored.keys()
