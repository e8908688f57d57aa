"""Plan a report pack: cut a close's batches into parts, which are read in parallel."""

import uuid
from dataclasses import dataclass
from datetime import UTC

from monthclose.domain.accounts.posting import books_end
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pack.pack import MadeFor, state_of
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes
from monthclose.use_cases.pack.pack_store import PackPlan, PackStore
from monthclose.use_cases.proof.report_pack import current_pack

_CUSTOMERS_IN_A_PART = 2_500
"""A few seconds of reading: small closes have one part."""
_MOST_PARTS = 40
"""An inline Map of Step Functions runs 40 iterations in parallel."""


@dataclass(frozen=True, slots=True)
class PackPlanner:
    """Plans packs."""

    closes: Closes
    store: PackStore
    clock: Clock
    calendar: BillingCalendar = IN_UTC

    def plan(self, period: Period, made_for: MadeFor) -> PackPlan:
        """Plan a pack of a close that has ended. One of several at the same time does not know of the others.

        Raises
        ------
        UserMistakeError
            The period was never closed, or is being closed.
        """
        close = self.closes.get(period)
        if close is None:
            raise UserMistakeError(f"{period} has not been closed\nclose it with: monthclose close {period}")
        if close.status is CloseStatus.RUNNING or close.completed_at is None:
            raise UserMistakeError(f"{period} is being closed; its report pack is made at the end of the close")
        now = self.clock()
        others = sum(1 for _ in self.store.documents.lines(close.others_key)) if close.others_key else 0
        wanted, most = _parts_for(close.customers + others), max(close.batches, _parts_for(others))
        plan = PackPlan(
            period=period,
            name=f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
            run=close.run,
            made_for=made_for,
            planned_at=self.calendar.local(now),  # its date is the day that the figures are as of
            state=self.state(period),
            customers=close.customers,
            batches=close.batches,
            parts=min(wanted, most, _MOST_PARTS),
            others_key=close.others_key,
            others=others,
        )
        self.store.put_plan(plan)
        return plan

    def state(self, period: Period) -> str:
        """Say what a close's status comes to now; see `state_of`.

        That of a calendar month with those of the other billing days' periods that end in it: their invoices are posted
        in its journal.
        """
        ending = [period]
        if period.day == 1:
            ending += [one.period for one in self.closes.all() if one.period.day != 1 and _ends_in(period, one.period)]
        return state_of(progress.totals for one in ending for progress in self.closes.all_progress(one))

    def is_outdated(self, period: Period) -> bool:
        """Whether a close has no pack, or since that was planned its books have changed or its journal became final."""
        current = current_pack(self.store.documents, period)
        if current is None or current.planned_at < books_end(period) <= self.clock():
            return True
        return current.state != self.state(period)


def _ends_in(month: Period, period: Period) -> bool:
    return month.first_day <= period.last_day < month.end_day


def _parts_for(customers: int) -> int:
    return max(-(-customers // _CUSTOMERS_IN_A_PART), 1)
