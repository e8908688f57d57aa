"""Split a large usage file into lanes that are loaded side by side.

Which of two rows counts may depend on their order only if they are the same customer's: ids are unique within a
customer's month, and a correction names an event of the same month. So all rows of a customer go into the same lane,
in the file's order, and the lanes need not know of each other. What comes of it is what comes of the whole file.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.names import PARTS_PREFIX
from monthclose.ports import Inbox, TimeIsUp
from monthclose.use_cases.imports.dropped_file import DroppedFile

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_LOOKS = 10_000
"""Rows between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Split:
    """A file that is split, as it is written down.

    Parameters
    ----------
    horizon_days : int
        How old its usage may be.
    parts : tuple of int
        How many parts each lane has.
    """

    name: str
    version: str
    columns: tuple[str, ...]
    layout: ColumnMapping
    horizon_days: int
    parts: tuple[int, ...]

    @property
    def file(self) -> DroppedFile:
        """The file."""
        return DroppedFile(self.name, self.version)

    def content(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, content: bytes) -> "Split":
        """Read it from JSON."""
        values: dict[str, Any] = json.loads(content)
        lists = {"columns": tuple(values["columns"]), "parts": tuple(values["parts"])}
        return cls(**{**values, **lists, "layout": ColumnMapping(**values["layout"])})


def split_key(run: str) -> str:
    """Name the object that describes a split file."""
    return f"{PARTS_PREFIX}{run}/split.json"


def lanes_key(run: str) -> str:
    """Name the object that lists the lanes, for the Map."""
    return f"{PARTS_PREFIX}{run}/lanes.json"


def part_key(run: str, lane: int, part: int, what: str = "rows.jsonl") -> str:
    """Name a part of a lane, or what came of it."""
    return f"{PARTS_PREFIX}{run}/lane-{lane:03}/{part:05}.{what}"


def read_part(content: bytes, columns: Sequence[str]) -> Iterator[Row]:
    """Read a part's rows."""
    for line in content.splitlines():
        number, cells, surplus, fault = json.loads(line)
        named = dict(zip(columns, cells, strict=False)) if isinstance(cells, list) else cells
        yield Row(number, named, tuple(surplus), fault, len(line))


def _line(row: Row, columns: tuple[str, ...]) -> str:
    """Write a row, without the columns' names if it has the first ones or all: they would make most of a part."""
    named = tuple(row.cells)
    cells = list(row.cells.values()) if named == columns[: len(named)] else row.cells
    return _ENCODE((row.number, cells, row.surplus, row.fault))


@dataclass(frozen=True, slots=True)
class Splitter:
    """Splits files, in memory of a part for each lane. The same version gives the same objects, so it may run twice.

    Parameters
    ----------
    part_bytes : int
        About how much a part holds.
    """

    inbox: Inbox
    lanes: int
    part_bytes: int

    def split(
        self,
        file: DroppedFile,
        rows: Iterable[Row],
        columns: Sequence[str],
        layout: ColumnMapping,
        horizon_days: int,
        time_is_up: TimeIsUp,
    ) -> Split:
        """Write the parts, then what describes them.

        Raises
        ------
        UserMistakeError
            The file breaks off, or is too large to be split in the time that there is. Nothing of it was stored.
        """
        lanes, names = [_Lane(self, file.run, number) for number in range(self.lanes)], tuple(columns)
        column, default = layout.columns.get("customer_id", ""), layout.defaults.get("customer_id", "")
        for count, row in enumerate(rows, 1):
            customer_id = row.cells.get(column, "").strip() or default
            lanes[zlib.crc32(customer_id.encode(errors="surrogatepass")) % self.lanes].add(_line(row, names))
            if count % _LOOKS == 0 and time_is_up():
                raise UserMistakeError(
                    f"{file.name} is too large: time ran out after row {row.number:,}, and nothing was imported\n"
                    "split it into files of at most half that many rows, each with its own name, and drop those"
                )
        for lane in lanes:
            lane.flush()
        parts = tuple(lane.parts for lane in lanes)
        split = Split(file.name, file.version, names, layout, horizon_days, parts)
        self.inbox.put(split_key(file.run), split.content())
        listed = [{"lane": number, "parts": count} for number, count in enumerate(parts) if count]
        self.inbox.put(lanes_key(file.run), json.dumps(listed).encode())
        return split


class _Lane:
    """One lane's part under way."""

    def __init__(self, splitter: Splitter, run: str, number: int) -> None:
        self._splitter, self._run, self._number = splitter, run, number
        self._content = bytearray()  # as lines in a list, short rows would take three times their size
        self.parts = 0

    def add(self, line: str) -> None:
        self._content += line.encode() + b"\n"
        if len(self._content) >= self._splitter.part_bytes:
            self.flush()

    def flush(self) -> None:
        if self._content:
            key = part_key(self._run, self._number, self.parts)
            self._splitter.inbox.put(key, bytes(self._content), "application/jsonl")
            self._content.clear()
            self.parts += 1
