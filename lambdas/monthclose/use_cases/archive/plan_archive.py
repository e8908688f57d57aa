"""Plan what of the old usage is archived next: a month, and its customers in parts, which are archived side by side."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import takewhile

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.usage_archive import FEWEST_MONTHS, ArchivedMonth, newest_archived, part_of, parts_for
from monthclose.errors import BrokeOffError
from monthclose.ports import Claim, Claims, Clock, Closes, CustomerDirectory, EarlierItems, TimeIsUp, Workflow
from monthclose.use_cases.archive.archive_store import ArchivePlan, ArchiveStore
from monthclose.use_cases.claim_holder import still_running

CLAIM = "usage-archive"
_MOST_KEPT = 16 * 2**20
"""Bytes of customers' ids that wait in memory."""
_CUSTOMERS_AT_ONCE = 10_000
"""How many are dealt before the time is looked at."""


@dataclass(frozen=True, slots=True)
class ArchivePlanner:
    """Plans what is archived.

    Parameters
    ----------
    months : int or None
        The setting: how many months of usage stay in DynamoDB; None: all.
    """

    closes: Closes
    directory: CustomerDirectory
    items: EarlierItems
    store: ArchiveStore
    claims: Claims
    workflow: Workflow
    clock: Clock
    months: int | None

    def known_months(self) -> list[Period]:
        """List the months that have usage as far as anybody knows, oldest first.

        Those from the month before the first close on; of the months before that, those whose usage was noted when it
        was stored, and those that somebody has archived by name.
        """
        months, now = self.store.months() | self.store.noted(), Period.of(self.clock())
        closed = [close.period.calendar_month for close in self.closes.all()]
        period = min(closed).previous if closed else None
        while period and period <= now:
            months.add(period)
            period = period.next
        return sorted(months)

    def old_months(self) -> list[Period]:
        """List the known months that may be archived, oldest first.

        Months that were archived when fewer months stayed are among them.
        """
        newest, archived = newest_archived(self.clock(), FEWEST_MONTHS), self.store.months()
        return [month for month in self.known_months() if month in archived or (newest and month <= newest)]

    def stored_months(self) -> Iterator[Period]:
        """Iterate over the known months of which usage may be in DynamoDB, oldest first."""
        noted = self.store.noted()
        return (period for period in self.known_months() if period in noted or not self._is_archived(period))

    def due(self) -> Iterator[Period]:
        """Iterate over the months that are to be archived, oldest first."""
        return takewhile(self.is_old, self.stored_months())

    def is_old(self, period: Period) -> bool:
        """Whether a month is older than those that stay."""
        newest = newest_archived(self.clock(), self.months)
        return newest is not None and period <= newest

    def next_due(self) -> Period | None:
        """Find the oldest month that is due.

        None is while a close is running, whose reads and writes come first, nor before all usage is in packs: a month
        would count as archived without what isn't. Nor is one before the first close: it says how many customers there
        are, and so in how many parts months are archived, for ever.
        """
        closes = self.closes.all()
        if not _most_customers(closes) or any(close.status is CloseStatus.RUNNING for close in closes):
            return None
        return next((period for period in self.due() if not self.items.may_have(period)), None)

    def check(self, period: Period) -> None:
        """Check that a month may be archived.

        Raises
        ------
        UserMistakeError
            It may not, and why.
        """
        newest = newest_archived(self.clock(), self.months)
        if self.items.may_have(period):
            raise UserMistakeError(
                "some usage is still stored as earlier releases have stored it, and cannot be archived\n"
                "move it first, with: monthclose usage move"
            )
        if period.day != 1:
            raise UserMistakeError(f"usage is archived by calendar month; write {period.calendar_month}")
        if newest is None:
            raise UserMistakeError("this deployment keeps all usage in DynamoDB: its setting usage_months is null")
        if period > newest:
            raise UserMistakeError(
                f"{period} is too young: usage of the last {self.months} months stays in DynamoDB (usage_months); "
                f"the newest month that can be archived is {newest}"
            )

    def claim(self, execution: str) -> bool:
        """Have one execution at a time archive: two over one month would take each other's files for old ones.

        Returns False if another one is archiving.

        Raises
        ------
        ConflictError
            Another one has begun at this moment; try again.
        """
        before = self.claims.get(CLAIM)
        if before and before.execution == execution:
            return True
        if before and still_running(before.execution, execution, self.workflow):
            return False
        self.claims.put(Claim(CLAIM, execution, self.clock(), before.version if before else 0))
        return True

    def require(self, execution: str) -> None:
        """Check that an execution is still the one that archives.

        Raises
        ------
        BrokeOffError
            Another one has begun since.
        """
        holder = self.claims.get(CLAIM)
        if holder is None or holder.execution != execution:
            raise BrokeOffError("another run archives usage now; it does what this one has left")

    def plan(self, period: Period) -> ArchivePlan:
        """Begin to archive a month, or go on where a run broke off.

        Whoever looks for the month's usage from now on asks the archive, too.
        """
        now, before = self.clock(), self.store.month(period)
        if before and before.completed_at is None and (begun := self.store.plan(period, before.run)):
            return begun
        plan = ArchivePlan(
            period=period,
            name=f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
            parts=before.parts if before else parts_for(_most_customers(self.closes.all())),
        )
        self.store.put_plan(plan)
        self.store.add_month(period)
        month = before or ArchivedMonth(period, plan.parts, plan.name, now)
        self.store.put_month(month.begun_again(plan.name, now))
        # Usage that comes back from now on notes it again: it may have been read before it came.
        self.store.forget_returns(period, now)
        return plan

    def deal(self, plan: ArchivePlan, *, time_is_up: TimeIsUp = lambda: False) -> bool:
        """Deal all customers into the plan's parts from where it was, and return whether all are dealt.

        In constant memory: the parts' lists are stored in pieces.
        """
        waiting, size, dealt = defaultdict[int, bytearray](bytearray), 0, 0
        for one in self.directory.scan(plan.after) if not plan.complete else ():
            line = f"{one.customer_id}\n".encode()
            waiting[part_of(one.customer_id, plan.parts)] += line
            size, dealt, plan.after = size + len(line), dealt + 1, one.customer_id
            late = dealt % _CUSTOMERS_AT_ONCE == 0 and time_is_up()
            if late or size >= _MOST_KEPT:
                self._store_piece(plan, waiting)
                size = 0
            if late:
                return False
        plan.complete = True
        self._store_piece(plan, waiting)
        return True

    def _store_piece(self, plan: ArchivePlan, waiting: defaultdict[int, bytearray]) -> None:
        for number in range(plan.parts):
            self.store.put_customers(plan, number, bytes(waiting[number]))
        waiting.clear()
        plan.pieces += 1
        self.store.put_plan(plan)

    def _is_archived(self, period: Period) -> bool:
        month = self.store.month(period)
        return month is not None and month.completed_at is not None


def _most_customers(closes: Iterable[Close]) -> int:
    """Estimate how many customers there are, by the closes."""
    return max((close.customers for close in closes), default=0)
