"""Split a large usage file into lanes that are loaded in parallel.

The order of two rows matters only if they are the same customer's: ids are unique within a customer's month, and a
correction names an event of the same month. So all rows of a customer go into the same lane, in the file's order, and
the lanes are independent. The result is that of importing the file in one piece.
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
    """

    name: str
    version: str
    columns: tuple[str, ...]
    layout: ColumnMapping
    horizon_days: int
    parts: tuple[int, ...]
    check: bool = False

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
    """Name the object of a lane's part, or of its result."""
    return f"{PARTS_PREFIX}{run}/lane-{lane:03}/{part:05}.{what}"


def read_part(content: bytes, columns: Sequence[str]) -> Iterator[Row]:
    """Read a part's rows."""
    for line in content.splitlines():
        number, cells, surplus, fault = json.loads(line)
        named = dict(zip(columns, cells, strict=False)) if isinstance(cells, list) else cells
        yield Row(number, named, tuple(surplus), fault, len(line))


def _line(row: Row, columns: tuple[str, ...]) -> str:
    """Write a row, without column names if it has the leading columns: names would take up most of a part."""
    named = tuple(row.cells)
    cells = list(row.cells.values()) if named == columns[: len(named)] else row.cells
    return _ENCODE((row.number, cells, row.surplus, row.fault))


@dataclass(frozen=True, slots=True)
class Splitter:
    """Splits files, with one part per lane in memory. The same version gives the same objects, so it may run twice.

    Parameters
    ----------
    part_bytes : int
        Approximate size of a part.
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
        *,
        check: bool = False,
    ) -> Split:
        """Write the parts, then their description.

        Raises
        ------
        UserMistakeError
            The file is cut off, or too large to be split in time. Nothing was imported.
        """
        lanes, names = [_Lane(self, file.run, number) for number in range(self.lanes)], tuple(columns)
        column, default = layout.columns.get("customer_id", ""), layout.defaults.get("customer_id", "")
        for count, row in enumerate(rows, 1):
            customer_id = row.cells.get(column, "").strip() or default
            lanes[zlib.crc32(customer_id.encode(errors="surrogatepass")) % self.lanes].add(_line(row, names))
            if count % _ROWS_BETWEEN_CHECKS == 0 and time_is_up():
                raise UserMistakeError(
                    f"{file.name} is too large: time ran out after row {row.number:,}, and nothing was imported\n"
                    "split it into files of at most half that many rows, each with its own name, and drop those"
                )
        for lane in lanes:
            lane.flush()
        parts = tuple(lane.parts for lane in lanes)
        split = Split(file.name, file.version, names, layout, horizon_days, parts, check)
        self.inbox.put(split_key(file.run), split.content())
        listed = [{"lane": number, "parts": count} for number, count in enumerate(parts) if count]
        self.inbox.put(lanes_key(file.run), json.dumps(listed).encode())
        return split


class _Lane:
    """A lane, and its part that is being filled."""

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
