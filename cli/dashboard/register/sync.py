"""Bring the copy up to date: list the register's objects, fetch those that have changed, and load them.

A listing has a thousand objects, so ten of them show whatever has changed in a period of ten million customers. Of the
tables only the closes are read: one small item for each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Protocol

from cli.dashboard.register.load import Fetched, forget, forget_unlisted, load, opened
from cli.dashboard.register.other_rows import OtherRows
from cli.dashboard.register.schema import CUSTOMERS as MAKE_CUSTOMERS
from monthclose.domain.closes.close import Close
from monthclose.domain.register.objects import ACCOUNTS, BATCHES, COMPLETE, CUSTOMERS, instant, listed_since, written_at

if TYPE_CHECKING:
    from cli.dashboard.register.cache import Cache
    from monthclose.ports import AuditTrail, Closes, Documents, ListedObject, RegisterObjects

_READERS = 32
_MOST_OBJECTS, _MOST_BYTES = 512, 32 << 20
"""Loaded at once: uncompressed, so much fits into any machine's memory."""
_SOON, _LATER = timedelta(seconds=4), timedelta(minutes=2)
"""For how long a listing is good enough: of what is changing, and of closes that have ended."""


@dataclass(frozen=True, slots=True)
class State:
    """How far the copy is.

    Parameters
    ----------
    as_of : datetime or None
        When the register was listed that the copy corresponds to; None before the first time.
    done, todo : int
        Objects that the run under way has fetched, and has to fetch; 0 of 0 if none is under way.
    unreadable : int
        Objects that could not be read in the last run: the next one tries them again.
    lost : int
        Lines that cannot be read in objects that otherwise can.
    error : str
        Why the last run broke off; empty if it did not.
    """

    as_of: datetime | None = None
    done: int = 0
    todo: int = 0
    unreadable: int = 0
    lost: int = 0
    error: str = ""


class Ports(Protocol):
    """What a copy is made from."""

    @property
    def register(self) -> RegisterObjects:
        """The register."""

    @property
    def closes(self) -> Closes:
        """The closes."""

    @property
    def documents(self) -> Documents:
        """Where reports are."""

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""


class Sync:
    """Keeps a copy up to date. One run at a time; whoever asks meanwhile gets what is there."""

    def __init__(self, cache: Cache, ports: Ports, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._cache, self._register, self._closes, self._now = cache, ports.register, ports.closes, now
        self._others = OtherRows(ports)
        self._running = threading.Lock()
        self._looked: dict[str, datetime] = {}
        self._changed = False
        """Whether rows have changed since the copy's revision rose last, also in a run that broke off."""
        self.state = State(self._kept_as_of(), lost=self._lost())

    def refresh(self, *, at_once: bool = False) -> State:
        """Bring the copy up to date, unless that is being done, or was done a moment ago.

        Parameters
        ----------
        at_once : bool
            However short that moment is.
        """
        if self._running.acquire(blocking=False):
            try:
                self._refresh(at_once=at_once)
            finally:
                self._running.release()
        return self.state

    def _refresh(self, *, at_once: bool) -> None:
        begun = self._now()
        self.state = replace(self.state, error="", done=0, todo=0, unreadable=0)
        try:
            closes = self._closes.all()
            due = [prefix for prefix, pause in _prefixes(closes) if at_once or self._is_due(prefix, begun, pause)]
            for prefix in due:
                self._bring_up_to_date(prefix)
            self._looked |= dict.fromkeys(due, begun)
            self._note(closes, begun)
        except BaseException as error:
            self.state = replace(self.state, error=str(error) or type(error).__name__, done=0, todo=0)
            raise
        self.state = replace(self.state, as_of=begun, done=0, todo=0, lost=self._lost())
        if self._changed:
            self._cache.revision += 1
            self._changed = False

    def _is_due(self, prefix: str, now: datetime, pause: timedelta) -> bool:
        looked = self._looked.get(prefix)
        return looked is None or now - looked >= pause

    def _bring_up_to_date(self, prefix: str) -> None:
        """Fetch what has changed below a prefix."""
        listed = [*self._register.listed(prefix)]
        since = listed_since(each.key for each in listed)
        kept = self._kept(prefix, since)
        there = {each.key for each in listed}
        gone = kept.keys() - there
        if gone and prefix == CUSTOMERS:
            # These are written once and kept for a year: what was listed here was another history.
            self._cache.start_again()
            self._others.forget()
            self._changed, self.state = True, replace(self.state, as_of=None)
            self._looked, kept, gone = {}, {}, set()
        wanted = [each for each in listed if kept.get(each.key) != each.version and _is_read(each, since)]
        self._fetch_all(wanted)
        if gone:
            forget(self._cache.cursor(), gone)
            self._changed = True
        if since and wanted:
            forget_unlisted(self._cache.cursor(), instant(since))

    def _kept(self, prefix: str, since: datetime | None) -> dict[str, str]:
        """Name the objects below a prefix that the copy has, with their versions."""
        rows = (
            self._cache.cursor()
            .execute("SELECT key, version FROM objects WHERE starts_with(key, ?)", [prefix])
            .fetchall()
        )
        return {key: version for key, version in rows if not (since and (written_at(key) or since) < since)}

    def _fetch_all(self, wanted: Sequence[ListedObject]) -> None:
        self.state = replace(self.state, todo=self.state.todo + len(wanted))
        for portion in _portions(self._fetch(wanted)):
            load(self._cache.cursor(), portion)
            self._changed = True
            self.state = replace(self.state, done=self.state.done + len(portion))

    def _fetch(self, wanted: Sequence[ListedObject]) -> Iterator[Fetched]:
        if not wanted:
            return
        with ThreadPoolExecutor(_READERS, "register") as pool:
            for some in batched(wanted, _READERS, strict=False):
                for found in pool.map(self._get, some):
                    if found:
                        yield found

    def _get(self, wanted: ListedObject) -> Fetched | None:
        try:
            found = opened(wanted.key, wanted.version, self._register.content(wanted.key))
        except KeyError:  # gone since it was listed
            return None
        if found is None:
            self.state = replace(self.state, unreadable=self.state.unreadable + 1)
        return found

    def _note(self, closes: Sequence[Close], as_of: datetime) -> None:
        """Note which closes there are, and bring up to date what is made of all rows together."""
        connection = self._cache.cursor()
        rows = [(str(close.period), close.batches, close.completed_at is not None) for close in closes]
        others_changed = self._others.bring(connection, closes, as_of)
        others_changed |= {*connection.execute("SELECT * FROM closes").fetchall()} != {*rows}
        connection.execute("BEGIN")
        connection.execute("DELETE FROM closes")
        if rows:
            connection.executemany("INSERT INTO closes VALUES (?, ?, ?)", rows)
        if self._changed:
            connection.execute(MAKE_CUSTOMERS)
        connection.execute("UPDATE release SET as_of = ?", [instant(as_of)])
        connection.execute("COMMIT")
        self._changed |= others_changed

    def _lost(self) -> int:
        ((lost,),) = self._cache.cursor().execute("SELECT coalesce(sum(lost), 0)::BIGINT FROM objects").fetchall()
        return int(lost)

    def _kept_as_of(self) -> datetime | None:
        row = self._cache.cursor().execute("SELECT as_of FROM release").fetchone()
        return datetime.fromisoformat(row[0]) if row and row[0] else None


def _prefixes(closes: Sequence[Close]) -> Iterator[tuple[str, timedelta]]:
    """Name what is listed, and for how long that is good enough."""
    yield CUSTOMERS, _SOON
    yield ACCOUNTS, _SOON
    for number, close in enumerate(closes):
        newest_or_under_way = number == 0 or close.completed_at is None
        yield f"{BATCHES}{close.period}/", _SOON if newest_or_under_way else _LATER


def _is_read(listed: ListedObject, since: datetime | None) -> bool:
    """Whether an object says anything that a later list of all customers does not."""
    if listed.key.startswith(COMPLETE):
        return False
    at = written_at(listed.key)
    return not (since and at and at < since)


def _portions(found: Iterable[Fetched]) -> Iterator[list[Fetched]]:
    portion, size = list[Fetched](), 0
    for each in found:
        portion.append(each)
        size += len(each.text)
        if len(portion) >= _MOST_OBJECTS or size >= _MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
