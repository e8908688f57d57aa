"""Usage of releases that stored each event as an item: it is read until it is in packs, and nothing is added to it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import batched

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.usage.models import UsageItem
from monthclose.adapters.dynamo.usage.packs import partition
from monthclose.domain.attributes import parse_attributes
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent, UsageMonth

_ITEMS_AT_ONCE = 2_000
"""Items that are removed together."""
_SECONDS = 60
"""How long it is remembered that there is nothing."""


class UsageItems:
    """`EarlierItems` in the table of an item for each event.

    Parameters
    ----------
    seconds : callable
        Tells the time that has passed since any moment.
    """

    def __init__(self, batches: Batches, seconds: Callable[[], float] = time.monotonic) -> None:
        self._batches, self._seconds = batches, seconds
        self._has_some = False
        self._asked_at: float | None = None

    def may_have(self, period: Period) -> bool:  # noqa: ARG002 - the table's keys don't tell
        """Whether the table has anything at all: asked once a minute as long as it has not.

        Imports of an earlier release may go on for some time, and a restore brings items back. That it has something is
        remembered: whoever has begun to read a month here has to ask afterwards whether it was moved meanwhile.
        """
        now = self._seconds()
        if not self._has_some and (self._asked_at is None or now - self._asked_at >= _SECONDS):
            with translated():
                self._has_some = next(iter(UsageItem.scan(limit=1, consistent_read=True)), None) is not None
            self._asked_at = now
        return self._has_some

    def comes_back(self, period: Period) -> None:
        """Nothing is to be noted: usage doesn't come here again."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a month; PynamoDB holds one page (1 MB) at a time."""
        with translated():
            for item in UsageItem.query(partition(UsageMonth(customer_id, period)), consistent_read=True):
                yield _event(item, customer_id)

    def months(self) -> Iterator[UsageMonth]:
        """Scan the keys: those of a month are beside each other."""
        last = ""
        with translated():
            for item in UsageItem.scan(attributes_to_get=["pk"]):
                if item.pk != last:
                    period, _, customer_id = item.pk.partition("#")
                    yield UsageMonth(customer_id, Period.parse(period))
                last = item.pk

    def remove(self, month: UsageMonth) -> None:
        """Delete in batches, several at a time."""
        with translated():
            items = UsageItem.query(partition(month), consistent_read=True, attributes_to_get=["pk", "event_id"])
            for some in batched(items, _ITEMS_AT_ONCE, strict=False):
                self._batches.remove(UsageItem, [(item.pk, item.event_id) for item in some])


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
        attributes=parse_attributes(item.attributes),
        returned_at=_time(item.returned_at),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
