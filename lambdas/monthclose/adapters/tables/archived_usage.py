"""Usage that has left DynamoDB, read from its archive.

A month, once it is archived, keeps its number of parts, so that is remembered. A part's list is read for each question:
usage may have come back, changed, and left again since, and the list is what says which files hold it now.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_archive import (
    FEWEST_MONTHS,
    NOTED_FOR,
    ArchivedMonth,
    ArchivedPart,
    month_folder,
    newest_archived,
    note_key,
    part_of,
)
from monthclose.errors import TryLaterError
from monthclose.ports import Clock, Documents
from monthclose.ports.usage_archive import UsageFiles, WrittenUsage

_ABSENT_FOR = timedelta(minutes=10)
"""How long a month counts as not archived without being asked for again. Usage that leaves DynamoDB can still be read
there for days (`use_cases.archive`), so nobody misses any because of it."""
_ATTEMPTS = 3
"""How often a list is read when its files are gone: another one has taken its place meanwhile."""


class ArchivedUsage:
    """`EarlierUsage` in the archive.

    Parameters
    ----------
    files : callable
        Makes what reads the files: it is not made before there is something to read.
    """

    def __init__(self, documents: Documents, files: Callable[[], UsageFiles], clock: Clock) -> None:
        self._documents, self._files, self._clock = documents, files, clock
        self._parts: dict[Period, int] = {}
        self._absent: dict[Period, datetime] = {}
        self._noted: dict[Period, datetime] = {}

    def may_have(self, period: Period) -> bool:
        """Ask for the month, but for the newest ones, and for those that were not archived a few minutes ago."""
        if self._is_new(period):
            return False
        absent, now = self._absent.get(period), self._clock()
        if period not in self._parts and absent is not None and absent <= now < absent + _ABSENT_FOR:
            return False
        return self._parts_of(period) > 0

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Read the files that may have them, one after the other.

        Raises
        ------
        TryLaterError
            The month is being archived at this moment.
        """
        parts = self._parts_of(period)
        if not parts:
            return
        seen = 0
        for attempt in range(_ATTEMPTS):
            part = ArchivedPart.read(period, part_of(customer_id, parts), self._documents.get)
            try:
                for event in self._read(period, part, customer_id):
                    seen += 1
                    yield event
            except KeyError:
                if seen or attempt + 1 == _ATTEMPTS:
                    raise TryLaterError(f"the usage of {period} is being archived again") from None
            else:
                return

    def comes_back(self, period: Period) -> None:
        """Note the month, so that it is due one day; what this process stores of it afterwards needs no other note."""
        until, now = self._noted.get(period), self._clock()
        if until is None or not until - NOTED_FOR <= now < until:
            until = now + NOTED_FOR
            self._documents.put(note_key(period, until), b"")
            self._noted[period] = until

    def _is_new(self, period: Period) -> bool:
        newest = newest_archived(self._clock(), FEWEST_MONTHS)
        return newest is None or period > newest

    def _read(self, period: Period, part: ArchivedPart, customer_id: str) -> Iterator[UsageEvent]:
        for file in part.of_customer(customer_id):
            written = WrittenUsage(f"{month_folder(period)}{file.name}", file.size)
            yield from self._files().of_customer(written, customer_id)

    def _parts_of(self, period: Period) -> int:
        """Find how many parts a month has; 0: it is not archived."""
        if period not in self._parts:
            month = ArchivedMonth.read(period, self._documents.get)
            if month is None:
                self._absent[period] = self._clock()
                return 0
            self._parts[period] = month.parts
        return self._parts[period]
