"""Usage, prices and taxes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.tax.reading import new_tax_table
from monthclose.domain.tax.tax_table import NoTaxTable, TaxTable
from monthclose.domain.usage import EventKey, UsageEvent
from monthclose.ports import (
    Taxes,
)


class FakeUsageStore:
    """`UsageStore` in memory."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, Period], dict[str, UsageEvent]] = defaultdict(dict)

    def put(self, events: Iterable[UsageEvent]) -> None:
        for event in events:
            self._events[event.customer_id, event.period][event.event_id] = event

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        found = {key: self._events[key.customer_id, key.period].get(key.event_id) for key in keys}
        return {key: event for key, event in found.items() if event}

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        month = self._events[customer_id, period]
        yield from (month[name] for name in sorted(month))


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
