"""What came of a run of the collections, customer by customer, from their records: nothing is counted along the way."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Books, Documents
from monthclose.use_cases.closes.snapshot import read_batches

_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done about a customer's month.

    Parameters
    ----------
    what : str
        `retried`, `reminded`, `held` or `released`.
    result : str
        The payment's state, the kind of reminder, or why there is a hold.
    paid : Money or None
        What the retry has collected.
    """

    customer_id: str
    period: Period
    what: str
    result: str
    paid: Money | None = None


def what_came(key: str, since: datetime, *, books: Books, documents: Documents, executor: Executor) -> Iterator[Done]:
    """Iterate over what was done since a run began.

    Parameters
    ----------
    key : str
        Where the list of its customers is.
    """
    ids = (name for batch in read_batches(documents, key) for name in batch.customer_ids)
    for some in batched(ids, _AT_ONCE, strict=False):
        for name, months in zip(some, executor.map(books.months, some), strict=True):
            for period, month in months.items():
                yield from _done(name, period, month, since)


def _done(name: str, period: Period, month: CustomerMonth, since: datetime) -> Iterator[Done]:
    for payment in month.payments:
        if payment.attempt and payment.attempt_begun_at >= since:
            paid = payment.state is PaymentState.PAID
            amount = Money(payment.collected_minor, payment.amount.currency) if paid else None
            yield Done(name, period, "retried", str(payment.state), amount)
    for notice in month.reminders:
        if notice.time >= since and notice.told:
            yield Done(name, period, "reminded", notice.kind)
    for hold in month.holds:
        if hold.time >= since:
            yield Done(name, period, "held" if hold.action is HoldAction.PLACED else "released", hold.reason)
