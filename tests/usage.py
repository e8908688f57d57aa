"""Usage for tests, stored as an import stores it."""

from collections import defaultdict
from collections.abc import Iterable

from monthclose.domain.usage import UsageChange, UsageEvent, UsageMonth
from monthclose.ports import UsageStore


def store_usage(usage: UsageStore, events: Iterable[UsageEvent]) -> None:
    """Store events, and whatever is said of those that are stored already."""
    by_month: dict[UsageMonth, dict[str, UsageEvent]] = defaultdict(dict)
    for event in events:
        by_month[event.key.month][event.event_id] = event
    found = usage.look_up({month: list(named) for month, named in by_month.items()}, consistent=True)
    changes = [
        UsageChange(
            month,
            found[month].version,
            [event for name, event in named.items() if name not in found[month].events],
            [event for name, event in named.items() if name in found[month].events],
        )
        for month, named in by_month.items()
    ]
    assert not usage.store(changes)
