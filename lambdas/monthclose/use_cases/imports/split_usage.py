"""Split a large usage file into lanes that are loaded in parallel.

The order of two rows matters only if they are the same customer's: ids are unique within a customer's month, and a
correction names an event of the same month. So all rows of a customer go into the same lane, in the file's order, and
the lanes are independent. The result is that of importing the file in one piece.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.names import PARTS_PREFIX
from monthclose.ports import Inbox, TimeIsUp
from monthclose.use_cases.imports.by_customer import Dealer, Lengths, Slice, parts_of, read_line, sorted_rows
from monthclose.use_cases.imports.dropped_file import DroppedFile

_ROWS_BETWEEN_CHECKS = 10_000
"""Rows between two checks of the time left."""


@dataclass(frozen=True, slots=True)
class Split:
    """The stored description of a split file.

    Parameters
    ----------
    horizon_days : int
        How old its usage may be.
    parts : tuple of int
        How many parts each lane has.
    check : bool
        Whether nothing is to be stored.
    runs : tuple
        What each run of rows holds, see `Lengths`. Earlier releases wrote each part as an object of its own: empty.
    part_bytes : int
        How much of the runs is loaded at a time.
    results : str
        Name of the folder of the parts' results: another for each way to split the file. Parts of another way have
        other rows, so their results say nothing about these parts. Earlier releases had none.
    """

    name: str
    version: str
    columns: tuple[str, ...]
    layout: ColumnMapping
    horizon_days: int
    parts: tuple[int, ...]
    check: bool = False
    runs: tuple[Lengths, ...] = ()
    part_bytes: int = 0
    results: str = ""

    @property
    def file(self) -> DroppedFile:
        """The file."""
        return DroppedFile(self.name, self.version)

    def part_key(self, lane: int, part: int, what: str) -> str:
        """Name an object of a lane's part: what came of it."""
        folder = f"{self.file.run}/{self.results}" if self.results else self.file.run
        return f"{PARTS_PREFIX}{folder}/lane-{lane:03}/{part:05}.{what}"

    def with_results(self) -> "Split":
        """Name the folder of the results after everything that the parts' rows and results depend on."""
        return replace(self, results=hashlib.sha256(self.content()).hexdigest()[:12])

    def content(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, content: bytes) -> "Split":
        """Read it from JSON."""
        values: dict[str, Any] = json.loads(content)
        lists = {"columns": tuple(values["columns"]), "parts": tuple(values["parts"])}
        runs = tuple([(bucket, length) for bucket, length in held] for held in values.get("runs", ()))
        return cls(**{**values, **lists, "runs": runs, "layout": ColumnMapping(**values["layout"])})


def split_key(run: str) -> str:
    """Name the object that describes a split file."""
    return f"{PARTS_PREFIX}{run}/split.json"


def lanes_key(run: str) -> str:
    """Name the object that lists the lanes, for the Map."""
    return f"{PARTS_PREFIX}{run}/lanes.json"


@dataclass(frozen=True, slots=True)
class SplitFile:
    """The rows of a split file, in its inbox."""

    inbox: Inbox
    run: str

    def put(self, number: int, pieces: Iterable[bytes]) -> None:
        """Write a run of rows."""
        self.inbox.write(self._key(number), pieces)

    def read(self, part: Slice) -> bytes:
        """Read a part of a run."""
        return self.inbox.get_slice(self._key(part.run), part.offset, part.length)

    def _key(self, number: int) -> str:
        return f"{PARTS_PREFIX}{self.run}/runs/{number:05}.rows"


class LanePart(NamedTuple):
    """A part of a lane.

    Parameters
    ----------
    size : float
        Its bytes; infinite if that was not kept.
    rows : callable
        Reads its rows, customer by customer.
    """

    size: float
    rows: Callable[[], Iterator[Row]]


def lane_parts(inbox: Inbox, split: Split, lane: int) -> Iterator[LanePart]:
    """List the parts of a lane."""
    file, columns = SplitFile(inbox, split.file.run), split.columns
    if split.runs:
        for part in parts_of(split.runs, len(split.parts), split.part_bytes)[lane]:
            yield LanePart(sum(each.length for each in part), partial(sorted_rows, file, part, columns))
        return
    for number in range(split.parts[lane]):  # the file was split by an earlier release: in its own order
        key = split.part_key(lane, number, "rows.jsonl")
        yield LanePart(math.inf, partial(_rows_of_object, inbox, key, columns))


def _rows_of_object(inbox: Inbox, key: str, columns: Sequence[str]) -> Iterator[Row]:
    return (read_line(line, columns) for line in inbox.get(key).splitlines())


@dataclass(frozen=True, slots=True)
class Splitter:
    """Splits files, in constant memory. The same version gives the same objects, so it may run twice.

    Parameters
    ----------
    part_bytes : int
        Approximate size of a part.
    memory : int
        Bytes of rows that are in memory.
    """

    inbox: Inbox
    lanes: int
    part_bytes: int
    memory: int = 128 << 20

    def split(
        self,
        file: DroppedFile,
        rows: Iterable[Row],
        columns: Sequence[str],
        layout: ColumnMapping,
        horizon_days: int,
        time_is_up: TimeIsUp,
        *,
        check: bool = False,
    ) -> Split:
        """Write the rows, then their description.

        Raises
        ------
        UserMistakeError
            The file is cut off, or too large to be split in time. Nothing was imported.
        """
        names = tuple(columns)
        dealer = Dealer(SplitFile(self.inbox, file.run), names, self.memory, self.part_bytes)
        for count, row in enumerate(rows, 1):
            dealer.deal(layout.customer_of(row.cells), row)
            if count % _ROWS_BETWEEN_CHECKS == 0 and time_is_up():
                raise UserMistakeError(
                    f"{file.name} is too large: time ran out after row {row.number:,}, and nothing was imported\n"
                    "split it into files of at most half that many rows, each with its own name, and drop those"
                )
        dealer.write()
        parts = tuple(map(len, parts_of(dealer.lengths, self.lanes, self.part_bytes)))
        runs = tuple(dealer.lengths)
        split = Split(file.name, file.version, names, layout, horizon_days, parts, check, runs, self.part_bytes)
        split = split.with_results()
        self.inbox.put(split_key(file.run), split.content())
        listed = [{"lane": number, "parts": count} for number, count in enumerate(parts) if count]
        self.inbox.put(lanes_key(file.run), json.dumps(listed).encode())
        return split
