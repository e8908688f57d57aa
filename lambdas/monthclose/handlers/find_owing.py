"""Lambda "Find who owes"."""

from datetime import date, datetime
from typing import Any

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.patience import patience
from monthclose.errors import UserMistakeError
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases

_LEAST_SECONDS = 21_600
"""A batch that waits for half a day is in the way of tomorrow's collections."""


@state_handler("find_owing", key="execution")
def handler(event: Event) -> Event:
    """Start a run of the collections for the day that an operator named, or the day of the rule's event."""
    found = use_cases().owing_finder.find(
        event["execution"], requested_day(event["request"], runtime().settings.calendar)
    )
    if found.outcome == "begun":
        day = found.day.isoformat()
        use_cases().starts.record("collections.started", event["execution"], event["request"], day=day)
    wait = patience(found.expected_seconds, _LEAST_SECONDS)
    return {
        "outcome": found.outcome,
        "run": event["execution"],
        "today": found.day.isoformat(),
        "closing": [str(period) for period in found.closing],
        "batches": found.batches,
        "customers": found.customers,
        "heartbeat_seconds": wait.heartbeat,
        "timeout_seconds": wait.timeout,
        "owing": runtime().documents.location(found.key),
    }


def requested_day(request: Any, calendar: BillingCalendar = IN_UTC) -> date | None:
    """Read which day an execution's input names; None if it names none.

    Raises
    ------
    UserMistakeError
        The day cannot be read.
    """
    given = request if isinstance(request, dict) else {}
    try:
        if "today" in given:
            return date.fromisoformat(given["today"])
        return calendar.day(datetime.fromisoformat(given["time"])) if "time" in given else None
    except (TypeError, ValueError):
        raise UserMistakeError('the day cannot be read; write it like {"today": "2026-11-04"}') from None
