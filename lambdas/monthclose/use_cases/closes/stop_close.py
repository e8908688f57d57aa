"""Record that somebody stopped a close, and why; the status, the report and `monthclose customer` show it."""

from dataclasses import replace
from functools import partial

from monthclose.domain.closes.close import Stop
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes
from monthclose.use_cases.batch_work import retry_conflicts


def note_stop(period: Period, reason: str, *, closes: Closes, clock: Clock) -> None:
    """Record that the current run of a close was stopped.

    Raises
    ------
    TryLaterError
        Others kept writing the close at the same time.
    """
    retry_conflicts(partial(_note, period, Stop(clock(), reason), closes))


def _note(period: Period, stop: Stop, closes: Closes) -> None:
    close = closes.get(period)
    if close and close.completed_at is None:
        closes.put(replace(close, stops=(*close.stops, stop)))
