"""The usage store: packs, and what earlier stores have of months that are not in packs yet."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched

from pynamodb.connection import Connection

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.usage.changes import PlannedChange, halves, planned
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.moving import PackMover
from monthclose.adapters.dynamo.usage.packs import EARLIER, NOTHING, MonthState
from monthclose.adapters.dynamo.usage.reading import PackReader, Reading
from monthclose.adapters.dynamo.usage.remembered import RememberedStates
from monthclose.adapters.dynamo.usage.writing import PackWriter
from monthclose.domain.period import Period
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.domain.usage_pack import unpacked
from monthclose.errors import TryLaterError, UserMistakeError
from monthclose.ports.usage import EarlierUsage

_MONTHS_AT_ONCE = 100
_AT_ONCE = 8
"""Months that are looked up in earlier stores at once."""


@dataclass(frozen=True, slots=True)
class PackedMonth:
    """`PackedMonth` in DynamoDB; a large month is read when its events are asked for."""

    month: UsageMonth
    seen: str
    bodies: Iterator[bytes]

    def events(self) -> Iterator[UsageEvent]:
        """Stream them, a pack at a time."""
        for body in self.bodies:
            yield from unpacked(self.month.customer_id, body)


class DynamoUsageStore:
    """`UsageStore` and `LeavingUsage` in DynamoDB.

    Parameters
    ----------
    earlier : sequence of EarlierUsage
        Where a month may be that is not in packs; it is moved before it is changed. If several have it, the first one
        counts. The last is the one that `adopt` takes months from.
    """

    def __init__(self, connection: Connection, batches: Batches, earlier: Sequence[EarlierUsage] = ()) -> None:
        if not UsagePackItem.Meta.table_name:
            raise UserMistakeError(
                "this deployment does not store usage in packs yet\nrun `cdk deploy --all` from this release"
            )
        self._reader, self._writer = PackReader(batches), PackWriter(connection, batches)
        self._mover, self._earlier = PackMover(self._writer, self._reader), earlier
        self._remembered = RememberedStates()

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a month, a pack at a time; from an earlier store, if it is there.

        Raises
        ------
        TryLaterError
            The month was moved while it was read.
        """
        month = UsageMonth(customer_id, period)
        bodies = self._reader.bodies(month)
        if bodies.stream is not None:
            for body in bodies.stream:
                yield from unpacked(customer_id, body)
            return
        yield from self._earlier_events(month, surely=bodies.gone)
        if self._may_be_earlier(month) and self._reader.bodies(month).stream is not None:
            raise TryLaterError("the usage was moved while it was read")

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        """Read the months' first packs together, and look further only where there are others."""
        readings = self._read(wanted, consistent=consistent)
        absent = {month: wanted[month] for month, each in readings.items() if not each.state.tail}
        gone = {month for month in absent if readings[month].state.head_revision}
        asked = {month: names for month, names in absent.items() if month in gone or self._may_be_earlier(month)}
        earlier = self._look_up_earlier(asked)
        if consistent and earlier:  # some may have been moved, and removed there, in the meantime
            again = self._read({month: wanted[month] for month in earlier}, consistent=True)
            readings |= {month: each for month, each in again.items() if each.state.tail}
        answers = {month: StoredUsage(each.found, each.state.version) for month, each in readings.items()}
        return answers | {month: each for month, each in earlier.items() if not readings[month].state.tail}

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        """Store changes: those that one statement does in batches, the others in a transaction each."""
        some = [change for change in changes if change.added or change.replaced]
        plans = self._plans(some)
        lost = [change.month for change in some if change.month not in plans]
        alone = {month: plan for month, plan in plans.items() if plan.alone}
        written = self._writer.each([plan.writes[0] for plan in alone.values()])
        for (month, plan), is_written in zip(alone.items(), written, strict=True):
            if is_written:
                self._remembered.put(plan.done())
            else:
                lost.append(month)
        together = (change for change in some if change.month in plans.keys() - alone.keys())
        lost += [change.month for change in together if not self._store_together(change, plans[change.month])]
        for month in lost:
            self._remembered.forget(month)
        return lost

    def _store_together(self, change: UsageChange, plan: PlannedChange) -> MonthState | None:
        """Store a change in a transaction, or in several if it is too large for one; None if somebody was faster.

        Then a part of a change may be stored that is too large for one.
        """
        if not plan.too_large:
            if not self._writer.together(plan.writes):
                return None
            after = plan.done()
            self._remembered.put(after)
            return after
        state: MonthState | None = None
        for part in halves(change):
            now = replace(part, seen=state.version) if state else part
            again = self._plans([now]).get(now.month)
            state = self._store_together(now, again) if again else None
            if not state:
                return None
        return state

    def _plans(self, changes: Collection[UsageChange]) -> dict[UsageMonth, PlannedChange]:
        """Plan changes; those of months that aren't any more as they were seen have no plan."""
        plans, seen = dict[UsageMonth, PlannedChange](), dict[UsageMonth, str]()
        self._note_returns(changes)
        for change in changes:
            state = self._remembered.get(change.month)
            if state and state.version == change.seen and not change.replaced:
                plans[change.month] = planned(state, change.added, (), {})
            elif change.seen == EARLIER:
                moved = self._mover.adopt(change.month, self._earlier_events(change.month, surely=True))
                seen |= {change.month: moved.version} if moved else {}
            else:
                seen[change.month] = change.seen
        left = [change for change in changes if change.month in seen]
        wanted = {change.month: {event.event_id for event in change.replaced} for change in left}
        readings = self._read(wanted, consistent=True)
        for change in left:
            reading = readings[change.month]
            if reading.state.version == seen[change.month] and _may_replace(reading, change.replaced):
                packs = self._reader.numbered(reading.state, set(reading.places.values()))
                plans[change.month] = planned(reading.state, change.added, change.replaced, packs)
        return plans

    def _note_returns(self, changes: Iterable[UsageChange]) -> None:
        """Note, before they are written, the periods whose usage comes for the first time or again; once each."""
        periods = {change.month.period: None for change in changes if change.seen in (NOTHING, EARLIER)}
        for period in periods:
            self._note_return(period)

    def _note_return(self, period: Period) -> None:
        for store in self._earlier:
            store.comes_back(period)

    def _read(self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool) -> dict[UsageMonth, Reading]:
        """Read months; a large one that was read before only as far as it has grown, or has what is wanted."""
        found = dict[UsageMonth, Reading]()
        for month, names in wanted.items():
            state = self._remembered.get(month)
            if state and state.ids and consistent:
                state = self._reader.brought_up_to_date(state)
            if state and state.ids:
                found[month] = self._reader.known(state, names)
        rest = {month: names for month, names in wanted.items() if month not in found}
        found |= self._reader.months(rest, consistent=consistent) if rest else {}
        for reading in found.values():
            self._remembered.put(reading.state)
        return found

    def _earlier_events(self, month: UsageMonth, *, surely: bool = False) -> Iterator[UsageEvent]:
        """Stream a month from the first of the earlier stores that has it.

        Parameters
        ----------
        surely : bool
            One of them has it: each is asked, whatever it remembers of its months.
        """
        for store in self._earlier:
            events = store.events(*month) if surely or store.may_have(month.period) else iter(())
            first = next(events, None)
            if first:
                yield first
                yield from events
                return

    def _may_be_earlier(self, month: UsageMonth) -> bool:
        return any(store.may_have(month.period) for store in self._earlier)

    def _look_up_earlier(self, wanted: Mapping[UsageMonth, Collection[str]]) -> dict[UsageMonth, StoredUsage]:
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
            return dict(zip(wanted, pool.map(self._look_up_one_earlier, wanted.items()), strict=True))

    def _look_up_one_earlier(self, asked: tuple[UsageMonth, Collection[str]]) -> StoredUsage:
        month, names = asked
        version, found = NOTHING, dict[str, UsageEvent]()
        for event in self._earlier_events(month, surely=True):
            version = EARLIER
            if event.event_id in names:
                found[event.event_id] = event
        return StoredUsage(found, version)

    def packed(self, months: Iterable[UsageMonth]) -> Iterator[PackedMonth]:
        """Find months that are in packs: the first packs of a hundred are read together, and are all of most.

        Raises
        ------
        TryLaterError
            A large month has left the packs since its first one was read.
        """
        for some in batched(months, _MONTHS_AT_ONCE, strict=False):
            # An old answer would do harm: what an earlier run let go would count as being here, as it was before.
            for month, reading in self._reader.months(dict.fromkeys(some, ()), consistent=True).items():
                if reading.state.tail:
                    yield PackedMonth(month, reading.state.version, self._bodies(reading.state))

    def _bodies(self, state: MonthState) -> Iterator[bytes]:
        if state.tail and state.tail.number == 1 and not state.tail.full:
            return iter((state.tail.body,))
        stream = self._reader.bodies(state.month).stream
        if stream is None:
            raise TryLaterError(f"the usage of {state.month.period} left DynamoDB while it was read")
        return stream

    def adopt(self, month: UsageMonth, events: Iterable[UsageEvent]) -> bool:
        """Store a month of the last earlier store; False if there is something in packs by now, or in another store."""
        knowing_better = self._earlier[:-1]
        if any(store.may_have(month.period) and next(store.events(*month), None) for store in knowing_better):
            return False
        self._note_return(month.period)
        return self._mover.adopt(month, events) is not None

    def expire(self, month: UsageMonth, seen: str, at: datetime) -> bool:
        """Let a month go that is stored elsewhere; False if it has changed since `seen`, the version of a look-up."""
        self._remembered.forget(month)
        return self._mover.expire(month, seen, at)


def _may_replace(reading: Reading, replaced: Iterable[UsageEvent]) -> bool:
    """Whether events are there to be replaced, and nothing else has replaced them."""
    stored = ((reading.found.get(event.event_id), event) for event in replaced)
    return all(old is not None and old.replaced_by in ("", event.replaced_by) for old, event in stored)
