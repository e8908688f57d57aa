"""Usage events, in the usage table."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import batched

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import UsageItem
from monthclose.domain.period import Period
from monthclose.domain.usage import EventKey, StoredUsage, UsageChange, UsageEvent, UsageMonth

_EVENTS_AT_ONCE = 2000
"""Events that are in memory at once, as items."""


class DynamoUsageStore:
    """`UsageStore` on DynamoDB."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Write in batches, several at a time; the same event twice in a group is one item."""
        for group in batched(events, _EVENTS_AT_ONCE, strict=False):
            unique = {event.key: event for event in group}
            self._batches.write(UsageItem, map(_item, unique.values()))

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        """Read in batches, several at a time."""
        wanted = {(_pk(key.customer_id, key.period), key.event_id): key for key in keys}
        items = self._batches.read(UsageItem, wanted, consistent=True)
        found = [(wanted[item.pk, item.event_id], item) for item in items]
        return {key: _event(item, key.customer_id) for key, item in found}

    def look_up(
        self,
        wanted: Mapping[UsageMonth, Collection[str]],
        *,
        consistent: bool = False,  # noqa: ARG002 - it always is
    ) -> dict[UsageMonth, StoredUsage]:
        """Read in batches, several at a time."""
        found = self.stored(EventKey(*month, name) for month, names in wanted.items() for name in names)
        by_month: dict[UsageMonth, dict[str, UsageEvent]] = {month: {} for month in wanted}
        for key, event in found.items():
            by_month[key.month][key.event_id] = event
        return {month: StoredUsage(events, "") for month, events in by_month.items()}

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        """Write in batches, several at a time."""
        self.put(event for change in changes for event in (*change.replaced, *change.added))
        return []

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a month; PynamoDB holds one page (1 MB) at a time."""
        with translated():
            for item in UsageItem.query(_pk(customer_id, period), consistent_read=True):
                yield _event(item, customer_id)


def _pk(customer_id: str, period: Period) -> str:
    return f"{period}#{customer_id}"


def _event(item: UsageItem, customer_id: str) -> UsageEvent:
    return UsageEvent(
        event_id=item.event_id,
        customer_id=customer_id,
        sku=item.sku,
        quantity=Decimal(item.quantity),
        time=item.time,
        unit_price=None if item.unit_price is None else Decimal(item.unit_price),
        description=item.description or "",
        resource=item.resource or "",
        replaces=item.replaces or "",
        received_at=_time(item.received_at),
        replaced_by=item.replaced_by or "",
        replaced_at=_time(item.replaced_at),
        attributes=tuple(sorted(json.loads(item.attributes).items())) if item.attributes else (),
        returned_at=_time(item.returned_at),
    )


def _item(event: UsageEvent) -> UsageItem:
    return UsageItem(
        _pk(event.customer_id, event.period),
        event.event_id,
        sku=event.sku,
        quantity=str(event.quantity),
        time=event.time,
        unit_price=None if event.unit_price is None else str(event.unit_price),
        description=event.description or None,
        resource=event.resource or None,
        replaces=event.replaces or None,
        received_at=_text(event.received_at),
        replaced_by=event.replaced_by or None,
        replaced_at=_text(event.replaced_at),
        attributes=json.dumps(dict(event.attributes), ensure_ascii=False) if event.attributes else None,
        returned_at=_text(event.returned_at),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
