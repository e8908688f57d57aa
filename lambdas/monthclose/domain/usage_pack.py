"""A pack: many usage events of a customer's month in a few bytes, as they are stored.

An event alone is an item of some 200 bytes, and DynamoDB bills whole kilobytes for each. Together they say the same
again and again, so a pack has a column for each field: left out if no event has the field, one value if all have the
same, a dictionary and places in it if values come again, times as steps from the one before. Columns are JSON, planes
of numbers stand behind them, and both are compressed; ids that are hexadecimal, as UUIDs are, follow as bytes, as
nothing compresses them.

The first byte is the format. Format 1, which was JSON without planes, is read but not written any more. A pack of a
format that this release does not know is refused, never guessed at.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from math import gcd
from typing import Any, NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_columns import Column, ColumnReader, ColumnWriter, steps_between
from monthclose.domain.usage_ids import read_ids, written_ids

_FORMAT = b"\x02"
_READABLE = b"\x01", _FORMAT
MOST_EVENTS = 4_000
"""Most events of a pack: bounds what its reader has in memory at once."""
_MOST_BYTES = 200_000
"""Largest body: DynamoDB's items may have 400 KB."""
_MOST_TEXT = 4_000_000
"""Largest body before it is compressed: the same memory, whatever the events say."""
_FULL_BYTES = 1_000
"""A body of this size is full: it costs more to write it again with a few more events than to begin another."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LONG = 64
"""Events whose planes are worth a code each."""
_END = b"\n"
"""Between the columns and their planes: JSON has no line breaks here."""
_JSON = json.JSONEncoder(default=datetime.isoformat, ensure_ascii=False, separators=(",", ":"))


class EventPack(NamedTuple):
    """Some events as they are stored.

    Parameters
    ----------
    body : bytes
        The events.
    events : int
        How many.
    """

    body: bytes
    events: int

    @property
    def full(self) -> bool:
        """Whether more events begin another pack."""
        return len(self.body) >= _FULL_BYTES or self.events >= MOST_EVENTS


def packed(events: Sequence[UsageEvent]) -> Iterator[EventPack]:
    """Pack events of one customer's month, in their order: as few packs as their largest size allows."""
    for first in range(0, len(events), MOST_EVENTS):
        yield from _packed(events[first : first + MOST_EVENTS])


def repacked(events: Sequence[UsageEvent]) -> EventPack:
    """Pack events that were one pack before some of them changed: one pack, though it may be a little larger."""
    body, _ = _body(events)
    return EventPack(body, len(events))


def _packed(events: Sequence[UsageEvent]) -> Iterator[EventPack]:
    body, text_size = _body(events)
    if len(events) > 1 and (len(body) > _MOST_BYTES or text_size > _MOST_TEXT):
        middle = len(events) // 2
        yield from _packed(events[:middle])
        yield from _packed(events[middle:])
    else:
        yield EventPack(body, len(events))


def _body(events: Sequence[UsageEvent]) -> tuple[bytes, int]:
    """Make a pack's body; with its size before it was compressed."""
    columns, planes, ids = _columns(events)
    text = _JSON.encode(columns).encode(errors="surrogatepass") + _END
    return _FORMAT + _compressed(text, planes) + ids, len(text) + sum(map(len, planes))


def _compressed(text: bytes, planes: Sequence[bytes]) -> bytes:
    """Compress columns and planes, each part with a (Huffman) code of its own, as they have little in common.

    Short planes share a code, as saying what it is takes bytes, too. In long planes a few bytes come again by chance,
    and pointing there takes more than the bytes: `Z_FILTERED` leaves that out.
    """
    long = bool(planes) and len(planes[0]) >= _LONG
    deflating = zlib.compressobj(strategy=zlib.Z_FILTERED if long else zlib.Z_DEFAULT_STRATEGY)
    done = [deflating.compress(text)]
    for part in planes if long else [b"".join(planes)]:
        done += deflating.flush(zlib.Z_BLOCK), deflating.compress(part)
    return b"".join([*done, deflating.flush()])


def unpacked(customer_id: str, body: bytes) -> list[UsageEvent]:
    """Read a pack's events, in their order.

    Raises
    ------
    UserMistakeError
        A later release has written it.
    """
    columns, planes, behind = _opened(body)
    reader, count = ColumnReader(planes), columns["n"]
    fields = (
        read_ids(columns["i"], reader, behind, count),
        [customer_id] * count,
        reader.values(columns.get("s"), count, "", str),
        reader.values(columns.get("q"), count, None, Decimal),
        _times(columns["t"], reader, count),
        reader.values(columns.get("p"), count, None, Decimal),
        reader.values(columns.get("d"), count, "", str),
        reader.values(columns.get("r"), count, "", str),
        reader.values(columns.get("o"), count, "", str),
        reader.values(columns.get("c"), count, None, datetime.fromisoformat),
        reader.values(columns.get("b"), count, "", str),
        reader.values(columns.get("w"), count, None, datetime.fromisoformat),
        reader.values(columns.get("a"), count, (), _attributes),
        reader.values(columns.get("u"), count, None, datetime.fromisoformat),
    )
    return list(map(UsageEvent, *fields))


def event_ids(body: bytes) -> list[str]:
    """Read the ids of a pack's events, in their order: a fraction of what it takes to read them whole.

    Raises
    ------
    UserMistakeError
        A later release has written it.
    """
    columns, planes, behind = _opened(body)
    return read_ids(columns["i"], ColumnReader(planes), behind, columns["n"])


def _opened(body: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    if body[:1] not in _READABLE:
        raise UserMistakeError("usage was stored by a later release\ndeploy that release, or a newer one")
    inflating = zlib.decompressobj()
    text, _, planes = inflating.decompress(body[1:]).partition(_END)
    if not inflating.eof:
        raise ValueError("a pack of usage breaks off")
    return json.loads(text), planes, inflating.unused_data


def _columns(events: Sequence[UsageEvent]) -> tuple[dict[str, Any], list[bytes], bytes]:
    writer = ColumnWriter()
    ids, behind = written_ids([event.event_id for event in events], writer)
    columns: dict[str, Any] = {
        "n": len(events),
        "i": ids,
        "s": writer.values([event.sku for event in events]),
        "q": writer.decimals([str(event.quantity) for event in events]),
        "t": _written_times([event.time for event in events], writer),
    }
    # Fields that an event may lack: none of these columns is there if all do.
    prices = [None if event.unit_price is None else str(event.unit_price) for event in events]
    if any(prices):
        columns["p"] = writer.decimals(prices)
    optional: dict[str, list[Any]] = {
        "d": [event.description or None for event in events],
        "r": [event.resource or None for event in events],
        "o": [event.replaces or None for event in events],
        "c": [event.received_at for event in events],
        "b": [event.replaced_by or None for event in events],
        "w": [event.replaced_at for event in events],
        "a": [event.attributes or None for event in events],
        "u": [event.returned_at for event in events],
    }
    columns |= {name: writer.values(values) for name, values in optional.items() if any(values)}
    return columns, writer.planes, behind


def _written_times(times: Sequence[datetime], writer: ColumnWriter) -> Column:
    """Write times as steps from one to the next, in the largest unit that they are whole numbers of."""
    moments = [(time - _EPOCH) // _MICROSECOND for time in times]
    steps = steps_between(moments)
    unit = gcd(*steps) or 1
    return [unit, moments[0], writer.numbers([step // unit for step in steps]) if steps else None]


def _times(column: Column, reader: ColumnReader, count: int) -> list[datetime]:
    unit, first, steps = column
    found = reader.values(steps, count - 1, 0, int)
    moments = accumulate((step * unit for step in found), initial=first)
    return [_EPOCH + timedelta(0, 0, moment) for moment in moments]


def _attributes(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in entries)
