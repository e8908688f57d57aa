"""Watch the closes between their events: what has not begun, or not ended, publishes nothing by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monthclose.domain.closes.close import Close
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes

_STARTED_BY = timedelta(hours=1)
"""A month's close starts by itself when the month ends; the rule keeps trying for a day."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a person may have to do something about.

    Parameters
    ----------
    open_seconds : float
        For how long the last run of a close has not ended, whichever has been open longest; 0 if all have ended.
    not_closed : int
        Months that have ended without a close: 1 if that is so of last month, and an earlier one was closed.
    """

    open_seconds: float
    not_closed: int


@dataclass(frozen=True, slots=True)
class CloseWatcher:
    """Watches the closes."""

    closes: Closes
    clock: Clock

    def look(self) -> Watched:
        """Read all closes: one item a month."""
        closes, now = self.closes.all(), self.clock()
        waited = [(now - close.run_started_at).total_seconds() for close in closes if close.completed_at is None]
        return Watched(max(waited, default=0.0), int(_is_missing(closes, now)))


def _is_missing(closes: list[Close], now: datetime) -> bool:
    """Whether last month should have been closed: a deployment that has closed nothing yet is being set up."""
    this_month = Period.of(now)
    periods = {close.period for close in closes}
    begun = any(period < this_month.previous for period in periods)
    return begun and this_month.previous not in periods and now >= this_month.start + _STARTED_BY
