"""Lambda "Open the close"."""

from datetime import datetime
from typing import Any

from monthclose.domain.period import Period
from monthclose.errors import UserMistakeError
from monthclose.handlers.entry import Event, state_handler, use_cases


@state_handler("open_close", key="execution")
def handler(event: Event) -> Event:
    """Open the period that an operator named, or the month before the rule's event."""
    request, execution = event["request"], event["execution"]
    opened = use_cases().open_close(requested_period(request), execution)
    if opened.outcome == "opened":
        what = "close.started" if opened.run == 1 else "close.continued"
        use_cases().starts.record(what, execution, request, period=opened.period, run=opened.run)
    return {"period": str(opened.period), "outcome": opened.outcome, "run": opened.run, "scan": None}


def requested_period(request: Any) -> Period:
    """Read which period an execution's input names.

    Raises
    ------
    UserMistakeError
        The input has neither `period` nor an event's `time`.
    """
    if isinstance(request, dict) and isinstance(request.get("period"), str):
        return Period.parse(request["period"])
    if isinstance(request, dict) and isinstance(request.get("time"), str):
        try:
            return Period.of(datetime.fromisoformat(request["time"])).previous
        except ValueError:
            pass
    raise UserMistakeError('the input must name a period, like {"period": "2026-10"}, or be a scheduled event')
