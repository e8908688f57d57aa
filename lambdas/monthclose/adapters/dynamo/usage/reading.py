"""Read packs: months to decide on, and a month's events in constant memory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import batched, chain
from typing import NamedTuple

from pynamodb.expressions.condition import Condition

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.usage.ids import PackIds
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.packs import HEAD, LAST_PLAIN, MonthState, Tail, partition, sort_key
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.domain.usage_pack import event_ids, unpacked
from monthclose.errors import TryLaterError

_AT_ONCE = 8
"""Months of several packs that are read at once."""
_MONTHS_AT_ONCE = 400
"""Months whose first packs are in memory at once."""
_PACKS_AT_ONCE = 20
"""Packs that are in memory at once when events are looked up in them."""
_MOST_IDS_BYTES = 40_000_000
"""Largest table of a month's ids: of some 3,000,000 events. Above, each look-up reads the whole month."""


@dataclass(slots=True)
class Reading:
    """A month as it was read.

    Parameters
    ----------
    found : dict
        Those of the events asked for that are there, by their ids.
    places : dict
        The numbers of the packs that they are in.
    """

    state: MonthState
    found: dict[str, UsageEvent] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def take(self, number: int, body: bytes, wanted: Collection[str]) -> None:
        """Take from a pack what is wanted."""
        for event in unpacked(self.state.month.customer_id, body):
            if event.event_id in wanted:
                self.found[event.event_id], self.places[event.event_id] = event, number


class Bodies(NamedTuple):
    """The bodies of a month's packs.

    Parameters
    ----------
    stream : iterator of bytes or None
        None: there are none.
    gone : bool
        Whether there were some, and the month is in the archive now.
    """

    stream: Iterator[bytes] | None
    gone: bool = False


class PackReader:
    """Reads packs."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def months(self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool) -> dict[UsageMonth, Reading]:
        """Read months: the first packs together, and the others of those months that have more than one."""
        found = dict[UsageMonth, Reading]()
        for some in batched(wanted.items(), _MONTHS_AT_ONCE, strict=False):
            found |= self._months(dict(some), consistent=consistent)
        return found

    def _months(self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool) -> dict[UsageMonth, Reading]:
        by_key = {(partition(month), HEAD): month for month in wanted}
        found = {month: Reading(MonthState(month)) for month in wanted}
        longer = list[tuple[UsagePackItem, Reading, Collection[str]]]()
        for head in self._batches.read(UsagePackItem, by_key, consistent=consistent):
            month = by_key[head.pk, head.number]
            found[month] = reading = Reading(_state(month, head))
            if reading.state.tail and head.full:
                longer.append((head, reading, wanted[month]))
            elif reading.state.tail:
                _look_into(reading, 1, head, wanted[month])
        if longer:
            with ThreadPoolExecutor(min(_AT_ONCE, len(longer))) as pool:
                list(pool.map(lambda each: self._read_rest(*each, consistent=consistent), longer))
        return found

    def known(self, state: MonthState, wanted: Collection[str]) -> Reading:
        """Look ids up in a month whose ids are known, as it was then."""
        reading, places = Reading(state), dict[int, set[str]]()
        for name in wanted:
            for number in state.ids.find(name) if state.ids else ():
                places.setdefault(number, set()).add(name)
        for numbers in batched(sorted(places), _PACKS_AT_ONCE, strict=False):
            for number, item in self.numbered(state, numbers).items():
                reading.take(number, item.body, places[number])
        return reading

    def brought_up_to_date(self, state: MonthState) -> MonthState | None:
        """Read what was added to a month whose ids are known; None if it isn't in these packs any more."""
        head = self.numbered(state, [1]).get(1)
        if not state.ids or not state.tail or head is None or head.generation != state.generation:
            return None
        now, first = _state(state.month, head), max(state.tail.number, 2)
        if not now.tail:
            return None
        tail = now.tail if state.tail.number == 1 else state.tail
        for number, item in enumerate(self._after(state, first - 1, consistent=True), first):
            tail = _tail(number, item)
            state.ids.add(event_ids(item.body), number)
        return replace(now, tail=tail, ids=state.ids)

    def numbered(self, state: MonthState, numbers: Iterable[int]) -> dict[int, UsagePackItem]:
        """Read some of a month's packs as they are now: an old copy of one could lack events that others rest on."""
        keys = {(partition(state.month), sort_key(state.generation, number)): number for number in numbers}
        return {keys[item.pk, item.number]: item for item in self._batches.read(UsagePackItem, keys, consistent=True)}

    def bodies(self, month: UsageMonth) -> Bodies:
        """Stream the bodies of a month's packs; PynamoDB holds one page (1 MB) at a time.

        The stream ends with a TryLaterError if the month left for the archive before all of it was read.
        """
        with translated():
            items = UsagePackItem.query(partition(month), _from("", 1), consistent_read=True)
            head = next(items, None)
        if head is None or head.number != HEAD:
            return Bodies(None)
        if head.expiration is not None:
            return Bodies(None, gone=True)
        if not head.full:
            return Bodies(iter((head.body,)))
        state = _state(month, head)
        check = partial(self._check_here, state)
        after = self._after(state, 1, consistent=True, check=check) if head.generation else None
        return Bodies(item.body for item in chain((head,), after or _in_order(items, "", 2, check)))

    def _check_here(self, state: MonthState) -> None:
        """Check that a month has not left since its first pack was read."""
        head = self.numbered(state, [1]).get(1)
        if head is None or head.expiration is not None or head.generation != state.generation:
            raise TryLaterError(f"the usage of {state.month.period} was archived while it was read")

    def lasting(self, state: MonthState) -> Iterator[tuple[str, str]]:
        """Find the keys of a month's packs behind the first that do not expire."""
        condition = _from(state.generation, 2)
        keys = ["pk", "number"]
        with translated():
            lasting = UsagePackItem.expiration.does_not_exist()
            found = UsagePackItem.query(
                partition(state.month), condition, lasting, consistent_read=True, attributes_to_get=keys
            )
            for item in found:
                yield item.pk, item.number

    def _read_rest(self, head: UsagePackItem, reading: Reading, wanted: Collection[str], *, consistent: bool) -> None:
        """Read the packs behind a full first one, and note the ids of all."""
        ids: PackIds | None = PackIds()
        tail, number = reading.state.tail, 0
        for number, item in enumerate(chain((head,), self._after(reading.state, 1, consistent=consistent)), 1):
            tail, found = _tail(number, item), _look_into(reading, number, item, wanted)
            if ids:
                ids.add(found, number)
                ids = ids if ids.size <= _MOST_IDS_BYTES else None
        reading.state = replace(reading.state, tail=tail, ids=ids)

    def _after(
        self, state: MonthState, number: int, *, consistent: bool, check: Callable[[], None] = lambda: None
    ) -> Iterator[UsagePackItem]:
        condition = _from(state.generation, number + 1)
        with translated():
            items = UsagePackItem.query(partition(state.month), condition, consistent_read=consistent)
            yield from _in_order(items, state.generation, number + 1, check)


def _in_order(
    items: Iterable[UsagePackItem], generation: str, number: int, check: Callable[[], None]
) -> Iterator[UsagePackItem]:
    """Go through packs as far as they belong to the month: to the first gap, or to the first that has room.

    Parameters
    ----------
    check : callable
        Asked at one that expires: it is left of a former life of the month, or else the month has just left.
    """
    with translated():
        for item in items:
            if item.number != sort_key(generation, number):
                return
            if item.expiration is not None:
                check()
                return
            yield item
            if not item.full:
                return
            number += 1


def _from(generation: str, first: int) -> Condition:
    """Make the condition for a month's packs from a number on."""
    return UsagePackItem.number.between(sort_key(generation, first), f"{generation}{LAST_PLAIN}")


def _state(month: UsageMonth, head: UsagePackItem) -> MonthState:
    tail = _tail(1, head) if head.expiration is None else None
    return MonthState(month, head.generation, int(head.revision), tail)


def _tail(number: int, item: UsagePackItem) -> Tail:
    return Tail(number, int(item.revision), bool(item.full), b"" if item.full else item.body)


def _look_into(reading: Reading, number: int, item: UsagePackItem, wanted: Collection[str]) -> list[str]:
    """Take what is wanted from a pack, and return its ids."""
    ids = event_ids(item.body)
    if not set(wanted).isdisjoint(ids):
        reading.take(number, item.body, wanted)
    return ids
