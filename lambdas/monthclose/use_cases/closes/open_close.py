"""Open a close: one execution at a time works on a period."""

from dataclasses import dataclass, replace
from typing import Literal

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes, Workflow
from monthclose.use_cases.claim_holder import still_works


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer: whether this execution may continue, and as which run of the close."""

    period: Period
    outcome: Literal["opened", "already_running"]
    run: int


def open_close(period: Period, execution: str, *, closes: Closes, workflow: Workflow, clock: Clock) -> Opened:
    """Claim a period for an execution.

    The rule's events come at least once and operators start closes by hand, so a second start must find the first.
    Whether the first still works is asked of the workflow engine, not guessed from the time that passed: a
    stopped, failed or finished execution hands its close over at once.

    Raises
    ------
    UserMistakeError
        The period isn't over yet.
    ConflictError
        Another execution opened the period at the same moment; ask again.
    """
    now = clock()
    period.require_ended(now)
    close = closes.get(period)
    if close is None:
        close = Close(period, CloseStatus.RUNNING, execution, run=1, opened_at=now, run_started_at=now)
    elif close.execution == execution:
        return Opened(period, "opened", close.run)  # the same call again
    elif close.status is CloseStatus.RUNNING and still_works(close.execution, execution, workflow):
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
        )
    return Opened(period, "opened", closes.put(close).run)
