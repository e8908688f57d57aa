"""Lambda "Find who owes"."""

from datetime import date, datetime
from typing import Any

from monthclose.errors import UserMistakeError
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.use_cases.collections.find_owing import OwingFinder


@state_handler("find_owing", key="execution")
def handler(event: Event) -> Event:
    """Begin a run of the collections for the day that an operator named, or that of the rule's event."""
    world = runtime()
    finder = OwingFinder(
        claims=world.claims,
        closes=world.closes,
        directory=world.directory,
        documents=world.documents,
        workflow=world.workflow,
        clock=world.clock,
        queues={name: provider.queue_url for name, provider in world.settings.providers.items()},
    )
    found = finder.find(event["execution"], requested_day(event["request"]))
    return {
        "outcome": found.outcome,
        "run": event["execution"],
        "today": found.day.isoformat(),
        "closing": [str(period) for period in found.closing],
        "batches": found.batches,
        "customers": found.customers,
        "owing": world.documents.location(found.key),
    }


def requested_day(request: Any) -> date | None:
    """Read which day an execution's input asks for; None if it is silent about it.

    Raises
    ------
    UserMistakeError
        It names something that is no day.
    """
    given = request if isinstance(request, dict) else {}
    try:
        if "today" in given:
            return date.fromisoformat(given["today"])
        return datetime.fromisoformat(given["time"]).date() if "time" in given else None
    except (TypeError, ValueError):
        raise UserMistakeError('the day cannot be read; write it like {"today": "2026-11-04"}') from None
