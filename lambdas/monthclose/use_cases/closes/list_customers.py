"""List the customers behind a count of a close: read batch by batch, and only those batches that have any."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.listing import Listed, kinds, listed, may_have
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.ports import Books, Closes, Documents
from monthclose.use_cases.closes.snapshot import read_batches

NOT_STARTED = "not_started"
"""Customers of the snapshot whose batches no run has begun."""
_READERS = 16


def listable() -> tuple[str, ...]:
    """Name what can be listed."""
    return (*kinds(), NOT_STARTED)


@dataclass(frozen=True, slots=True)
class CustomerLister:
    """Lists customers; the memory that it takes is that of one batch."""

    books: Books
    closes: Closes
    documents: Documents

    def list(self, close: Close, kind: str, reason: str = "") -> Iterator[Listed]:
        """Iterate over the customers of a kind.

        Parameters
        ----------
        reason : str
            Only those with this reason; empty for all.

        Raises
        ------
        UserMistakeError
            There is no such kind.
        """
        if kind == NOT_STARTED:
            return self._not_started(close)
        if kind not in kinds():
            raise UserMistakeError(f"{kind!r} is nothing to list; there are: {', '.join(listable())}")
        return self._list(close.period, kind, reason)

    def _list(self, period: Period, kind: str, reason: str) -> Iterator[Listed]:
        with ThreadPoolExecutor(_READERS) as pool:
            for progress in self.closes.all_progress(period):
                if not may_have(kind, progress):
                    continue
                if kind == "parked" and reason and not (progress.outdated or progress.totals.parked.get(reason)):
                    continue
                months = self._months(pool, progress.batch.customer_ids, period)
                yield from (one for one in listed(kind, progress, months) if reason in ("", one.reason))

    def _months(self, pool: Executor, customer_ids: tuple[str, ...], period: Period) -> dict[str, CustomerMonth]:
        return dict(zip(customer_ids, pool.map(lambda name: self.books.month(name, period), customer_ids), strict=True))

    def _not_started(self, close: Close) -> Iterator[Listed]:
        if not close.snapshot_key:
            return
        started = {progress.batch.number for progress in self.closes.all_progress(close.period)}
        for batch in read_batches(self.documents, close.snapshot_key):
            if batch.number not in started:
                why = f"batch {batch.number} has not been begun"
                yield from (Listed(name, NOT_STARTED, why) for name in batch.customer_ids)
