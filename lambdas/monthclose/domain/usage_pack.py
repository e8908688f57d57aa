"""A pack: many usage events of a customer's month in a few bytes, as they are stored.

An event alone is an item of some 200 bytes, and DynamoDB bills whole kilobytes for each. Together they say the same
again and again, so a pack has a column for each field: left out if no event has the field, one value if all have the
same, a dictionary and places in it if values come again, numbers as steps from the one before. The columns are JSON,
compressed; ids that are hexadecimal, as UUIDs are, stand behind it as bytes, as nothing compresses them.

The first byte is the format. A pack of a format that this release does not know is refused, never guessed at.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from math import gcd
from os.path import commonprefix
from string import digits
from typing import Any, NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.usage import UsageEvent

_FORMAT = b"\x01"
MOST_EVENTS = 4_000
"""Most events of a pack: bounds what its reader has in memory at once."""
_MOST_BYTES = 200_000
"""Largest body: DynamoDB's items may have 400 KB."""
_MOST_TEXT = 4_000_000
"""Largest body before it is compressed: the same memory, whatever the events say."""
_FULL_BYTES = 1_000
"""A body of this size is full: it costs more to write it again with a few more events than to begin another."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""The places in a dictionary of up to 64 values, a letter each."""
_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}
_SEPARATORS = " ,;|~"
_ALL, _LETTERED, _NUMBERED, _JOINED, _LISTED = range(5)
"""The forms of a column: one value for all, a dictionary with letters or numbers, texts with a separator, or a list."""
_IDS_COUNTED, _IDS_HEXADECIMAL, _IDS_SAID = range(3)
_MOST_DIGITS = 18
"""Of a number in an id: it is written as a number."""
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_HEXADECIMAL = re.compile(r"[0-9a-f]+")

type _Column = list[Any]


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
    columns, behind = _columns(events)
    text = _JSON.encode(columns).encode(errors="surrogatepass")
    return _FORMAT + zlib.compress(text, 9) + behind, len(text)


def unpacked(customer_id: str, body: bytes) -> list[UsageEvent]:
    """Read a pack's events, in their order.

    Raises
    ------
    UserMistakeError
        A later release has written it.
    """
    columns, behind = _opened(body)
    count = columns["n"]
    fields = (
        _ids(columns["i"], behind, count),
        [customer_id] * count,
        _values(columns.get("s"), count, "", str),
        _values(columns.get("q"), count, None, Decimal),
        _times(columns["t"], count),
        _values(columns.get("p"), count, None, Decimal),
        _values(columns.get("d"), count, "", str),
        _values(columns.get("r"), count, "", str),
        _values(columns.get("o"), count, "", str),
        _values(columns.get("c"), count, None, _time),
        _values(columns.get("b"), count, "", str),
        _values(columns.get("w"), count, None, _time),
        _values(columns.get("a"), count, (), _attributes),
        _values(columns.get("u"), count, None, _time),
    )
    return list(map(UsageEvent, *fields))


def event_ids(body: bytes) -> list[str]:
    """Read the ids of a pack's events, in their order: a fraction of what it takes to read them whole.

    Raises
    ------
    UserMistakeError
        A later release has written it.
    """
    columns, behind = _opened(body)
    return _ids(columns["i"], behind, columns["n"])


def _opened(body: bytes) -> tuple[dict[str, Any], bytes]:
    if body[:1] != _FORMAT:
        raise UserMistakeError("usage was stored by a later release\ndeploy that release, or a newer one")
    inflating = zlib.decompressobj()
    columns: dict[str, Any] = json.loads(inflating.decompress(body[1:]))
    return columns, inflating.unused_data


def _columns(events: Sequence[UsageEvent]) -> tuple[dict[str, Any], bytes]:
    ids, behind = _written_ids([event.event_id for event in events])
    columns: dict[str, Any] = {
        "n": len(events),
        "i": ids,
        "s": _written([event.sku for event in events]),
        "q": _written([str(event.quantity) for event in events]),
        "t": _written_times([event.time for event in events]),
    }
    # Fields that an event may lack: none of these columns is there if all do.
    optional: dict[str, list[Any]] = {
        "p": [None if event.unit_price is None else str(event.unit_price) for event in events],
        "d": [event.description or None for event in events],
        "r": [event.resource or None for event in events],
        "o": [event.replaces or None for event in events],
        "c": _texts([event.received_at for event in events]),
        "b": [event.replaced_by or None for event in events],
        "w": _texts([event.replaced_at for event in events]),
        "a": [event.attributes or None for event in events],
        "u": _texts([event.returned_at for event in events]),
    }
    columns |= {name: _written(values) for name, values in optional.items() if any(values)}
    return columns, behind


def _written(values: Sequence[Any]) -> _Column:
    """Write a column in the form that suits its values."""
    first, different = values[0], dict.fromkeys(values)
    if len(different) == 1:
        return [_ALL, first]
    if 2 * len(different) <= len(values):
        places = {value: place for place, value in enumerate(different)}
        if len(places) <= len(_LETTERS):
            return [_LETTERED, list(places), "".join(_LETTERS[places[value]] for value in values)]
        return [_NUMBERED, list(places), [places[value] for value in values]]
    joined = _joined(values)
    return joined or [_LISTED, list(values)]


def _joined(values: Sequence[Any]) -> _Column | None:
    """Join texts with a character that none of them has; None if there is none, or if not all are texts."""
    if None in values or not isinstance(values[0], str):
        return None
    for separator in _SEPARATORS:
        text = separator.join(values)
        if text.count(separator) == len(values) - 1:
            return [_JOINED, separator, text]
    return None


def _values(column: _Column | None, count: int, missing: Any, read: Callable[[Any], Any]) -> list[Any]:
    """Read a column, which isn't there if all values are missing; each value of a dictionary is made once."""
    if column is None:
        return [missing] * count
    form, content = column[0], column[1]
    if form == _ALL:
        return [_made(content, missing, read)] * count
    if form in (_LETTERED, _NUMBERED):
        known = [_made(value, missing, read) for value in content]
        places = map(_PLACES.__getitem__, column[2]) if form == _LETTERED else column[2]
        return list(map(known.__getitem__, places))
    if form == _JOINED:
        return list(map(read, column[2].split(content)))
    return [_made(value, missing, read) for value in content]


def _made(value: Any, missing: Any, read: Callable[[Any], Any]) -> Any:
    return missing if value is None else read(value)


def _written_times(times: Sequence[datetime]) -> _Column:
    """Write times as steps from one to the next, in the largest unit that they are whole numbers of."""
    moments = [(time - _EPOCH) // _MICROSECOND for time in times]
    steps = [later - earlier for earlier, later in pairwise(moments)]
    unit = gcd(*steps) or 1
    return [unit, moments[0], _written([str(step // unit) for step in steps]) if steps else None]


def _times(column: _Column, count: int) -> list[datetime]:
    unit, first, steps = column
    found = _values(steps, count - 1, 0, int)
    moments = accumulate((step * unit for step in found), initial=first)
    return [_EPOCH + timedelta(0, 0, moment) for moment in moments]


def _written_ids(ids: Sequence[str]) -> tuple[_Column, bytes]:
    """Write ids as numbers, as hexadecimal digits, which are bytes behind the columns, or as they are."""
    counted = _written_counted(ids)
    if counted:
        return counted, b""
    return _written_hexadecimal(ids) or ([_IDS_SAID, _written(ids)], b"")


def _written_hexadecimal(ids: Sequence[str]) -> tuple[_Column, bytes] | None:
    """Write ids that differ in hexadecimal digits only, as UUIDs do: the texts between the digits, and how many."""
    first = ids[0]
    if len(ids) == 1 or any(len(name) != len(first) for name in ids):
        return None
    runs = _runs([place for place, letter in enumerate(first) if any(name[place] != letter for name in ids)])
    bare = "".join([name[start:end] for name in ids for start, end in runs])
    if not _HEXADECIMAL.fullmatch(bare):
        return None
    ends = [0, *(end for _, end in runs)]
    between = [first[end:start] for end, (start, _) in zip(ends, [*runs, (len(first), 0)], strict=True)]
    column = [_IDS_HEXADECIMAL, between, [end - start for start, end in runs]]
    return column, bytes.fromhex(bare + "0" * (len(bare) % 2))


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Group places that follow each other: where each group begins, and where it has ended."""
    runs = list[tuple[int, int]]()
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs


def _written_counted(ids: Sequence[str]) -> _Column | None:
    """Write ids that are numbers behind one text: all as they are, or all with as many digits."""
    text = commonprefix((min(ids), max(ids))).rstrip(digits)  # noqa: RUF071 - by characters is what is wanted
    rests = [name[len(text) :] for name in ids]
    together = "".join(rests)
    longest = max(map(len, rests))
    if not all(rests) or longest > _MOST_DIGITS or not (together.isascii() and together.isdecimal()):
        return None
    numbers = list(map(int, rests))
    padded = len(min(rests, key=len)) == longest
    if not padded and any(rest[0] == "0" and rest != "0" for rest in rests):
        return None
    steps = _written([str(later - earlier) for earlier, later in pairwise(numbers)]) if len(ids) > 1 else None
    return [_IDS_COUNTED, text, longest if padded else 0, numbers[0], steps]


def _ids(column: _Column, behind: bytes, count: int) -> list[str]:
    if column[0] == _IDS_COUNTED:
        _, text, width, first, steps = column
        found = accumulate(_values(steps, count - 1, 0, int), initial=first)
        return [f"{text}{number:0{width}}" for number in found] if width else [f"{text}{number}" for number in found]
    if column[0] == _IDS_HEXADECIMAL:
        return _hexadecimal(column[1], column[2], behind.hex(), count)
    return _values(column[1], count, "", str)


def _hexadecimal(between: Sequence[str], lengths: Sequence[int], digits: str, count: int) -> list[str]:
    ends = list(accumulate(lengths))
    runs = list(zip([0, *ends], ends, between[1:], strict=False))
    each, begins = ends[-1], between[0]
    places = range(0, each * count, each)
    return [begins + "".join([digits[at + a : at + b] + text for a, b, text in runs]) for at in places]


def _attributes(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in entries)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _texts(times: Sequence[datetime | None]) -> list[str | None]:
    """Write times; most events were received together."""
    known = {time: time.isoformat() if time else None for time in dict.fromkeys(times)}
    return [known[time] for time in times]
