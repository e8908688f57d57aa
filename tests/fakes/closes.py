"""Closes, rehearsals and claims."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from monthclose.domain.closes.close import BatchProgress, Close
from monthclose.domain.events import Change
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.errors import ConflictError
from monthclose.ports import (
    Claim,
    NumberedRun,
    Register,
    Reservation,
)
from tests.fakes.register import FakeRegister


class FakeCloses:
    """`Closes` in memory."""

    def __init__(self) -> None:
        self.hear: Callable[[Change], object] = lambda _change: None
        """Is told of what was written, as the table's stream tells the function."""
        self.register: Register = FakeRegister()
        self._closes: dict[Period, Close] = {}
        self._progress: dict[tuple[Period, int], BatchProgress] = {}
        self._reservations: dict[tuple[Series, Period, int], list[Reservation]] = defaultdict(list)
        self._runs: dict[Series, list[NumberedRun]] = defaultdict(list)

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        return next((run for run in self._runs[series] if run.first <= number < run.first + run.count), None)

    def get(self, period: Period) -> Close | None:
        return self._closes.get(period)

    def put(self, close: Close) -> Close:
        stored = self._closes.get(close.period)
        if (stored.version if stored else 0) != close.version:
            raise ConflictError(f"close {close.period} is not at version {close.version}")
        self._closes[close.period] = replace(close, version=close.version + 1)
        self.hear(Change(stored, self._closes[close.period]))
        return self._closes[close.period]

    def all(self) -> list[Close]:
        return [self._closes[period] for period in sorted(self._closes, reverse=True)]

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        return self._progress.get((period, batch))

    def put_progress(self, progress: BatchProgress, months: Collection[CustomerMonth] = ()) -> None:
        if months:
            self.register.put_batch(progress, months)
        before = self._progress.get((progress.period, progress.batch.number))
        self._progress[progress.period, progress.batch.number] = progress
        self.hear(Change(before, progress))

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        yield from [progress for (of, _), progress in self._progress.items() if of == period]

    def left_to_reconcile(self, period: Period, provider: str) -> Iterator[BatchProgress]:
        found = [progress for (of, _), progress in self._progress.items() if of == period]
        yield from [p for p in found if p.left_to_reconcile and p.batch.provider == provider]

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        return list(self._reservations[series, period, batch])

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        stored, runs = self._reservations[series, period, batch], self._runs[series]
        if len(stored) != earlier:
            raise ConflictError(f"batch {batch} has {len(stored)} reservations, not {earlier}")
        first = runs[-1].first + runs[-1].count if runs else 1
        stored.append(Reservation(first, count, drafts_key))
        runs.append(NumberedRun(period, batch, first, count))
        return stored[-1]


class FakeClaims:
    """`Claims` in memory."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def get(self, name: str) -> Claim | None:
        return self._claims.get(name)

    def put(self, claim: Claim) -> None:
        stored = self._claims.get(claim.name)
        if (stored.version if stored else 0) != claim.version:
            raise ConflictError(f"claim {claim.name} is not at version {claim.version}")
        self._claims[claim.name] = replace(claim, version=claim.version + 1)


class FakeRehearsals:
    """`Rehearsals` in memory."""

    def __init__(self) -> None:
        self._rehearsals: dict[Period, Rehearsal] = {}

    def get(self, period: Period) -> Rehearsal | None:
        return self._rehearsals.get(period)

    def put(self, rehearsal: Rehearsal) -> Rehearsal:
        stored = self._rehearsals.get(rehearsal.period)
        if (stored.version if stored else 0) != rehearsal.version:
            raise ConflictError(f"the rehearsal of {rehearsal.period} is not at version {rehearsal.version}")
        self._rehearsals[rehearsal.period] = replace(rehearsal, version=rehearsal.version + 1)
        return self._rehearsals[rehearsal.period]
