"""Move whole months: into packs from an earlier store, and out of them once they are archived."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import batched, chain
from typing import cast

from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.packs import MonthState, Tail, bare_item, item_of, new_generation
from monthclose.adapters.dynamo.usage.reading import PackReader
from monthclose.adapters.dynamo.usage.writing import PackWrite, PackWriter
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.domain.usage_pack import EventPack, packed

_EVENTS_AT_ONCE = 2_000
"""Events that are in memory at once, and the most of a pack: marking one writes its whole pack again."""
_PACKS_AT_ONCE = 25


class PackMover:
    """Moves months."""

    def __init__(self, writer: PackWriter, reader: PackReader) -> None:
        self._writer, self._reader = writer, reader

    def adopt(self, month: UsageMonth, events: Iterable[UsageEvent]) -> MonthState | None:
        """Store a month that has no packs; None, and nothing can be seen of it, if it has some by now.

        Its first pack is written last, and only then are the others a part of the month. They have keys of their own,
        so that two who move the same month don't get in each other's way, and one who broke off leaves no trace in it.
        """
        head = self._reader.months({month: ()}, consistent=True)[month].state
        if head.tail:
            return None
        generation, number, first, tail = new_generation(), 0, None, None
        items = list[UsagePackItem]()
        for number, (pack, last) in enumerate(_with_last(_packs(events)), 1):
            full, revision = pack.full or not last, head.head_revision + 1 if number == 1 else 1
            item = item_of(month, generation, number, pack, revision=revision, full=full)
            tail = Tail(number, revision, full, b"" if full else pack.body)
            if number == 1:
                first = item
            else:
                items.append(item)
            if len(items) == _PACKS_AT_ONCE or (last and items):
                self._writer.unseen(items)
                items.clear()
        if not first or not self._write_head(PackWrite(first, head.head_revision)):
            self._writer.remove(bare_item(month, generation, each) for each in range(2, number + 1))
            return None
        return MonthState(month, generation, head.head_revision + 1, tail)

    def expire(self, month: UsageMonth, seen: str, at: datetime) -> bool:
        """Let a month go that is stored elsewhere, unless it has changed since `seen`; DynamoDB removes it after `at`.

        From then on it is not here any more. Whoever is reading it reads it to its end until then. Whoever has decided
        on it before can't add to it: the last pack has changed, or what would be its successor is there.
        """
        state, expiration = self._reader.months({month: ()}, consistent=True)[month].state, int(at.timestamp())
        if not state.tail:
            if state.head_revision:  # it broke off in between
                self._expire_rest(state, expiration)
            return bool(state.head_revision)
        if state.version != seen:
            return False
        head, tail = bare_item(month, state.generation, 1), state.tail
        writes = [PackWrite(head, state.head_revision, expiration=expiration)]
        if tail.number > 1:
            last = bare_item(month, state.generation, tail.number)
            writes.append(PackWrite(last, tail.revision, expiration=expiration))
        if tail.full:
            end = item_of(month, state.generation, tail.number + 1, EventPack(b"", 0), revision=1, full=False)
            end.expiration = expiration
            writes.append(PackWrite(end, 0))
        if not (self._writer.together(writes) if len(writes) > 1 else self._writer.alone(writes[0])):
            return False
        self._expire_rest(state, expiration)
        return True

    def _expire_rest(self, state: MonthState, expiration: int) -> None:
        for items in batched(self._reader.lasting(state), _PACKS_AT_ONCE, strict=False):
            self._writer.expiring(items, expiration)

    def _write_head(self, write: PackWrite) -> bool:
        return self._writer.together([write]) if write.seen else self._writer.each([write])[0]


def _packs(events: Iterable[UsageEvent]) -> Iterator[EventPack]:
    return chain.from_iterable(packed(some) for some in batched(events, _EVENTS_AT_ONCE, strict=False))


def _with_last[T](items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Go through items, saying of each whether it is the last."""
    missing = object()
    iterator = iter(items)
    item: T | object = next(iterator, missing)
    while item is not missing:
        following: T | object = next(iterator, missing)
        yield cast("T", item), following is missing
        item = following
