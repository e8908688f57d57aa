"""Usage: events that say how much of a SKU a customer used, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from monthclose.domain.period import Period

type Attributes = tuple[tuple[str, str], ...]
"""What is said of an event beside its resource, as names and values, sorted by name: `(("region", "eu"),)`."""


class UsageMonth(NamedTuple):
    """A customer's usage of a calendar month in UTC: what is stored together."""

    customer_id: str
    period: Period


class EventKey(NamedTuple):
    """What identifies an event: ids are unique within a customer's month."""

    customer_id: str
    period: Period
    event_id: str

    @property
    def month(self) -> UsageMonth:
        """The month that it is unique in."""
        return UsageMonth(self.customer_id, self.period)


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event.

    Parameters
    ----------
    event_id : str
        Unique within the customer's month; the same id again is the same event.
    quantity : Decimal
        In the SKU's unit; negative for a correction.
    unit_price : Decimal or None
        Major units of the customer's currency per unit, if the usage was rated upstream;
        otherwise the price book decides.
    resource : str
        What was used (one machine, one volume); empty if it doesn't matter.
    replaces : str
        Id of the event of the same month that this one corrects; empty if it is new usage.
    received_at : datetime or None
        When it was stored; None: before anybody took that down.
    replaced_by, replaced_at
        The event that corrected this one, and when; it stays stored, for what was billed before.
    attributes : tuple
        What prices may tell apart: a region, a tier; see `Attributes`.
    returned_at : datetime or None
        For a return: when it came back. Its `time` is when what came back was used, as it is credited at the price
        that it was billed at.
    """

    event_id: str
    customer_id: str
    sku: str
    quantity: Decimal
    time: datetime
    unit_price: Decimal | None = None
    description: str = ""
    resource: str = ""
    replaces: str = ""
    received_at: datetime | None = None
    replaced_by: str = ""
    replaced_at: datetime | None = None
    attributes: Attributes = ()
    returned_at: datetime | None = None

    @property
    def key(self) -> EventKey:
        """What identifies it."""
        return EventKey(self.customer_id, self.period, self.event_id)

    def says_the_same(self, other: UsageEvent) -> bool:
        """Whether two events of the same key have the same content."""
        return _said(self) == _said(other)

    @property
    def period(self) -> Period:
        """The month that the event belongs to."""
        return Period.of(self.time)


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """What is stored of a month, as far as somebody asked.

    Parameters
    ----------
    events : mapping
        By their ids, those of the events asked for that are stored.
    version : str
        What the answer rests on: it changes whenever events are added to the month.
    """

    events: Mapping[str, UsageEvent]
    version: str


@dataclass(frozen=True, slots=True)
class UsageChange:
    """What is to be stored in a month.

    Parameters
    ----------
    seen : str
        The version of the month that the change was decided on.
    added : sequence of UsageEvent
        Events that are not stored yet.
    replaced : sequence of UsageEvent
        Stored ones, with what has replaced them now.
    """

    month: UsageMonth
    seen: str
    added: Sequence[UsageEvent]
    replaced: Sequence[UsageEvent] = ()


def _said(event: UsageEvent) -> tuple[object, ...]:
    return (
        event.sku,
        event.quantity,
        event.time,
        event.unit_price,
        event.description,
        event.resource,
        event.replaces,
        event.attributes,
        event.returned_at,
    )


class AsOf:
    """A month's usage as it was known at a time: what came later, and corrections that came later, don't count.

    Parameters
    ----------
    watermark : datetime
        What was received until then counts.
    """

    def __init__(self, events: Iterable[UsageEvent], watermark: datetime) -> None:
        self._events, self._watermark = events, watermark
        self.left = False
        """Whether something was left out because it came later; known once all events have gone by."""

    def __iter__(self) -> Iterator[UsageEvent]:
        watermark = self._watermark
        for event in self._events:
            if event.received_at is not None and event.received_at > watermark:
                self.left = True
            elif event.replaced_at is None:
                yield event
            elif event.replaced_at > watermark:
                self.left = True
                yield event
