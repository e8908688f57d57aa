"""The report pack of a close: what finance gets when a month has been closed, and where each file of it is.

Each pack has a folder of its own, so a pack that is being made never changes the one that finance is reading. The
period's manifest says which pack is the current one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from monthclose.domain.closes.close import Totals
from monthclose.domain.period import Period

PREFIX = "packs/"
"""Of all packs' objects."""
FIGURES, INDEX, MANIFEST = "figures.json", "index.html", "manifest.json"
REPORT, QUERIES = "report.html", "athena.sql"
"""Files that every pack has beside its tables."""


class MadeFor(StrEnum):
    """Why a pack is made."""

    CLOSE = "close"
    """A close has ended."""
    CHANGE = "change"
    """The reconciler found that the books have changed since the last one."""
    PERSON = "person"
    """Somebody asked for it."""


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file of a pack.

    Parameters
    ----------
    name : str
        Within the pack's folder: `invoices.csv`, `parquet/invoices/invoices.parquet`.
    what : str
        What it holds, for people.
    rows : int or None
        How many rows it has, without its header; None if it is no table.
    size : int
        In bytes.
    """

    name: str
    what: str
    rows: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that is complete.

    Parameters
    ----------
    name : str
        Its folder's.
    run : int
        The run of the close that it is about.
    planned_at, made_at : datetime
        Its rows were read between the two.
    state : str
        What the status of the close came to when it was planned (see `state_of`): another one means that it is out of
        date.
    unreadable : tuple of str
        Whose records, or which documents, could not be read; the first of them, with the reason.
    unreadable_in_all : int
        How many there are.
    """

    period: Period
    name: str
    run: int
    made_for: MadeFor
    planned_at: datetime
    made_at: datetime
    state: str
    customers: int
    files: tuple[PackFile, ...]
    unreadable: tuple[str, ...] = ()
    unreadable_in_all: int = 0
    remarks: tuple[str, ...] = ()
    """Which files and payouts are missing, and why; which figures do not tie with the ledger."""
    replaces: str = ""
    """The name of the pack whose place it took; empty for the period's first one."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Entries of a later release."""

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """All files of its folder, the manifest last: whoever removes a pack can begin again until that is gone."""
        return (INDEX, *(file.name for file in self.files), MANIFEST)

    def key_of(self, file: str) -> str:
        """Name the object of one of its files."""
        return pack_key(self.period, self.name, file)

    def content(self) -> dict[str, Any]:
        """Write it as JSON."""
        content = asdict(self)
        times = {name: getattr(self, name).isoformat() for name in ("planned_at", "made_at")}
        return {**content.pop("more"), **content, **times, "period": str(self.period)}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Pack:
        """Read it from parsed JSON."""
        known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        read = {
            "period": Period.parse(content["period"]),
            "made_for": MadeFor(content["made_for"]),
            "planned_at": datetime.fromisoformat(content["planned_at"]),
            "made_at": datetime.fromisoformat(content["made_at"]),
            "files": tuple(PackFile(**file) for file in content["files"]),
            "unreadable": tuple(content.get("unreadable", ())),
            "remarks": tuple(content.get("remarks", ())),
        }
        more = {name: value for name, value in content.items() if name not in cls.__dataclass_fields__}
        return cls(**known | read | {"more": more})


@dataclass(frozen=True, slots=True)
class PackFailure:
    """That a pack could not be made, and why."""

    time: datetime
    why: str

    def content(self) -> dict[str, str]:
        """Write it as JSON."""
        return {"time": self.time.isoformat(), "why": self.why}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> PackFailure:
        """Read it from parsed JSON."""
        return cls(datetime.fromisoformat(content["time"]), content["why"])


def pack_key(period: Period, name: str, file: str) -> str:
    """Name the object of a pack's file."""
    return f"{PREFIX}{period}/{name}/{file}"


def manifest_key(period: Period) -> str:
    """Name the object that says which pack of a period is the current one, and what is in it."""
    return f"{PREFIX}{period}/manifest.json"


def failure_key(period: Period) -> str:
    """Name the object that says why the last pack of a period could not be made."""
    return f"{PREFIX}{period}/failure.json"


def state_of(totals: Iterable[Totals]) -> str:
    """Make a fingerprint of what the batches of a close add up to: it changes with every payment, credit and hold."""
    content = json.dumps(asdict(sum(totals, Totals())), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
