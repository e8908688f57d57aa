"""Archive one part of a month: write its usage into files, read them back, list them, and let the packs expire.

Proof before effect: a file is read back from where it is stored, and every event in it compared with what was read from
DynamoDB, before the part's list names it; and only what the list names leaves DynamoDB, on the condition that nothing
was stored in that month since. A part works until its time is up, and the next call continues.

A run that was aborted may still be at work for some minutes while the next one has taken its part over. So each call
has file names of its own, and whatever others can see of it happens only after it has asked whether its run still goes
on.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched, chain, groupby, islice

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.domain.usage_archive import ArchivedFile, ArchivedPart, Counted, month_folder
from monthclose.errors import BrokeOffError, ConflictError, TryLaterError
from monthclose.ports import Clock, TimeIsUp
from monthclose.ports.usage_archive import LeavingUsage, PackedMonth, UsageFiles, WrittenUsage
from monthclose.use_cases.archive.archive_store import ArchivePlan, ArchiveStore, PartProgress, Read
from monthclose.use_cases.batch_work import side_by_side

EXPIRES_AFTER = timedelta(days=7)
"""For how long usage can still be seen in DynamoDB by whoever does not know yet that its month is archived."""
EXPIRING = 16
"""Threads that let months expire."""
_EVENTS_IN_A_FILE = 1_000_000
"""At most, and some 80% of it if a customer ends there: on a function's disk of 512 MB they are text and Parquet."""
_TEXT_IN_A_FILE = 160 * 2**20
_PLAIN_EVENT = 160
"""Characters of an event without a description and attributes."""
_EXPIRED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class PartArchiver:
    """Archives the parts of months."""

    usage: LeavingUsage
    files: UsageFiles
    store: ArchiveStore
    executor: Executor
    clock: Clock
    events_in_a_file: int = _EVENTS_IN_A_FILE

    def archive(
        self,
        plan: ArchivePlan,
        number: int,
        *,
        time_is_up: TimeIsUp = lambda: False,
        require: Callable[[], None] = lambda: None,
    ) -> bool:
        """Archive a part from where it was, and return whether all of it is archived.

        Parameters
        ----------
        require : callable
            Checks that this run still is the one that archives.

        Raises
        ------
        BrokeOffError
            Another run archives now.
        ConflictError
            Another run has archived the part meanwhile.
        TryLaterError
            A service is briefly unavailable, or a file did not come back as it was written.
        """
        progress = self.store.progress(plan, number) or self._begin(plan, number)
        if not progress.written and not self._write(plan, number, progress, time_is_up, require):
            return False
        if not progress.published:
            require()
            self._publish(plan, number, progress)
        return progress.done or self._expire(plan, number, progress, time_is_up, require)

    def _begin(self, plan: ArchivePlan, number: int) -> PartProgress:
        before = self.store.part(plan.period, number)
        progress = PartProgress(before.revision, [file.name for file in before.files])
        self.store.put_progress(plan, number, progress)
        return progress

    def _write(
        self,
        plan: ArchivePlan,
        number: int,
        progress: PartProgress,
        time_is_up: TimeIsUp,
        require: Callable[[], None],
    ) -> bool:
        """Write the files, and return whether all are written."""
        before = self.store.part(plan.period, number)
        ids = [name for name in self.store.customers(plan, number) if name > progress.after]
        live = self.usage.packed(UsageMonth(name, plan.period) for name in ids)
        first = next(live, None)
        if first is None and not progress.files:
            progress.written = progress.published = progress.done = True  # nothing has come since the last list
            if not before.revision:
                self.store.put_part(plan.period, number, ArchivedPart(revision=1))
            self.store.put_progress(plan, number, progress)
            return True
        months = _Months(chain((first,) if first else (), live), self._old(plan, before, progress.after))
        writer = _PartWriter(self, plan, number, progress, months, require)
        while writer.write_next():
            if time_is_up():
                return False
        progress.written = True
        self.store.put_progress(plan, number, progress)
        return True

    def _old(self, plan: ArchivePlan, before: ArchivedPart, after: str) -> Iterator[UsageEvent]:
        """Stream what was archived before, of the customers after one."""
        for file in before.files:
            if file.last > after:
                found = self.files.read(_written(plan.period, file))
                yield from (event for event in found if event.customer_id > after)

    def _publish(self, plan: ArchivePlan, number: int, progress: PartProgress) -> None:
        """Put the new list in place of the old one, and remove the old files."""
        stored = self.store.part(plan.period, number)
        new = ArchivedPart(tuple(progress.files), progress.customers, progress.revision + 1)
        if stored.revision == progress.revision:
            self.store.put_part(plan.period, number, new)
        elif stored != new:
            self.remove(plan, progress.begun)
            self.store.forget_progress(plan, number)
            raise ConflictError(f"part {number} of {plan.period} was archived by another run")
        listed = {file.name for file in progress.files}
        self.remove(plan, (name for name in (*progress.replaced, *progress.begun) if name not in listed))
        progress.published = True
        self.store.put_progress(plan, number, progress)

    def remove(self, plan: ArchivePlan, names: Iterable[str]) -> None:
        """Remove files that no list names: query engines would count them."""
        for name in names:
            self.store.documents.delete(f"{month_folder(plan.period)}{name}")

    def _expire(
        self,
        plan: ArchivePlan,
        number: int,
        progress: PartProgress,
        time_is_up: TimeIsUp,
        require: Callable[[], None],
    ) -> bool:
        """Let the months that were read expire, and return whether all have had their turn."""
        left = islice(self.store.read(plan, number, progress), progress.expired, None)
        expire = partial(self._expire_one, plan.period)
        for some in batched(left, _EXPIRED_AT_ONCE, strict=False):
            require()
            gone = side_by_side(self.executor, expire, some)
            progress.expired += len(some)
            progress.changed += sum(not one for one in gone)
            if progress.changed:
                self.store.note_return(plan.period, self.clock())
            self.store.put_progress(plan, number, progress)
            if time_is_up():
                return False
        progress.done = True
        self.store.put_progress(plan, number, progress)
        return True

    def _expire_one(self, period: Period, read: Read) -> bool:
        return self.usage.expire(UsageMonth(read.customer_id, period), read.seen, self.clock() + EXPIRES_AFTER)


def _written(period: Period, file: ArchivedFile) -> WrittenUsage:
    return WrittenUsage(f"{month_folder(period)}{file.name}", file.size)


class _Months:
    """A part's events, customer after customer: those in DynamoDB, and of the others what was archived before.

    Parameters
    ----------
    old : iterator of UsageEvent
        Sorted by customer, as `live` is.
    """

    def __init__(self, live: Iterator[PackedMonth], old: Iterator[UsageEvent]) -> None:
        self._live, self._old = live, groupby(old, key=lambda event: event.customer_id)
        self._next_live, self._next_old = next(self._live, None), next(self._old, None)
        self.read: list[Read] = []
        """The months in DynamoDB whose events have all gone by, since this was emptied last."""

    def __iter__(self) -> Iterator[Iterator[UsageEvent]]:
        while self._next_live or self._next_old:
            live, old = self._next_live, self._next_old
            if old and (live is None or old[0] < live.month.customer_id):
                yield old[1]
                self._next_old = next(self._old, None)
            elif live:
                if old and old[0] == live.month.customer_id:
                    self._next_old = next(self._old, None)  # what is in DynamoDB again has all of it
                yield self._reading(live)
                self._next_live = next(self._live, None)

    def _reading(self, month: PackedMonth) -> Iterator[UsageEvent]:
        """Stream a month; one without events would leave with the archived copy that it is taken for newer than."""
        event = None
        for event in month.events():
            yield event
        if event is None:
            raise TryLaterError(f"there was no usage of {month.month.period} where some is: nothing is archived")
        self.read.append(Read(month.month.customer_id, month.seen))


class _PartWriter:
    """Writes a part's files, one after the other, each read back before the next."""

    def __init__(
        self,
        archiver: PartArchiver,
        plan: ArchivePlan,
        number: int,
        progress: PartProgress,
        months: _Months,
        require: Callable[[], None],
    ) -> None:
        self._archiver, self._plan, self._number, self._progress = archiver, plan, number, progress
        self._months, self._require = months, require
        self._call = secrets.token_hex(4)
        """Part of the names of what it writes: nobody else writes the same."""
        self._events = self._all()
        self._next = next(self._events, None)
        self._ended: list[str] = []
        """The customers whose events have all gone by, since the last list."""

    def _all(self) -> Iterator[UsageEvent]:
        for events in self._months:
            last = ""
            for event in events:
                last = event.customer_id
                yield event
            if last:
                self._ended.append(last)

    def write_next(self) -> bool:
        """Write files until one ends with a customer, and return whether there was anything to write."""
        if self._next is None:
            return False
        files = list[ArchivedFile]()
        while True:
            files.append(self._write_one(len(self._progress.files) + len(files)))
            if self._next is None or self._next.customer_id != files[-1].last:
                break
        self._keep(files)
        return True

    def _keep(self, files: list[ArchivedFile]) -> None:
        archiver, progress = self._archiver, self._progress
        try:
            self._require()
        except BrokeOffError:
            archiver.remove(self._plan, (file.name for file in files))
            raise
        name = f"read-{len(progress.lists):04}-{self._call}"
        archiver.store.put_read(self._plan, self._number, name, self._months.read)
        progress.lists.append(name)
        progress.files += files
        progress.after = files[-1].last
        progress.customers += len(self._ended)
        archiver.store.put_progress(self._plan, self._number, progress)
        self._months.read, self._ended = [], []

    def _write_one(self, index: int) -> ArchivedFile:
        self._require()
        name = f"part-{self._number:04}-{self._plan.name}-{self._call}-{index:03}.parquet"
        self._progress.begun.append(name)
        self._archiver.store.put_progress(self._plan, self._number, self._progress)
        put, back, last = Counted(), Counted(), ""
        assert self._next is not None
        first = self._next.customer_id
        files = self._archiver.files
        written = files.write(f"{month_folder(self._plan.period)}{name}", put.counting(self._some()))
        for event in back.counting(files.read(written)):
            last = event.customer_id
        if put != back:
            raise TryLaterError(f"{written.key} did not come back as it was written: nothing has left DynamoDB for it")
        return ArchivedFile(name, first, last, put.events, f"{put.quantity:f}", written.size)

    def _some(self) -> Iterator[UsageEvent]:
        """Take the events of one file."""
        most, taken, text, customer = self._archiver.events_in_a_file, 0, 0, ""
        while self._next is not None:
            event = self._next
            begins = event.customer_id != customer
            if taken >= most or text >= _TEXT_IN_A_FILE or (begins and taken >= most * 0.8):
                return
            self._next = next(self._events, None)
            taken, customer = taken + 1, event.customer_id
            text += _PLAIN_EVENT + len(event.description) + sum(len(n) + len(said) for n, said in event.attributes)
            yield event
