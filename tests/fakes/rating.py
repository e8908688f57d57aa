"""Usage, prices and taxes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.tax.reading import new_tax_table
from monthclose.domain.tax.tax_table import NoTaxTable, TaxTable
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import (
    Taxes,
)


class FakeUsageStore:
    """`UsageStore` in memory."""

    def __init__(self) -> None:
        self._events: dict[UsageMonth, dict[str, UsageEvent]] = defaultdict(dict)
        self._versions: Counter[UsageMonth] = Counter()

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Store events for a test, whatever is there."""
        for event in events:
            self._events[event.key.month][event.event_id] = event
            self._versions[event.key.month] += 1

    def look_up(
        self,
        wanted: Mapping[UsageMonth, Collection[str]],
        *,
        consistent: bool = False,
    ) -> dict[UsageMonth, StoredUsage]:
        return {
            month: StoredUsage(
                {name: self._events[month][name] for name in names if name in self._events[month]},
                str(self._versions[month]),
            )
            for month, names in wanted.items()
        }

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        changed = []
        for change in changes:
            if change.seen != str(self._versions[change.month]):
                changed.append(change.month)
                continue
            stored = self._events[change.month]
            assert not any(event.event_id in stored for event in change.added), "an event is stored once"
            assert all(event.event_id in stored for event in change.replaced), "only stored events are replaced"
            stored.update({event.event_id: event for event in (*change.replaced, *change.added)})
            self._versions[change.month] += 1
        return changed

    def adopt(self, month: UsageMonth, events: Iterable[UsageEvent]) -> bool:
        some = list(events)
        if self._events[month] or not some:
            return False
        self.put(some)
        return True

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        month = self._events[UsageMonth(customer_id, period)]
        yield from (month[name] for name in sorted(month))


class FakeUsageItems:
    """`EarlierItems` in memory."""

    def __init__(self, events: Iterable[UsageEvent] = ()) -> None:
        self.kept = list(events)

    def may_have(self, period: Period) -> bool:
        return any(event.period == period for event in self.kept)

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        return (event for event in self.kept if event.key.month == (customer_id, period))

    def months(self) -> Iterator[UsageMonth]:
        return iter(dict.fromkeys(event.key.month for event in self.kept))

    def comes_back(self, period: Period) -> None:
        pass

    def remove(self, month: UsageMonth) -> None:
        self.kept = [event for event in self.kept if event.key.month != month]


class FakePriceBooks:
    """`PriceBooks` in memory."""

    def __init__(self) -> None:
        self._versions = {"": PriceBook()}
        self._latest = ""

    def latest(self) -> str:
        return self._latest

    def get(self, version: str) -> PriceBook:
        return self._versions[version]

    def merge(self, additions: PriceBook) -> PriceBook:
        book = self.get(self._latest).merged(additions)
        self._latest = book.version
        self._versions[book.version] = book
        return book


class FakeTaxTables:
    """`TaxTables` in memory."""

    def __init__(self) -> None:
        self._versions: dict[str, Taxes] = {"": NoTaxTable()}
        self._latest = ""

    def latest(self) -> str:
        return self._latest

    def get(self, version: str) -> Taxes:
        return self._versions[version]

    def put(self, toml: bytes) -> TaxTable:
        table = new_tax_table(toml)
        self._latest = table.version
        self._versions[table.version] = table
        return table
