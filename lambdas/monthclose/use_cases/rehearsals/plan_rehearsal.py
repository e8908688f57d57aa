"""Plan a rehearsal: its list of batches, then before each pass which of them are left to draft."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched

from monthclose.domain.closes.close import Close
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.ports import Closes, Documents, Rehearsals, TimeIsUp
from monthclose.settings import CloseSettings
from monthclose.use_cases.batch_work import side_by_side
from monthclose.use_cases.closes.snapshot import read_batches, write_batches
from monthclose.use_cases.closes.take_snapshot import Scan, SnapshotTaker
from monthclose.use_cases.rehearsals.rehearse_batch import summary_key
from monthclose.use_cases.rehearsals.standing import standing

_LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Drafting:
    """What a rehearsal's next pass has to do.

    Parameters
    ----------
    unfinished : int
        Batches that it covers; 0: all is drafted, or can be drafted in no pass.
    key : str
        Object that lists them.
    scan : Scan or None
        If time ran out before all customers were scanned: where the next call continues.
    """

    rehearsal: Rehearsal
    unfinished: int = 0
    key: str = ""
    wait_seconds: int = 0
    scan: Scan | None = None


@dataclass(frozen=True, slots=True)
class RehearsalPlanner:
    """Plans the passes of rehearsals. A batch whose summary is stored is drafted."""

    closes: Closes
    rehearsals: Rehearsals
    snapshots: SnapshotTaker
    documents: Documents
    settings: CloseSettings
    executor: Executor

    def plan(
        self, period: Period, number: int, scan: Scan | None = None, time_is_up: TimeIsUp = lambda: False
    ) -> Drafting:
        """Write the list of batches that are still to be drafted.

        Raises
        ------
        UserMistakeError
            There are no customers to bill, or the rehearsal no longer counts (see `standing`).
        """
        rehearsal, close = standing(self.rehearsals, self.closes, period, number)
        if not rehearsal.snapshot_key:
            taken = self._snapshot(rehearsal, close, scan, time_is_up)
            if isinstance(taken, Scan):
                return Drafting(rehearsal, scan=taken)
            rehearsal = taken
        todo = self._undrafted(rehearsal) if rehearsal.round else None
        left = rehearsal.batches if todo is None else len(todo)
        if not left or rehearsal.round >= self.settings.max_rounds:
            if left != rehearsal.undrafted:
                rehearsal = self.rehearsals.put(replace(rehearsal, undrafted=left))
            return Drafting(rehearsal)
        # Write the list first: if this breaks off, the next call must find the pass not begun.
        key = f"{_folder(rehearsal)}/round-{rehearsal.round + 1}.json"
        batches = read_batches(self.documents, rehearsal.snapshot_key)
        some = batches if todo is None else (batch for batch in batches if batch.number in todo)
        write_batches(self.documents, key, some, self.snapshots.queues, self.settings.generated_per_second)
        wait = self.settings.round_wait_seconds * rehearsal.round
        rehearsal = self.rehearsals.put(replace(rehearsal, round=rehearsal.round + 1))
        return Drafting(rehearsal, left, key, wait)

    def _snapshot(
        self, rehearsal: Rehearsal, close: Close | None, scan: Scan | None, time_is_up: TimeIsUp
    ) -> Rehearsal | Scan:
        """Take the close's list of batches if it has one, and a new snapshot otherwise."""
        if close and close.round:
            key, batches, customers = close.snapshot_key, close.batches, close.customers
            listed = replace(rehearsal, snapshot_key=key, batches=batches, customers=customers)
            return self.rehearsals.put(listed)
        found = self.snapshots.take(rehearsal.as_close(close), scan or Scan(), time_is_up, _folder(rehearsal))
        if isinstance(found, Scan):
            return found
        counts = dict(found.counts)
        customers = sum(counts.values())
        return self.rehearsals.put(
            replace(rehearsal, snapshot_key=found.key, batches=found.batches, customers=customers, counts=counts)
        )

    def _undrafted(self, rehearsal: Rehearsal) -> frozenset[int]:
        """Number the batches without a summary."""
        look = partial(self._missing, rehearsal)
        found = [
            number
            for some in batched(range(rehearsal.batches), _LOOKED_UP_AT_ONCE, strict=False)
            for number in side_by_side(self.executor, look, some)
        ]
        return frozenset(number for number in found if number >= 0)

    def _missing(self, rehearsal: Rehearsal, number: int) -> int:
        return -1 if self.documents.has(summary_key(rehearsal, number)) else number


def _folder(rehearsal: Rehearsal) -> str:
    return f"snapshots/{rehearsal.period}/rehearsal-{rehearsal.number}"
