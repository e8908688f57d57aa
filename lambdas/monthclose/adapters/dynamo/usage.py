"""Usage events, in the usage table."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import batched

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import UsageItem
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent

_ITEMS_PER_WRITE = 25
"""Most items in one BatchWriteItem."""
_WRITERS = 4


class DynamoUsageStore:
    """`UsageStore` on DynamoDB."""

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Write in batches, several at a time; the same event twice in a batch is one item."""
        with ThreadPoolExecutor(_WRITERS) as pool:
            for group in batched(events, _ITEMS_PER_WRITE * _WRITERS, strict=False):
                unique = {(_pk(event.customer_id, event.period), event.event_id): event for event in group}
                chunks = batched(unique.values(), _ITEMS_PER_WRITE, strict=False)
                for _ in pool.map(_write, chunks):
                    pass

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a month; PynamoDB holds one page (1 MB) at a time."""
        with translated():
            for item in UsageItem.query(_pk(customer_id, period), consistent_read=True):
                yield UsageEvent(
                    event_id=item.event_id,
                    customer_id=customer_id,
                    sku=item.sku,
                    quantity=Decimal(item.quantity),
                    time=item.time,
                    unit_price=None if item.unit_price is None else Decimal(item.unit_price),
                    description=item.description or "",
                    resource=item.resource or "",
                )


def _pk(customer_id: str, period: Period) -> str:
    return f"{period}#{customer_id}"


def _write(events: tuple[UsageEvent, ...]) -> None:
    with translated(), UsageItem.batch_write() as batch:
        for event in events:
            batch.save(
                UsageItem(
                    _pk(event.customer_id, event.period),
                    event.event_id,
                    sku=event.sku,
                    quantity=str(event.quantity),
                    time=event.time,
                    unit_price=None if event.unit_price is None else str(event.unit_price),
                    description=event.description or None,
                    resource=event.resource or None,
                )
            )
