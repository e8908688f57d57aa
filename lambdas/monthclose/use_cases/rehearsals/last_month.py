"""How many customers used each SKU last month, and had each fee: for whom a new price matters."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched, islice

from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.billed import Billed, billed
from monthclose.domain.rehearsals.comparison import Comparison
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.ports import Closes, Documents, Rehearsals
from monthclose.use_cases.batch_work import side_by_side
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.invoices.document_keys import documents_key
from monthclose.use_cases.rehearsals.judge_rehearsal import RehearsalReader

MOST_INVOICES = 2000
"""Invoices that are read where no rehearsal has counted: some seconds. Batches begin with the largest customers."""
_BATCHES_AT_ONCE = 16

type Key = tuple[str, str]
"""A currency and an entry's key (see `EntryKind`)."""


@dataclass(frozen=True, slots=True)
class LastMonth:
    """The customers of the month that was closed last.

    Parameters
    ----------
    having : mapping
        Customers who have an entry.
    by_currency : mapping
        Customers who are billed.
    whole : bool
        Whether that is everybody; only the largest `MOST_INVOICES` were counted otherwise.
    """

    period: Period
    having: Mapping[Key, int]
    by_currency: Mapping[str, int]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class LastMonthReader:
    """Counts the last month's customers: from a rehearsal's comparison, or else from the invoices."""

    closes: Closes
    rehearsals: Rehearsals
    documents: Documents
    executor: Executor

    def read(self) -> LastMonth | None:
        """Count; None before the first close, and where its documents have expired."""
        last = next((close for close in self.closes.all() if close.completed_at and close.snapshot_key), None)
        if last is None:
            return None
        with suppress(KeyError):
            return self._rehearsed_now(last.period) or self._rehearsed_since(last.period) or self._invoiced(last)
        return None

    def _rehearsed_now(self, period: Period) -> LastMonth | None:
        """Count what the rehearsal of the month itself has drafted."""
        comparison = self._comparison(period)
        if comparison is None:
            return None
        having = {
            (code, key): use.customers for code, uses in comparison.entries.items() for key, use in uses.by_key.items()
        }
        return LastMonth(period, having, {code: comparison.there_now(code) for code in comparison.currencies})

    def _rehearsed_since(self, period: Period) -> LastMonth | None:
        """Count what the rehearsal of the next month has compared with."""
        comparison = self._comparison(period.next, last=period)
        if comparison is None:
            return None
        having = {
            (code, key): use.last_customers
            for code, uses in comparison.entries.items()
            for key, use in uses.by_key.items()
        }
        return LastMonth(period, having, {code: comparison.there_last(code) for code in comparison.currencies})

    def _comparison(self, period: Period, last: Period | None = None) -> Comparison | None:
        rehearsal = self.rehearsals.get(period)
        if rehearsal is None or rehearsal.status is not RehearsalStatus.COMPLETED or (rehearsal.so_far and not last):
            return None
        return None if last and rehearsal.last_period != last else RehearsalReader(self.documents).comparison(rehearsal)

    def _invoiced(self, close: Close) -> LastMonth:
        having: Counter[Key] = Counter()
        by_currency: Counter[str] = Counter()
        invoices = self._months(close)
        for month in islice(invoices, MOST_INVOICES):
            by_currency[month.currency] += 1
            having.update((month.currency, key) for key in month.entries)
        return LastMonth(close.period, having, by_currency, whole=next(invoices, None) is None)

    def _months(self, close: Close) -> Iterator[Billed]:
        """Read the invoices' documents, batch by batch."""
        batches = read_batches(self.documents, close.snapshot_key)
        for some in batched(batches, _BATCHES_AT_ONCE, strict=False):
            for months in side_by_side(self.executor, lambda batch: self._of_batch(close.period, batch), some):
                yield from months

    def _of_batch(self, period: Period, batch: Batch) -> list[Billed]:
        found = []
        for reserved in self.closes.reservations(period, batch.number):
            try:
                lines = self.documents.lines(documents_key(period, batch.number, reserved.first))
                found += [billed(json.loads(line)) for line in lines]
            except KeyError:
                continue  # its numbers are reserved, its documents are not written yet
        return found
