"""What a change of a month writes, and on which conditions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monthclose.adapters.dynamo.usage.ids import PackIds
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.packs import MonthState, Tail, bare_item, item_of, new_generation
from monthclose.adapters.dynamo.usage.writing import PackWrite
from monthclose.domain.usage import UsageChange, UsageEvent
from monthclose.domain.usage_pack import packed, repacked, unpacked

_MOST_WRITES = 80
"""Most packs of a transaction, which may have 100 actions."""
_MOST_BYTES = 3_000_000
"""Largest packs of a transaction together, which may have 4 MB."""


@dataclass(slots=True)
class PlannedChange:
    """The writes of a change, and what is known of the month after them.

    Parameters
    ----------
    after : MonthState
        The state that the month has then.
    came : dict
        The ids of the packs that events are added to, by number.
    revived : bool
        The first pack takes the place of one that has expired.
    """

    after: MonthState
    writes: list[PackWrite] = field(default_factory=list)
    came: dict[int, Collection[str]] = field(default_factory=dict)
    revived: bool = False

    @property
    def alone(self) -> bool:
        """Whether one statement does it."""
        return len(self.writes) == 1 and not self.revived

    @property
    def too_large(self) -> bool:
        """Whether a transaction cannot have it all."""
        size = sum(len(write.item.body) for write in self.writes if not write.only_revision)
        return len(self.writes) > 1 and (len(self.writes) > _MOST_WRITES or size > _MOST_BYTES)

    def done(self) -> MonthState:
        """Note the ids that were added, and return the state."""
        for number, ids in self.came.items():
            if self.after.ids:
                self.after.ids.add(ids, number)
        return self.after


def planned(
    state: MonthState, added: Sequence[UsageEvent], replaced: Sequence[UsageEvent], packs: Mapping[int, UsagePackItem]
) -> PlannedChange:
    """Plan a change.

    Parameters
    ----------
    packs : mapping
        Those that have the replaced events, by number.
    """
    plan = PlannedChange(state)
    now = {event.event_id: event for event in replaced}
    tail, marked = state.tail, False
    for number, item in packs.items():
        if tail and number == tail.number and not tail.full:
            marked = True
        else:
            _rewrite(plan, number, item, now)
    if added or marked:
        _append(plan, added, now)
    elif plan.writes and plan.after.version == state.version:
        plan.writes.append(
            PackWrite(bare_item(state.month, state.generation, 1), state.head_revision, only_revision=True)
        )
        plan.after = replace(plan.after, head_revision=state.head_revision + 1)
    return plan


def _rewrite(plan: PlannedChange, number: int, item: UsagePackItem, now: Mapping[str, UsageEvent]) -> None:
    """Write a full pack again, with some of its events as they are now. It stays full, however small it gets."""
    state, seen = plan.after, int(item.revision)
    pack = repacked(_as_now(unpacked(state.month.customer_id, item.body), now))
    again = item_of(state.month, state.generation, number, pack, revision=seen + 1, full=True)
    plan.writes.append(PackWrite(again, seen))
    if number == 1:
        plan.after = replace(plan.after, head_revision=seen + 1)
    if state.tail and number == state.tail.number:
        plan.after = replace(plan.after, tail=replace(state.tail, revision=seen + 1))


def _append(plan: PlannedChange, added: Sequence[UsageEvent], now: Mapping[str, UsageEvent]) -> None:
    """Write the last pack again if it has room, and others behind it.

    All but the last are full, whatever their size: a reader goes on behind a full one. So what is behind a pack with
    room is not a part of the month, and all of the change appears at once.
    """
    state, tail = plan.after, plan.after.tail
    first, seen, events = (tail.number + 1 if tail else 1), 0, list(added)
    if tail and not tail.full:
        first, seen = tail.number, tail.revision
        events = [*_as_now(unpacked(state.month.customer_id, tail.body), now), *added]
    elif not tail and state.head_revision:
        seen, plan.revived = state.head_revision, True
        plan.after = state = replace(state, generation=new_generation())
    packs, taken = list(packed(events)), 0
    for number, pack in enumerate(packs, first):
        full, revision = pack.full or pack is not packs[-1], (seen if number == first else 0) + 1
        item = item_of(state.month, state.generation, number, pack, revision=revision, full=full)
        plan.writes.append(PackWrite(item, revision - 1))
        plan.came[number] = [event.event_id for event in events[taken : taken + pack.events]]
        taken += pack.events
        plan.after = replace(plan.after, tail=Tail(number, revision, full, b"" if full else pack.body))
        if number == 1:
            plan.after = replace(plan.after, head_revision=revision)
    if not state.ids and first == 1 and plan.after.tail and plan.after.tail.full:
        plan.after = replace(plan.after, ids=PackIds())  # all of the month's ids are in `came`


def _as_now(events: Iterable[UsageEvent], now: Mapping[str, UsageEvent]) -> list[UsageEvent]:
    return [now.get(event.event_id, event) for event in events]


def halves(change: UsageChange) -> tuple[UsageChange, UsageChange]:
    """Cut a change in two, each whole in itself: what an added event replaces goes with it."""
    if len(change.added) > 1:
        middle = len(change.added) // 2
        later = {event.event_id for event in change.added[middle:]}
        with_later = [event for event in change.replaced if event.replaced_by in later]
        others = [event for event in change.replaced if event.replaced_by not in later]
        return (
            replace(change, added=change.added[:middle], replaced=others),
            replace(change, added=change.added[middle:], replaced=with_later),
        )
    middle = len(change.replaced) // 2
    return (
        replace(change, added=(), replaced=change.replaced[:middle]),
        replace(change, replaced=change.replaced[middle:]),
    )
