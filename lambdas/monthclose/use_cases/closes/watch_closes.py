"""Watch the closes between their events: what has not begun, or not ended, publishes nothing by itself."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.ports import Clock, Closes, ProviderLimits

_STARTED_BY = timedelta(hours=1)
"""A month's close starts by itself when the month ends; the rule keeps trying for a day."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a person may have to do something about.

    Parameters
    ----------
    open_seconds : float
        For how long the last run of a close has not ended, whichever has been open longest; 0 if all have ended. One
        that waits for approval, or is paused, counts below instead.
    approval_seconds : float
        For how long one has waited for a person's approval, counted from the start of its run.
    paused_seconds : float
        For how long charging has been paused by a person, in a close or through a provider.
    not_closed : int
        Months that have ended without a close: how many of the last ones, one for each billing day, of which an
        earlier one was closed.
    """

    open_seconds: float
    approval_seconds: float
    paused_seconds: float
    not_closed: int


@dataclass(frozen=True, slots=True)
class CloseWatcher:
    """Watches the closes."""

    closes: Closes
    limits: ProviderLimits
    clock: Clock
    providers: Collection[str]
    billing_days: Collection[int] = (1,)
    calendar: BillingCalendar = IN_UTC

    def look(self) -> Watched:
        """Read all closes, one item a month, and the providers' states."""
        closes, now = self.closes.all(), self.clock()
        left = [close for close in closes if close.completed_at is None]
        waiting = [close for close in left if close.status is CloseStatus.WAITING_FOR_APPROVAL]
        pauses = [close.paused for close in left] + [self.limits.state(name).paused for name in self.providers]
        going = [close for close in left if close not in waiting and not close.paused]
        return Watched(
            open_seconds=_longest((close.run_started_at for close in going), now),
            approval_seconds=_longest((close.run_started_at for close in waiting), now),
            paused_seconds=_longest((pause.time for pause in pauses if pause), now),
            not_closed=sum(self._is_missing(closes, now, day) for day in self.billing_days),
        )

    def _is_missing(self, closes: list[Close], now: datetime, billing_day: int) -> bool:
        """Whether a day's last period should have been closed: one that has closed nothing yet is being set up."""
        last = self.calendar.last_over(now, billing_day)
        periods = {close.period for close in closes if close.period.day == billing_day}
        begun = any(period < last for period in periods)
        return begun and last not in periods and now >= self.calendar.starts_closing(last) + _STARTED_BY


def _longest(since: Iterable[datetime], now: datetime) -> float:
    return max(((now - time).total_seconds() for time in since), default=0.0)
