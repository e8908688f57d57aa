"""What a report pack keeps among the documents while it is made: its plan, how far its parts are, its tables' files."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.figures import Figures
from monthclose.domain.pack.pack import MadeFor, PackFile
from monthclose.domain.period import Period
from monthclose.names import PACK_PARTS_PREFIX
from monthclose.ports import Documents
from monthclose.use_cases.stored_documents import read_json

MOST_UNREADABLE = 50
"""Customers or documents that a pack names because they could not be read; all are counted."""


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What a pack is made of.

    Parameters
    ----------
    name : str
        Its folder's.
    run : int
        The run of the close that it is about.
    state : str
        What the close's status came to when it was planned.
    parts : int
        Into how many parts of about the same size its batches, and the others, are cut.
    others_key, others : str, int
        Where those customers are whom a calendar month's close does not bill, and how many: see `Close.others_key`.
    """

    period: Period
    name: str
    run: int
    made_for: MadeFor
    planned_at: datetime
    state: str
    customers: int
    batches: int
    parts: int
    others_key: str = ""
    others: int = 0

    def batches_of(self, part: int) -> range:
        """Return the numbers of a part's batches: those that follow one another, so rows keep the close's order."""
        return range(part * self.batches // self.parts, (part + 1) * self.batches // self.parts)

    def others_of(self, part: int) -> range:
        """Return the places of a part's other customers in their list."""
        return range(part * self.others // self.parts, (part + 1) * self.others // self.parts)


class Piece(NamedTuple):
    """Rows of a table that a part has read: an object for people's files, and one for programs'.

    Parameters
    ----------
    key : str
        Of the two objects, without their endings.
    size : int
        Of the two together, in bytes.
    """

    key: str
    rows: int
    size: int

    @property
    def for_people(self) -> str:
        """The object with CSV as people get it, without a header."""
        return f"{self.key}.csv"

    @property
    def for_programs(self) -> str:
        """The object with CSV that has every text as it is."""
        return f"{self.key}.raw"


@dataclass(slots=True)
class PackPart:
    """How far a part is.

    Parameters
    ----------
    next_batch, next_other : int
        How many of its batches, and then of its other customers, are read.
    pieces : mapping
        By table, in order.
    unreadable : list of str
        The first customers or documents that could not be read, and why.
    figures : Figures
        Of its customers.
    """

    done: bool = False
    next_batch: int = 0
    next_other: int = 0
    pieces: dict[str, list[Piece]] = field(default_factory=lambda: defaultdict(list))
    unreadable: list[str] = field(default_factory=list)
    unreadable_in_all: int = 0
    figures: Figures = field(default_factory=Figures)

    def skip(self, what: str) -> None:
        """Note what could not be read."""
        self.unreadable_in_all += 1
        if len(self.unreadable) < MOST_UNREADABLE:
            self.unreadable.append(what)


@dataclass(slots=True)
class WrittenTable:
    """How far a table is: the files of it that are written, those of the same rows together."""

    done: bool = False
    files: list[PackFile] = field(default_factory=list)


class PackStore:
    """Keeps packs among the documents.

    Two workers that read the same part at the same time do no harm: pieces have names of their own, and whichever
    writes the part's state last names its own pieces. Files are made from pieces that no longer change, so whoever
    writes one again writes the same.
    """

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def plan(self, period: Period, name: str) -> PackPlan | None:
        """Read a pack's plan."""
        content = read_json(self.documents, f"{_folder(period, name)}/plan.json")
        if content is None:
            return None
        planned_at, made_for = datetime.fromisoformat(content["planned_at"]), MadeFor(content["made_for"])
        return PackPlan(**content | {"period": period, "planned_at": planned_at, "made_for": made_for})

    def require(self, period: Period, name: str) -> PackPlan:
        """Read a pack's plan.

        Raises
        ------
        UserMistakeError
            There is no such pack, or not any more: what it was made from is kept for a month.
        """
        plan = self.plan(period, name)
        if plan is None:
            raise UserMistakeError(f"there is no report pack {name} of {period}")
        return plan

    def put_plan(self, plan: PackPlan) -> None:
        """Write a pack's plan."""
        content = {**asdict(plan), "period": str(plan.period), "planned_at": plan.planned_at.isoformat()}
        self._put(f"{_folder(plan.period, plan.name)}/plan.json", content)

    def part(self, plan: PackPlan, number: int) -> PackPart:
        """Read how far a part is."""
        content = read_json(self.documents, f"{_folder(plan.period, plan.name)}/part-{number:04}.json")
        if content is None:
            return PackPart()
        found = {table: [Piece(*piece) for piece in pieces] for table, pieces in content["pieces"].items()}
        figures = Figures.from_content(content["figures"])
        return PackPart(**content | {"pieces": defaultdict(list, found), "figures": figures})

    def put_part(self, plan: PackPlan, number: int, part: PackPart) -> None:
        """Write how far a part is."""
        content = {name: getattr(part, name) for name in PackPart.__slots__} | {"figures": part.figures.content()}
        self._put(f"{_folder(plan.period, plan.name)}/part-{number:04}.json", content)

    def pieces(self, plan: PackPlan, table: str) -> Iterator[Piece]:
        """Iterate over a table's pieces, in order."""
        for number in range(plan.parts):
            yield from self.part(plan, number).pieces.get(table, ())

    def table(self, plan: PackPlan, name: str) -> WrittenTable:
        """Read how far a table's files are."""
        content = read_json(self.documents, f"{_folder(plan.period, plan.name)}/table-{name}.json")
        if content is None:
            return WrittenTable()
        return WrittenTable(**content | {"files": [PackFile(**file) for file in content["files"]]})

    def put_table(self, plan: PackPlan, name: str, table: WrittenTable) -> None:
        """Write how far a table's files are."""
        self._put(f"{_folder(plan.period, plan.name)}/table-{name}.json", asdict(table))

    def piece_key(self, plan: PackPlan, part: int, name: str) -> str:
        """Name an object that a part writes."""
        return f"{_folder(plan.period, plan.name)}/part-{part:04}/{name}"

    def claim_mail(self, plan: PackPlan) -> bool:
        """Claim the e-mail about a run's pack: whoever gets it sends it, so there is at most one."""
        key = f"{PACK_PARTS_PREFIX}{plan.period}/mailed-run-{plan.run:04}.json"
        return self.documents.put_new(key, json.dumps({"pack": plan.name}).encode())

    def _put(self, key: str, content: Mapping[str, Any]) -> None:
        self.documents.put(key, json.dumps(content, indent=1).encode())


def _folder(period: Period, name: str) -> str:
    return f"{PACK_PARTS_PREFIX}{period}/{name}"
