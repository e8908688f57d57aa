"""List the usage files that were dropped, the latest first, and what became of each.

What was imported stands in the audit trail for good. What was only checked, and what was unusable, is known as long as
the parts of imports are kept; whether an import is at work, from the lock on its file.
"""

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from monthclose.domain.audit import RecordedAct
from monthclose.names import USAGE_PREFIX
from monthclose.ports import AuditTrail, Claims, Clock, Inbox, Workflow
from monthclose.ports.inbox import Arrived
from monthclose.use_cases.imports.dropped_file import DroppedFile
from monthclose.use_cases.imports.usage_outcome import IMPORTED_ACT, OutcomeKeeper

OUTCOMES_KEPT = timedelta(days=30)
"""The usage bucket's lifecycle: for so long it keeps what is not in the audit trail."""


_TRIED_FOR = timedelta(hours=25)
"""For a day, a file without room is tried again (`stacks/machines/`); an hour later nobody will."""


class DropState(StrEnum):
    """What became of a dropped file."""

    IMPORTED = "imported"
    CHECKED = "checked"
    """Nothing was stored: only a check was asked for."""
    UNUSABLE = "unusable"
    """Nothing could be taken; its sender has to correct it."""
    WAITING = "waiting"
    """Its import has not begun."""
    IMPORTING = "importing"
    FAILED = "failed"
    """Its import has ended before it was done, or was tried for a day and never began."""
    REPLACED = "replaced"
    """Another version came, or it was deleted, before it was imported."""
    UNKNOWN = "unknown"
    """It was not imported, and too long ago for anybody to know why."""


class Drop(NamedTuple):
    """A version of a file.

    Parameters
    ----------
    ended_at : datetime or None
        When it was imported.
    rows, rejected : int or None
        Rows that were imported (or would be), and that were not; None if that is not known.
    error : str
        Why it is unusable.
    """

    arrived: Arrived
    state: DropState
    ended_at: datetime | None = None
    rows: int | None = None
    rejected: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class DropLister:
    """Lists dropped files."""

    inbox: Inbox
    outcomes: OutcomeKeeper
    trail: AuditTrail
    claims: Claims
    workflow: Workflow
    clock: Clock

    def latest(self, most: int) -> list[Drop]:
        """List the files that were dropped last."""
        files = (each for each in self.inbox.arrived(USAGE_PREFIX) if not each.key.endswith("/"))
        chosen = heapq.nlargest(most, files, key=lambda each: (each.time, each.key, each.latest))
        acts = self._acts(min(each.time for each in chosen)) if chosen else {}
        return [self._became(each, acts.get((each.key, each.version))) for each in chosen]

    def _acts(self, since: datetime) -> Mapping[tuple[str, str], RecordedAct]:
        return {file: act for act in self.trail.find(subject="usage", since=since) for file in _file_of(act)}

    def _became(self, arrived: Arrived, act: RecordedAct | None) -> Drop:
        if act:
            said = json.loads(act.act.after)
            return Drop(arrived, DropState.IMPORTED, act.act.time, said["imported"], said["rejected"])
        file = DroppedFile(arrived.key.removeprefix(USAGE_PREFIX), arrived.version)
        outcome = self.outcomes.find(file)
        if outcome:
            rows = (outcome["taken"], sum(outcome["rejected"].values()))
            return Drop(arrived, DropState(outcome["status"]), None, *rows, outcome["error"])
        return Drop(arrived, self._unfinished(arrived, file))

    def _unfinished(self, arrived: Arrived, file: DroppedFile) -> DropState:
        if self.clock() - arrived.time >= OUTCOMES_KEPT:
            return DropState.UNKNOWN
        if not arrived.latest:
            return DropState.REPLACED
        claim = self.claims.get(file.claim)
        if claim is None or claim.since < arrived.time:  # an earlier version's
            return DropState.WAITING if self.clock() - arrived.time < _TRIED_FOR else DropState.FAILED
        return DropState.IMPORTING if self.workflow.is_running(claim.execution) else DropState.FAILED


def _file_of(recorded: RecordedAct) -> Iterator[tuple[str, str]]:
    """Read which dropped file an act has imported: none, if it was the command that did."""
    said: Any = json.loads(recorded.act.after) if recorded.act.what == IMPORTED_ACT and recorded.act.after else {}
    if "version" in said:
        yield said["file"], said["version"]
