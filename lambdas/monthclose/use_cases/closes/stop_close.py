"""Record that somebody stopped a close, and why; the status, the report and `monthclose customer` show it."""

from dataclasses import replace

from monthclose.domain.closes.close import Stop
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.closes.pause_close import why_not_running


def note_stop(period: Period, reason: str, by: str, *, closes: Closes, clock: Clock) -> None:
    """Record that the current run of a close was stopped.

    Raises
    ------
    UserMistakeError
        It has ended meanwhile, or somebody else has stopped it: the message says who.
    TryLaterError
        Others kept writing the close at the same time.
    """

    def step() -> None:
        close = closes.get(period)
        if close is None or close.completed_at or close.stopped:
            raise UserMistakeError(why_not_running(period, close))
        closes.put(replace(close, stops=(*close.stops, Stop(clock(), reason, by))))

    retry_conflicts(step)
