"""Usage as releases before packs have stored it, an item for each event."""

import json
from collections.abc import Iterable

from monthclose.adapters.dynamo.usage.models import UsageItem
from monthclose.domain.usage import UsageEvent


def store_as_items(events: Iterable[UsageEvent]) -> None:
    """Store events."""
    with UsageItem.batch_write() as batch:
        for event in events:
            batch.save(_item(event))


def _item(event: UsageEvent) -> UsageItem:
    return UsageItem(
        f"{event.period}#{event.customer_id}",
        event.event_id,
        sku=event.sku,
        quantity=str(event.quantity),
        time=event.time,
        unit_price=None if event.unit_price is None else str(event.unit_price),
        description=event.description or None,
        resource=event.resource or None,
        replaces=event.replaces or None,
        received_at=event.received_at.isoformat() if event.received_at else None,
        replaced_by=event.replaced_by or None,
        replaced_at=event.replaced_at.isoformat() if event.replaced_at else None,
        attributes=json.dumps(dict(event.attributes), ensure_ascii=False) if event.attributes else None,
        returned_at=event.returned_at.isoformat() if event.returned_at else None,
    )
