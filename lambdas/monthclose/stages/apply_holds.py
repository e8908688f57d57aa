"""Apply holds: put those who don't pay on hold, and lift the holds of those who did."""

from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.close import BatchProgress, Stage
from monthclose.domain.hold import HoldPolicy, decide_hold
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes
from monthclose.stages.batch_work import begun_batch, record_progress, retry_conflicts


@dataclass(frozen=True, slots=True)
class HoldKeeper:
    """Decides the holds of a batch's customers."""

    books: Books
    closes: Closes
    policy: HoldPolicy
    clock: Clock

    def apply(self, period: Period, number: int, round_number: int) -> BatchProgress:
        """Place and lift holds; the last stage of a batch."""
        begun = begun_batch(self.closes, period, number)
        months = [retry_conflicts(partial(self._decide, name, period)) for name in begun.batch.customer_ids]
        return record_progress(self.closes, self.books, self.clock, begun, Stage.CLOSED, round_number, months)

    def _decide(self, customer_id: str, period: Period) -> CustomerMonth:
        """Change a customer's hold if need be, and return their month as it then is."""
        customer, month = self.books.customer(customer_id), self.books.month(customer_id, period)
        now = self.clock()
        decision = decide_hold(customer, month, self.policy, now.date()) if customer else None
        if customer is None or decision is None:
            return month
        action, reason = decision
        after = customer.put_on_hold(now, reason) if action is HoldAction.PLACED else customer.off_hold()
        change = HoldChange(customer_id, period, action, reason, now, number=len(month.holds) + 1)
        self.books.commit(after, change)
        return replace(month, holds=(*month.holds, change))
