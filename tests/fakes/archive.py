"""Old usage: files of it, and the table that it leaves."""

import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from monthclose.domain.period import Period
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import EarlierUsage
from monthclose.ports.usage_archive import PackedMonth, WrittenUsage
from tests.fakes.documents import FakeDocuments
from tests.fakes.rating import FakeUsageStore


class FakeUsageFiles:
    """`UsageFiles` among documents in memory."""

    def __init__(self, documents: FakeDocuments) -> None:
        self._documents = documents

    def write(self, key: str, events: Iterable[UsageEvent]) -> WrittenUsage:
        content = pickle.dumps(list(events))
        self._documents.write(key, [content])
        return WrittenUsage(key, len(content))

    def read(self, written: WrittenUsage) -> Iterator[UsageEvent]:
        found: list[UsageEvent] = pickle.loads(self._documents.get(written.key))
        yield from found

    def of_customer(self, written: WrittenUsage, customer_id: str) -> Iterator[UsageEvent]:
        yield from (event for event in self.read(written) if event.customer_id == customer_id)


class FakePackedMonth:
    """`PackedMonth` in memory."""

    def __init__(self, month: UsageMonth, events: list[UsageEvent], version: str) -> None:
        self.month, self._events, self._version = month, events, version
        self._read = False

    def events(self) -> Iterator[UsageEvent]:
        yield from self._events
        self._read = True

    @property
    def seen(self) -> str:
        assert self._read, "all events must have gone by"
        return self._version


class FakeLeavingUsage(FakeUsageStore):
    """`UsageStore` and `LeavingUsage` in memory; what has left is read from the archive."""

    def __init__(self) -> None:
        super().__init__()
        self.earlier: EarlierUsage | None = None
        self.gone: dict[UsageMonth, datetime] = {}

    def packed(self, months: Iterable[UsageMonth]) -> Iterator[PackedMonth]:
        for month in months:
            if self._events.get(month) and month not in self.gone:
                stored = self._events[month]
                events = [stored[name] for name in sorted(stored)]
                yield FakePackedMonth(month, events, str(self._versions[month]))

    def expire(self, month: UsageMonth, seen: str, at: datetime) -> bool:
        if month not in self.gone:
            if seen != str(self._versions[month]):
                return False
            self.gone[month] = at
            self._versions[month] += 1
        return True

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        month = UsageMonth(customer_id, period)
        if self._is_here(month):
            yield from super().events(customer_id, period)
        else:
            yield from self._archived(month)

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        found = super().look_up(wanted, consistent=consistent)
        for month, names in wanted.items():
            if not self._is_here(month):
                events = {event.event_id: event for event in self._archived(month) if event.event_id in names}
                found[month] = StoredUsage(events, found[month].version)
        return found

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        wanted = list(changes)
        self._take_back({change.month for change in wanted})
        return super().store(wanted)

    def put(self, events: Iterable[UsageEvent]) -> None:
        some = list(events)
        self._take_back({event.key.month for event in some})
        super().put(some)

    def _take_back(self, months: Iterable[UsageMonth]) -> None:
        away = [month for month in months if not self._is_here(month)]
        for period in {month.period for month in away}:
            if self.earlier:
                self.earlier.comes_back(period)  # a month without usage so far, too
        for month in away:
            self._events[month] = {event.event_id: event for event in self._archived(month)}
            self.gone.pop(month, None)

    def _is_here(self, month: UsageMonth) -> bool:
        return bool(self._events.get(month)) and month not in self.gone

    def _archived(self, month: UsageMonth) -> Iterator[UsageEvent]:
        if self.earlier and (month in self.gone or self.earlier.may_have(month.period)):
            yield from self.earlier.events(*month)
