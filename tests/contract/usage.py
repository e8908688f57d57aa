"""Usage for tests of its stores, which may be those of several processes."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monthclose.adapters.dynamo.usage.earlier_items import UsageItems
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.bootstrap import Runtime
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import EarlierUsage, UsageStore
from tests.contract.records import NOON
from tests.requests_of import in_front_of
from tests.usage import store_usage
from tests.world import OCTOBER

MONTH = UsageMonth("acme", OCTOBER)


def event(number: int, customer: str = "acme", **changes: object) -> UsageEvent:
    time = OCTOBER.start + timedelta(seconds=number % 2_600_000)
    machine = uuid.uuid5(uuid.NAMESPACE_URL, str(number)).hex  # so that fifty events are more than a pack has room for
    usual = UsageEvent(f"e{number:05}", customer, f"sku-{number % 3}", Decimal(number) / 8, time, resource=machine)
    return replace(usual, **{"received_at": NOON, **changes})  # type: ignore[arg-type]


def seen(usage: UsageStore, names: Iterable[str] = (), month: UsageMonth = MONTH) -> StoredUsage:
    return usage.look_up({month: list(names)}, consistent=True)[month]


def stored(usage: UsageStore, month: UsageMonth = MONTH) -> list[UsageEvent]:
    return sorted(usage.events(*month), key=lambda found: found.event_id)


def correction(of: UsageEvent, name: str) -> tuple[UsageEvent, UsageEvent]:
    """Make an event that replaces another, and the other as it is then."""
    return (
        replace(of, event_id=name, quantity=of.quantity + 1, replaces=of.event_id),
        replace(of, replaced_by=name, replaced_at=NOON),
    )


def filled(usage: UsageStore, count: int, at_once: int = 40) -> list[UsageEvent]:
    """Store events as several imports do, so that they are not in one place."""
    events = [event(number) for number in range(count)]
    for first in range(0, count, at_once):
        store_usage(usage, events[first : first + at_once])
    return events


def another(aws: Runtime, *earlier: EarlierUsage) -> DynamoUsageStore:
    """Make the store of another process."""
    return DynamoUsageStore(aws._connection, aws._batches, [*earlier, UsageItems(aws._batches)])


def packs(generation: str | None = None) -> list[UsagePackItem]:
    return [item for item in UsagePackItem.scan() if generation is None or item.generation == generation]


def change(usage: DynamoUsageStore, added: Sequence[UsageEvent], replaced: Sequence[UsageEvent] = ()) -> UsageChange:
    return UsageChange(MONTH, seen(usage, [each.event_id for each in (*added, *replaced)]).version, added, replaced)


def tell(told: list[Any], do: Callable[..., Any], *arguments: Any) -> None:
    told.append(do(*arguments))


class Between:
    """Does something before a request, once."""

    def __init__(self, at: int, do: Callable[[], object]) -> None:
        self._at, self._do, self._count = at, do, 0

    def of(self, aws: Runtime) -> AbstractContextManager[None]:
        return in_front_of(aws._connection.client, self._before)

    def _before(self, **_: object) -> None:
        self._count += 1
        if self._count - 1 == self._at:
            self._do()
