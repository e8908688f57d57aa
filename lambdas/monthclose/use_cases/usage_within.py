"""A customer's usage of one of their periods: whatever these are, it is stored by calendar month in UTC."""

from collections.abc import Iterator

from monthclose.domain.period import Period
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.usage import UsageEvent
from monthclose.ports import UsageStore


def usage_within(usage: UsageStore, customer_id: str, window: Window) -> Iterator[UsageEvent]:
    """Stream the usage of a window, in constant memory: one query for each calendar month that it touches."""
    month = Period.of(window.start)
    while month.start < window.end:
        events = usage.events(customer_id, month)
        if window.start <= month.start and month.end <= window.end:
            yield from events
        else:
            yield from (event for event in events if window.start <= event.time < window.end)
        month = month.next
