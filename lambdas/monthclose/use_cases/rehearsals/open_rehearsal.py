"""Begin a rehearsal: one of its own, or the one with which a close goes through its gate."""

from dataclasses import dataclass, replace
from typing import Literal

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.gate import GateSettings
from monthclose.domain.rehearsals.rehearsal import Rehearsal, RehearsalStatus
from monthclose.ports import Clock, Closes, PriceBooks, Rehearsals, TaxTables, Workflow
from monthclose.use_cases.claim_holder import still_running
from monthclose.use_cases.closes.open_close import Opened


@dataclass(frozen=True, slots=True)
class Begun:
    """A rehearsal that this execution makes, or that another one is making."""

    outcome: Literal["opened", "already_running"]
    rehearsal: Rehearsal


@dataclass(frozen=True, slots=True)
class RehearsalOpener:
    """Begins rehearsals, one at a time for each period."""

    closes: Closes
    rehearsals: Rehearsals
    price_books: PriceBooks
    tax_tables: TaxTables
    workflow: Workflow
    clock: Clock
    gates: GateSettings
    settings: str
    """Fingerprint of the settings that decide about amounts."""
    calendar: BillingCalendar = IN_UTC

    def rehearse(self, period: Period, execution: str) -> Begun:
        """Begin a rehearsal of its own; of a month that is not over yet, with the usage so far.

        Raises
        ------
        UserMistakeError
            The month cannot be rehearsed now (see `check`).
        ConflictError
            Another execution began one at the same moment; try again.
        """
        self.check(period, execution)
        before = self.rehearsals.get(period)
        if before and before.execution == execution:
            return Begun("opened", before)  # the same call again
        if before and self._runs(before, execution):
            return Begun("already_running", before)
        return Begun("opened", self._begin(period, execution, before))

    def check(self, period: Period, execution: str) -> None:
        """Check that a month can be rehearsed now.

        Raises
        ------
        UserMistakeError
            It is being closed, or has not begun.
        """
        if self.clock() < self.calendar.start(period):
            raise UserMistakeError(f"{period} has not begun yet: there is nothing to rehearse")
        close = self.closes.get(period)
        if close and close.under_way and still_running(close.execution, execution, self.workflow):
            raise UserMistakeError(_being_closed(close))

    def before_close(self, opened: Opened, execution: str, *, scheduled: bool) -> Rehearsal | None:
        """Begin the rehearsal of a close that has to go through its gate; None if it need not, or already has.

        Parameters
        ----------
        scheduled : bool
            Whether the close was started by its rule, and waits if it is not let through.
        """
        before = self.rehearsals.get(opened.period)
        approval = before.approval if before else None
        if not (self.gates.closed or approval):
            return None
        close = self.closes.get(opened.period)
        if close is None:
            return None
        if before and before.execution == execution:
            return before if before.status is RehearsalStatus.DRAFTING else None  # the same call again
        if close.round:
            if close.rehearsal and approval and approval.snapshot_key == close.snapshot_key:
                self.closes.put(replace(close, rehearsal=max(approval.number, close.rehearsal)))
            return None
        if close.opened_at != close.run_started_at:  # nothing was issued: what was received since counts
            self.closes.put(replace(close, opened_at=close.run_started_at))
        return self._begin(opened.period, execution, before, run=opened.run, scheduled=scheduled)

    def _runs(self, before: Rehearsal, execution: str) -> bool:
        return before.status is RehearsalStatus.DRAFTING and still_running(before.execution, execution, self.workflow)

    def _begin(
        self, period: Period, execution: str, before: Rehearsal | None, *, run: int = 0, scheduled: bool = False
    ) -> Rehearsal:
        same_day = (close for close in self.closes.all() if close.period.day == period.day)
        earlier = [close.period for close in same_day if close.period < period and close.snapshot_key]
        close, over = self.closes.get(period), self.calendar.over(period)
        begun = Rehearsal(
            period=period,
            number=before.number + 1 if before else 1,
            execution=execution,
            started_at=close.run_started_at if close and run else self.clock(),
            run=run,
            scheduled=scheduled,
            price_book=self.price_books.latest(),
            tax_table=self.tax_tables.latest(),
            settings=self.settings,
            last_period=max(earlier, default=None),
            approval=before.approval if before else None,
            over_at=over if over != period.end else None,
            version=before.version if before else 0,
        )
        return self.rehearsals.put(begun)


def _being_closed(close: Close) -> str:
    period = close.period
    if close.status is CloseStatus.RUNNING:
        return f"{period} is being closed: it can be rehearsed before or after that, not meanwhile"
    return (
        f"the close of {period} has drafted its invoices and waits for approval: approve those with "
        f"`monthclose approve {period}`, or stop it first with `monthclose stop {period}`"
    )
