"""Open a close: one execution at a time works on a period."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes, Workflow
from monthclose.use_cases.claim_holder import still_running


@dataclass(frozen=True, slots=True)
class Opened:
    """Whether this execution may continue, and as which run of the close."""

    period: Period
    outcome: Literal["opened", "already_running"]
    run: int


def open_close(
    period: Period,
    execution: str,
    only: str = "",
    *,
    closes: Closes,
    workflow: Workflow,
    clock: Clock,
    calendar: BillingCalendar = IN_UTC,
) -> Opened:
    """Claim a period for an execution.

    EventBridge delivers at least once and operators start closes manually, so a second start must find the first.
    The workflow engine says whether the first is still running; it is not guessed from the time that has passed, so a
    stopped, failed or finished execution gives up its close at once.

    Parameters
    ----------
    only : str
        Where the list of customers is to whom this run is limited; empty for all.

    Raises
    ------
    UserMistakeError
        The period isn't over yet; or it was never closed, and only some customers are to be closed; or the settings say
        another time zone than it was closed by, or than a period before or within it has ended by.
    ConflictError
        Another execution opened the period at the same moment; try again.
    """
    now = clock()
    calendar.require_over(period, now)
    close = closes.get(period)
    _check_time_zone(period, closes, calendar)
    if only and (close is None or not close.round or close.status is CloseStatus.WAITING_FOR_APPROVAL):
        raise UserMistakeError(
            f"nobody has been charged for {period} yet: close it before some of its customers are closed again"
        )
    if close is None:
        zone = calendar.zone_on(period.end_day)
        close = Close(period, CloseStatus.RUNNING, execution, run=1, opened_at=now, run_started_at=now, time_zone=zone)
    elif close.execution == execution:
        return Opened(period, "opened", close.run)  # the same call again
    elif close.under_way and still_running(close.execution, execution, workflow):
        return Opened(period, "already_running", close.run)
    else:
        close = replace(
            close,
            status=CloseStatus.RUNNING,
            execution=execution,
            run=close.run + 1,
            run_started_at=now,
            first_round=close.round,
            completed_at=None,
            pauses=close.pauses if close.completed_at is None else _ended(close.pauses, close.completed_at),
            rounds_not_counted=0,
            only=only,
        )
    return Opened(period, "opened", closes.put(close).run)


def _check_time_zone(period: Period, closes: Closes, calendar: BillingCalendar) -> None:
    """Check that the settings end a period when its close did, and begin it when the one before has ended.

    Otherwise hours would be billed twice, or left out. The one before may have another billing day, of a customer whose
    day has changed: it ended within this period.
    """
    ended = (close for close in closes.all() if close.period.end_day >= period.first_day)
    other = [close for close in ended if close.time_zone != calendar.zone_on(close.period.end_day)]
    if other:
        before = max(other, key=lambda close: close.period.end_day)
        day = before.period.end_day
        raise UserMistakeError(
            f"{before.period} was closed by the time zone {before.time_zone}, and the settings say "
            f"{calendar.zone_on(day)}\nadd that to cdk.json, and deploy: "
            f'"earlier_time_zones": [{{"time_zone": "{before.time_zone}", "until": "{day}"}}]'
        )


def _ended(pauses: tuple[Pause, ...], completed_at: datetime) -> tuple[Pause, ...]:
    """End a pause that came too late for a close: it must not hold up the next run."""
    if not pauses or not pauses[-1].in_force:
        return pauses
    return (*pauses[:-1], pauses[-1].end(completed_at, "the close, which ended"))
