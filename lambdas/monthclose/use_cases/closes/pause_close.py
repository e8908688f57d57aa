"""Pause a close's charging, and resume it. Of two persons who do so at once one wins, and the other is told of it.

Nothing but charging waits: invoices go on being generated. Whoever charges asks first (`ChargingPauses`).
"""

from dataclasses import replace
from functools import partial

from monthclose.domain.closes.close import Close
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes, Workflow
from monthclose.use_cases.batch_work import retry_conflicts


def pause_close(period: Period, by: str, reason: str, *, closes: Closes, workflow: Workflow, clock: Clock) -> Pause:
    """Pause the charging of a running close.

    Raises
    ------
    UserMistakeError
        It is not running, or it is paused already: the message says by whom.
    """

    def step() -> Pause:
        close = closes.get(period)
        if close is None or not _runs(close, workflow):
            raise UserMistakeError(why_not_running(period, close))
        if close.paused:
            raise UserMistakeError(f"the close of {period} is paused already, {close.paused.in_words()}")
        pause = Pause(clock(), by, reason)
        closes.put(replace(close, pauses=(*close.pauses, pause)))
        return pause

    return retry_conflicts(step)


def resume_close(period: Period, by: str, *, closes: Closes, clock: Clock) -> Close:
    """End the pause of a close, running or stopped meanwhile, and return the close.

    Raises
    ------
    UserMistakeError
        It is not paused; if it was, the message says who resumed it.
    """
    return retry_conflicts(partial(_resume, period, by, closes, clock))


def _resume(period: Period, by: str, closes: Closes, clock: Clock) -> Close:
    close = closes.get(period)
    if close is None or not close.paused:
        raise UserMistakeError(f"the close of {period} is not paused{_last_end(close)}")
    return closes.put(replace(close, pauses=(*close.pauses[:-1], close.paused.end(clock(), by))))


def _last_end(close: Close | None) -> str:
    if close is None:
        return ": it has never been opened"
    last = close.pauses[-1] if close.pauses else None
    if last and last.ended_at:
        return f": it was resumed {last.end_in_words()}"
    return ": it has ended" if last else ""


def _runs(close: Close, workflow: Workflow) -> bool:
    return close.under_way and workflow.is_running(close.execution)


def why_not_running(period: Period, close: Close | None) -> str:
    """Say why there is nothing to pause or to stop."""
    if close is None:
        return f"{period} is not being closed: it never was"
    if close.completed_at:
        return f"{period} is not being closed: the close ended on {close.completed_at:%Y-%m-%d %H:%M} UTC"
    if close.stopped:
        by = f" by {close.stopped.by}" if close.stopped.by else ""
        why = close.stopped.reason or "no reason given"
        return f"{period} is not being closed: it was stopped{by} on {close.stopped.time:%Y-%m-%d %H:%M} UTC: {why}"
    return f"{period} is not being closed: its execution is no longer running; monthclose close {period} continues it"
