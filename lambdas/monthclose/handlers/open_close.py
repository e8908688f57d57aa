"""Lambda "Open the close"."""

from datetime import datetime
from typing import Any

from monthclose.bootstrap import utc_now
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.period import Period, read_billing_day
from monthclose.errors import UserMistakeError
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases
from monthclose.names import RETRIES_PREFIX
from monthclose.ports import Clock


@state_handler("open_close", key="execution")
def handler(event: Event) -> Event:
    """Open the period that an operator named, or the month before the rule's event; or begin its rehearsal."""
    request, execution = event["request"], event["execution"]
    ports = runtime()
    period = requested_period(request, ports.clock, ports.settings.calendar)
    opener = use_cases().rehearsal_opener
    answer: Event = {"period": str(period), "scan": None}
    if _is_rehearsal(request):
        begun = opener.rehearse(period, execution)
        use_cases().starts.record("rehearsal.started", execution, request, period=period, number=begun.rehearsal.number)
        return answer | {"outcome": begun.outcome, "run": 0, "rehearsal": begun.rehearsal.number}
    only = requested_list(request)
    opened = use_cases().open_close(period, execution, only)
    answer |= {"outcome": opened.outcome, "run": opened.run, "rehearsal": None}
    if opened.outcome == "opened":
        what = "close.started" if opened.run == 1 else "close.continued"
        use_cases().starts.record(what, execution, request, period=period, run=opened.run)
        # Of a close that has begun to charge, this begins no rehearsal: it takes up what was approved since.
        rehearsal = opener.before_close(opened, execution, scheduled="period" not in request)
        answer["rehearsal"] = rehearsal.number if rehearsal else None
    return answer


def _is_rehearsal(request: Any) -> bool:
    wanted = request.get("dry_run", False)
    if not isinstance(wanted, bool):
        raise UserMistakeError(f"dry_run must be true or false, not {wanted!r}")
    return wanted


def requested_period(request: Any, clock: Clock = utc_now, calendar: BillingCalendar = IN_UTC) -> Period:
    """Read which period an execution's input names; of a billing day, the one that ended last.

    Raises
    ------
    UserMistakeError
        The input has neither `period`, nor a `billing_day`, nor an event's `time`.
    """
    if isinstance(request, dict) and isinstance(request.get("period"), str):
        return Period.parse(request["period"])
    if isinstance(request, dict) and "billing_day" in request:
        return calendar.last_over(clock(), read_billing_day(request["billing_day"]))
    if isinstance(request, dict) and isinstance(request.get("time"), str):
        try:
            return calendar.last_over(datetime.fromisoformat(request["time"]))
        except ValueError:
            pass
    raise UserMistakeError('the input must name a period, like {"period": "2026-10"}, or be a scheduled event')


def requested_list(request: Any) -> str:
    """Read where the list of customers is to whom an operator's run is limited; empty if it is not.

    Raises
    ------
    UserMistakeError
        It is no such list.
    """
    only = request.get("only", "") if isinstance(request, dict) else ""
    if not isinstance(only, str) or (only and not only.startswith(RETRIES_PREFIX)):
        raise UserMistakeError(f"`only` must name a list of customers below {RETRIES_PREFIX}")
    return only
