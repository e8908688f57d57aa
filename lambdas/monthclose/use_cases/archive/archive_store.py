"""What archiving keeps among the documents: the months and lists of the archive, and how far a run is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from monthclose.domain.period import Period
from monthclose.domain.usage_archive import (
    ArchivedFile,
    ArchivedMonth,
    ArchivedPart,
    is_outdated,
    month_key,
    note_key,
    noted_period,
    notes_of,
    part_key,
)
from monthclose.names import ARCHIVE_PARTS_PREFIX, USAGE_ARCHIVE_PREFIX, USAGE_CAME_BACK_PREFIX
from monthclose.ports import Documents
from monthclose.use_cases.stored_documents import read_json

_MONTHS = f"{USAGE_ARCHIVE_PREFIX}_months.json"


@dataclass(slots=True)
class ArchivePlan:
    """A run over one month.

    Parameters
    ----------
    name : str
        Its folder's, and part of its files' names.
    parts : int
        Of the month.
    after : str
        The customer up to whom all were dealt into parts, in the order of their store.
    pieces : int
        How many pieces each part's list of customers has so far.
    complete : bool
        Whether all customers are in them.
    """

    period: Period
    name: str
    parts: int
    after: str = ""
    pieces: int = 0
    complete: bool = False


class Read(NamedTuple):
    """A month that is in a file, as it was read; see `PackedMonth.seen`."""

    customer_id: str
    seen: str


@dataclass(slots=True)
class PartProgress:
    """How far a part is.

    Parameters
    ----------
    revision : int
        Of the list that it is based on.
    replaced : list of str
        That list's files, which go when the new list is there.
    begun : list of str
        The files that it has begun to write; those that did not get among `files` go in the end.
    files : list of ArchivedFile
        Written and read back.
    after : str
        The customer up to whom all are in them.
    customers : int
        Whose usage is in them.
    lists : list of str
        The names of the lists of the months read.
    written : bool
        Whether all files are written.
    published : bool
        Whether the new list is there.
    expired : int
        How many of the months read were taken out of DynamoDB, or could not be, as they have changed.
    changed : int
        How many of these have changed.
    done : bool
        Whether nothing is left to do.
    """

    revision: int
    replaced: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    files: list[ArchivedFile] = field(default_factory=list)
    after: str = ""
    customers: int = 0
    lists: list[str] = field(default_factory=list)
    written: bool = False
    published: bool = False
    expired: int = 0
    changed: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveStore:
    """Reads and writes them."""

    documents: Documents

    def month(self, period: Period) -> ArchivedMonth | None:
        """Read what a month has; None if it is not archived."""
        return ArchivedMonth.read(period, self.documents.get)

    def put_month(self, month: ArchivedMonth) -> None:
        """Write what a month has."""
        self.documents.put(month_key(month.period), month.content())

    def months(self) -> set[Period]:
        """Read which months were ever planned."""
        said = read_json(self.documents, _MONTHS)
        return {Period.parse(month) for month in said["months"]} if said else set()

    def add_month(self, period: Period) -> None:
        """Note that a month is planned. One run at a time does."""
        if period not in (known := self.months()):
            self._put(_MONTHS, {"months": sorted(map(str, {*known, period}))})

    def part(self, period: Period, number: int) -> ArchivedPart:
        """Read the list of a part; an empty one if there is none."""
        return ArchivedPart.read(period, number, self.documents.get)

    def put_part(self, period: Period, number: int, part: ArchivedPart) -> None:
        """Write the list of a part."""
        self.documents.put(part_key(period, number), part.content())

    def note_return(self, period: Period, now: datetime) -> None:
        """Note that usage of a month is in DynamoDB."""
        self.documents.put(note_key(period, now), b"")

    def forget_returns(self, period: Period, now: datetime) -> None:
        """Forget that, as the month is archived from now on, but for what may just be being stored."""
        for key in list(self.documents.keys(notes_of(period))):
            if is_outdated(key, now):
                self.documents.delete(key)

    def noted(self) -> set[Period]:
        """Read of which months some usage is in DynamoDB, as far as that was noted."""
        return {noted_period(key) for key in self.documents.keys(USAGE_CAME_BACK_PREFIX)}

    def plan(self, period: Period, name: str) -> ArchivePlan | None:
        """Read a plan."""
        said = read_json(self.documents, f"{_folder(period, name)}/plan.json")
        return ArchivePlan(**said | {"period": period}) if said else None

    def require(self, period: Period, name: str) -> ArchivePlan:
        """Read a plan that must be there.

        Raises
        ------
        KeyError
            It is not.
        """
        plan = self.plan(period, name)
        if plan is None:
            raise KeyError(name)
        return plan

    def put_plan(self, plan: ArchivePlan) -> None:
        """Write a plan."""
        self._put(f"{_folder(plan.period, plan.name)}/plan.json", asdict(plan) | {"period": str(plan.period)})

    def put_customers(self, plan: ArchivePlan, number: int, lines: bytes) -> None:
        """Add a piece to the list of a part's customers, the plan's next one."""
        self.documents.put(f"{_part(plan, number)}/customers-{plan.pieces:05}.txt", lines, "text/plain")

    def customers(self, plan: ArchivePlan, number: int) -> list[str]:
        """Read the customers of a part, sorted."""
        found: set[str] = set()
        for piece in range(plan.pieces):
            lines = self.documents.get(f"{_part(plan, number)}/customers-{piece:05}.txt")
            found.update(lines.decode().removesuffix("\n").split("\n"))
        return sorted(found - {""})

    def progress(self, plan: ArchivePlan, number: int) -> PartProgress | None:
        """Read how far a part is; None if it was not begun."""
        said = read_json(self.documents, f"{_part(plan, number)}/progress.json")
        if said is None:
            return None
        return PartProgress(**said | {"files": [ArchivedFile(**file) for file in said["files"]]})

    def put_progress(self, plan: ArchivePlan, number: int, progress: PartProgress) -> None:
        """Write how far a part is."""
        self._put(f"{_part(plan, number)}/progress.json", asdict(progress))

    def forget_progress(self, plan: ArchivePlan, number: int) -> None:
        """Have a part begin again."""
        self.documents.delete(f"{_part(plan, number)}/progress.json")

    def put_read(self, plan: ArchivePlan, number: int, name: str, read: Sequence[Read]) -> None:
        """Write which months were read since the last such list, under a name that none has."""
        content = "".join(f"{json.dumps(one)}\n" for one in read).encode()
        self.documents.put(f"{_part(plan, number)}/{name}.jsonl", content, "application/jsonl")

    def read(self, plan: ArchivePlan, number: int, progress: PartProgress) -> Iterator[Read]:
        """Iterate over the months of all such lists."""
        for name in progress.lists:
            for line in self.documents.lines(f"{_part(plan, number)}/{name}.jsonl"):
                yield Read(*json.loads(line))

    def _put(self, key: str, content: dict[str, Any]) -> None:
        self.documents.put(key, json.dumps(content, indent=1).encode())


def _folder(period: Period, name: str) -> str:
    return f"{ARCHIVE_PARTS_PREFIX}{period}/{name}"


def _part(plan: ArchivePlan, number: int) -> str:
    return f"{_folder(plan.period, plan.name)}/part-{number:04}"
