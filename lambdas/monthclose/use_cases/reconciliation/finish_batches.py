"""Finish batches of ended closes: charge customers still uncharged, then update sums, send notices and apply holds.

A running close does this itself; what it leaves unfinished is finished here, however late.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import batched

from monthclose.domain.closes.close import BatchProgress, CloseStatus, totals_of
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState, next_check
from monthclose.domain.period import Period
from monthclose.errors import ChargingPausedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, ShareLeft, Tell, TimeIsUp
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import (
    left_to_reconcile,
    read_months,
    recent_closes,
    refresh_gathered,
    side_by_side,
)
from monthclose.use_cases.notices.send_notices import NoticeSender
from monthclose.use_cases.reconciliation.settle_payments import SHARE_TO_FINISH, LookUp, PaymentSettler, Settled

_AT_ONCE = 64
_SHARE_KEPT = 0.05
"""Share of the time that is reserved for returning the result."""


@dataclass(frozen=True, slots=True)
class BatchFinisher:
    """Finishes the batches of one provider."""

    settler: PaymentSettler
    books: Books
    closes: Closes
    sender: NoticeSender
    holds: HoldKeeper
    clock: Clock
    executor: Executor

    def finish(
        self,
        settled: Settled,
        changed: set[tuple[Period, int]],
        share_left: ShareLeft = lambda: 1.0,
        tell: Tell = lambda _: None,
    ) -> None:
        """Finish batches with changed payments, and those left by recent closes (unsettled, waiting, not notified).

        Batches for which time runs out are found again: they are unsettled, or the comparison of the books finds them.

        Parameters
        ----------
        settled : Settled
            The results are added to it.
        changed : set
            Batches, by period and number.

        Raises
        ------
        ProviderRefusedError
            The provider refuses us.
        """

        def one(progress: BatchProgress) -> tuple[bool, list[LookUp]]:
            # Batches that lack nothing but notices aren't even read while no mail may be sent.
            if share_left() <= _SHARE_KEPT or (_only_untold(progress) and not self.sender.can_send()):
                return False, []
            may_charge = not settled.paused and share_left() > SHARE_TO_FINISH
            return self._finish_one(progress, lambda: share_left() <= _SHARE_KEPT, may_charge=may_charge)

        for chunk in batched(self._unfinished(changed), _AT_ONCE, strict=False):
            for finished, look_ups in side_by_side(self.executor, one, chunk):
                settled.batches += finished
                for look_up in look_ups:
                    settled.add(look_up)
            tell(f"{settled.provider}: {settled.batches:,} batches finished")

    def _unfinished(self, changed: set[tuple[Period, int]]) -> Iterator[BatchProgress]:
        # In a completed one, too, debits may have settled since; without the index of what is left, it is not searched.
        recent = [c for c in recent_closes(self.closes) if c.providers or c.status is not CloseStatus.COMPLETED]
        for close in recent:
            for progress in left_to_reconcile(self.closes, close, self.settler.provider):
                changed.discard((close.period, progress.batch.number))
                yield progress
        for period, number in sorted(changed):
            close_of = self.closes.get(period)
            found = self.closes.progress(period, number)
            if found and close_of and close_of.status is not CloseStatus.RUNNING:
                yield found

    def _finish_one(
        self, progress: BatchProgress, time_is_up: TimeIsUp, *, may_charge: bool
    ) -> tuple[bool, list[LookUp]]:
        """Charge the ready payments and, if anything has changed, do what a close does after charging."""
        months = read_months(self.books, progress.batch.customer_ids, progress.period)
        ready = [payment for month in months.values() for payment in month.payments if self._is_due(payment)]
        if ready and not may_charge:
            return False, [LookUp(left=True)]
        if self.settler.charger.pauses.paused(self.settler.provider, progress.period):
            look_ups, ready = [LookUp(error=ChargingPausedError.__name__) for _ in ready], []
        else:
            look_ups = [self._charge(payment) for payment in ready]
        for payment in ready:
            months[payment.customer_id] = self.books.month(payment.customer_id, payment.period)
        if not _has_changed(progress, list(months.values())):
            return False, look_ups
        period, number, in_round = progress.period, progress.batch.number, progress.round
        refresh_gathered(self.closes, self.books, self.clock, months.values())
        try:
            self.sender.send(period, number, in_round, time_is_up)
            self.holds.apply(period, number, in_round)
        except TryLaterError as error:
            look_ups.append(LookUp(error=type(error).__name__))
        return True, look_ups

    def _charge(self, payment: Payment) -> LookUp:
        key = PaymentKey(payment.customer_id, payment.period, payment.sequence)
        return self.settler.attempt(payment, lambda: self.settler.charger.charge(key))

    def _is_due(self, payment: Payment) -> bool:
        """Whether to start a payment now; one that was put back waits longer each time."""
        if payment.state is not PaymentState.READY or payment.provider != self.settler.provider:
            return False
        return not payment.history or self.clock() >= next_check(payment.begun_at, payment.history[-1].time)


def _only_untold(progress: BatchProgress) -> bool:
    more = progress.unsettled or progress.totals.waiting or progress.outdated
    return bool(progress.totals.untold) and not more


def _has_changed(progress: BatchProgress, months: list[CustomerMonth]) -> bool:
    totals, unsettled = totals_of(months)
    changed = (totals, unsettled) != (progress.totals, progress.unsettled)
    return progress.outdated or bool(totals.untold) or changed
