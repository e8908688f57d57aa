"""Bring a file's rows together by customer, in constant memory, however the file is sorted.

What is stored together is a customer's month: the more rows of one come at a time, the fewer requests they take. In a
file sorted by time, each customer's rows are all over it. So rows are dealt into buckets by customer. What the buckets
hold is written as a run whenever the memory is full. Then each bucket is read from all runs, in parts that fit into
memory, and sorted. A customer's rows stay in the file's order.
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import NamedTuple, Protocol

from monthclose.domain.imports.intake import Row

BUCKETS = 256
"""So many that one of a file of some gigabytes is a part or two."""
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_BETWEEN = "\x1f"
"""Stands between the cells of a plain row."""
_BREAKS = re.compile("[\t\n\r\ud800-\udfff]")
"""What a plain row cannot have in it."""
_PIECE = 1 << 20
"""Bytes that are written at a time."""

type Lengths = Sequence[tuple[int, int]]
"""What a run holds, in order: buckets, each with a length in bytes, and none of more than a part."""


class Slice(NamedTuple):
    """A part of a run, in bytes."""

    run: int
    offset: int
    length: int


class Runs(Protocol):
    """Where runs are kept."""

    def put(self, number: int, pieces: Iterable[bytes]) -> None:
        """Write a run."""

    def read(self, part: Slice) -> bytes:
        """Read a part of a run."""


class Dealer:
    """Deals rows into buckets. The same rows give the same runs.

    Parameters
    ----------
    memory : int
        Bytes that the buckets may hold together before they are written.
    part_bytes : int
        Bytes of a bucket that are read at a time.
    """

    def __init__(self, runs: Runs, columns: Sequence[str], memory: int, part_bytes: int) -> None:
        self._runs, self._columns = runs, tuple(columns)
        self._memory, self._part_bytes = memory, part_bytes
        self._buckets: dict[int, list[bytearray]] = {}
        self._held = 0
        self.lengths: list[Lengths] = []
        """What each run holds."""

    def deal(self, customer_id: str, row: Row) -> None:
        """Deal a row of a customer."""
        line = _line(customer_id, row, self._columns)
        bucket = bucket_of(customer_id)
        pieces = self._buckets.get(bucket)
        if pieces is None:
            pieces = self._buckets[bucket] = [bytearray()]
        elif len(pieces[-1]) + len(line) > self._part_bytes:
            pieces.append(bytearray())
        pieces[-1] += line
        self._held += len(line)
        if self._held >= self._memory:
            self.write()

    def write(self) -> None:
        """Write what the buckets hold."""
        if self._held:
            lengths = [(bucket, len(piece)) for bucket, pieces in self._in_order() for piece in pieces]
            self._runs.put(len(self.lengths), self._pieces())
            self.lengths.append(lengths)
            self._buckets, self._held = {}, 0

    def _in_order(self) -> Iterator[tuple[int, list[bytearray]]]:
        return ((bucket, self._buckets[bucket]) for bucket in sorted(self._buckets))

    def _pieces(self) -> Iterator[bytes]:
        for _, pieces in self._in_order():
            for piece in pieces:
                for start in range(0, len(piece), _PIECE):
                    yield bytes(piece[start : start + _PIECE])


def bucket_of(customer_id: str) -> int:
    """Say which bucket a customer's rows are in."""
    return zlib.crc32(customer_id.encode(errors="surrogatepass")) % BUCKETS


def parts_of(lengths: Iterable[Lengths], lanes: int, part_bytes: int) -> list[list[list[Slice]]]:
    """Divide what was dealt into parts that are read and sorted at a time, lane by lane.

    Each bucket is in one lane, beside its neighbours, and each of its parts comes before the next in the file.
    """
    buckets = dict[int, list[Slice]]()
    for run, held in enumerate(lengths):
        offset = 0
        for bucket, length in held:
            buckets.setdefault(bucket, []).append(Slice(run, offset, length))
            offset += length
    found: list[list[list[Slice]]] = [[] for _ in range(lanes)]
    for lane, parts in enumerate(found):
        size = 0
        for bucket in range(-(-lane * BUCKETS // lanes), -(-(lane + 1) * BUCKETS // lanes)):
            for part in buckets.get(bucket, ()):
                if not parts or size + part.length > part_bytes:
                    parts.append([])
                    size = 0
                parts[-1].append(part)
                size += part.length
    return [[_joined(part) for part in parts] for parts in found]


def _joined(part: Iterable[Slice]) -> list[Slice]:
    """Join what lies side by side in a run: it is read with one request. Each bucket's slices stay in order."""
    joined = list[Slice]()
    for each in sorted(part):
        if joined and (joined[-1].run, joined[-1].offset + joined[-1].length) == each[:2]:
            joined[-1] = joined[-1]._replace(length=joined[-1].length + each.length)
        else:
            joined.append(each)
    return joined


def sorted_rows(runs: Runs, part: Iterable[Slice], columns: Sequence[str]) -> Iterator[Row]:
    """Read a part, customer by customer."""
    lines = [line for found in part for line in runs.read(found).splitlines()]
    lines.sort(key=_customer_of)  # stable: a customer's rows stay in order
    lines.reverse()
    while lines:  # what has been read takes no more memory
        yield read_line(lines.pop().partition(b"\t")[2], columns)


def _line(customer_id: str, row: Row, columns: tuple[str, ...]) -> bytes:
    """Write a row, without column names if it has the leading columns: names would take up most of it.

    Most rows are plain cells, and are written as such: JSON takes several times as long. No tab is in it but the one
    behind the customer.
    """
    named, customer = tuple(row.cells), encode_basestring_ascii(customer_id)
    cells: Sequence[str] | Mapping[str, str] = row.cells
    if named == columns[: len(named)]:
        cells = list(row.cells.values())
        text = _BETWEEN.join(cells)
        if not row.surplus and not row.fault and text.count(_BETWEEN) == len(cells) - 1 and not _BREAKS.search(text):
            return f"{customer}\t{row.number}{_BETWEEN}{text}\n".encode()
    return f"{customer}\t{_ENCODE((row.number, cells, row.surplus, row.fault))}\n".encode()


def _customer_of(line: bytes) -> bytes:
    return line.partition(b"\t")[0]


def read_line(line: bytes, columns: Sequence[str]) -> Row:
    """Read a row, without its customer."""
    if not line.startswith(b"["):
        place, *cells = line.decode().split(_BETWEEN)
        return Row(int(place), dict(zip(columns, cells, strict=False)), size=len(line))
    number, found, surplus, fault = json.loads(line)
    named = dict(zip(columns, found, strict=False)) if isinstance(found, list) else found
    return Row(number, named, tuple(surplus), fault, len(line))
