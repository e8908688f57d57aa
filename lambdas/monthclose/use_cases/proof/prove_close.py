"""Prove a close from its records, now: every check with both sides. Nothing is written, and no provider is asked.

What the providers said is taken from the stored report, with the time at which they were asked.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import batched

from monthclose.domain.closes.checks import Check, CheckResult, State
from monthclose.domain.closes.close import BatchProgress, Close, Stage
from monthclose.domain.closes.tally import MOST_NAMED, Tally
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Clock, Closes, Documents, Tell
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, side_by_side
from monthclose.use_cases.proof.check_batch import BatchChecker, Scope
from monthclose.use_cases.proof.check_numbers import check_runs
from monthclose.use_cases.proof.check_results import UNREAD, check_snapshot, digest, in_order, of_records
from monthclose.use_cases.proof.report_close import stored_checks

_BATCHES_AT_ONCE = 64
"""Read side by side before their sums are added: bounds the memory."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What all checks of a close found.

    Parameters
    ----------
    running : bool
        Whether the close has not ended: only its finished batches are checked then.
    batches, checked : int
        How many it has, and how many of them were checked.
    results : tuple of CheckResult
        Those that failed first.
    """

    period: Period
    running: bool
    proved_at: datetime
    batches: int
    checked: int
    results: tuple[CheckResult, ...]

    @property
    def ties(self) -> bool:
        """Whether all that was checked ties."""
        return not any(result.state is State.FAILED for result in self.results)


@dataclass(slots=True)
class _Proving:
    """How far a proof is."""

    tally: Tally
    batches: dict[int, bytes]
    """The fingerprints of the customers of the batches that were found."""


@dataclass(frozen=True, slots=True)
class CloseProver:
    """Proves closes."""

    closes: Closes
    documents: Documents
    checker: BatchChecker
    clock: Clock
    executor: Executor

    def prove(self, period: Period, *, most: int = MOST_NAMED, tell: Tell = lambda _: None) -> Proof:
        """Make all checks, batch by batch, in constant memory.

        Parameters
        ----------
        most : int
            How many failures of each check are named.
        tell : callable
            Receives progress messages, for people.

        Raises
        ------
        UserMistakeError
            The period was never closed.
        TryLaterError
            AWS is briefly unavailable.
        """
        close = self.closes.get(period)
        if close is None:
            raise UserMistakeError(f"{period} has not been closed\nclose it with: monthclose close {period}")
        running, proving = close.completed_at is None, _Proving(Tally(most=most), {})
        scope = self.checker.scope(period, thorough=True)
        for numbers in batched(range(close.batches), _BATCHES_AT_ONCE, strict=False):
            for found in side_by_side(self.executor, partial(self._check, close, scope, running), numbers):
                proving.tally.merge(found.tally)
                proving.batches |= found.batches
            tell(f"{period}: {numbers[-1] + 1:,} of {count(close.batches, 'batch', 'batches')} checked")
        return self._proof(close, proving, running=running)

    def _check(self, close: Close, scope: Scope, running: bool, number: int) -> _Proving:
        try:
            progress = self.closes.progress(close.period, number)
        except OF_ONE_CUSTOMER as error:
            tally = Tally()
            detail = f"the progress of batch {number} cannot be read: {type(error).__name__}: {error}"
            tally.add(Check.RECORDS, 1, 0, what="batches")
            tally.fail(Check.RECORDS, "", detail[:300])
            return _Proving(tally, {number: UNREAD})
        if progress is None or (running and not _is_through(progress)):
            return _Proving(Tally(), {})
        return _Proving(self.checker.check(progress, scope).tally, {number: digest(progress.batch)})

    def _proof(self, close: Close, proving: _Proving, *, running: bool) -> Proof:
        tally, now, checked = proving.tally, self.clock(), len(proving.batches)
        check_runs(tally, self.closes)
        why = check_snapshot(tally, self.documents, close, proving.batches, all_batches=not running, now=now)
        if running:
            why = f"still running: {checked:,} of {count(close.batches, 'batch', 'batches')} are finished and checked"
        results = [*of_records(tally, now, thorough=True, partly=why), *self._of_providers(close, now)]
        return Proof(close.period, running, now, close.batches, checked, tuple(in_order(results)))

    def _of_providers(self, close: Close, now: datetime) -> Iterator[CheckResult]:
        """Take what was compared with the providers from the stored report."""
        found = [result for result in stored_checks(self.documents, close.period) if result.check is Check.PROVIDER]
        yield from found
        if not found:
            why = f"not compared yet: at the end of the close, or with `monthclose reconcile {close.period}`"
            yield CheckResult(Check.PROVIDER, State.NOT_CHECKED, now, why=why)


def _is_through(progress: BatchProgress) -> bool:
    return progress.stage is Stage.CLOSED
