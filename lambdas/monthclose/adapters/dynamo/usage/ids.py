"""Which pack of a month has an id: a table of numbers, as a million ids would take a hundred megabytes."""

from array import array
from collections.abc import Collection, Iterable
from threading import Lock

_FIRST_PLACES = 64
_NUMBER_BITS = 20
"""Bits for a pack's number; the rest of an entry's 64 bits are of the id's hash."""
_HASH_MASK = (1 << (64 - _NUMBER_BITS)) - 1
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1


class PackIds:
    """The ids of a month's events, 12 to 24 bytes each, with the numbers of the packs that they are in.

    It may name a pack that doesn't have an id, seldom: whoever asks reads the pack. It never leaves one out. Any number
    of threads may use it.
    """

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * _FIRST_PLACES))
        self._used, self._lock = 0, Lock()

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self._table) * 8

    def add(self, ids: Collection[str], number: int) -> None:
        """Add ids of a pack."""
        with self._lock:
            while 3 * (self._used + len(ids)) > 2 * len(self._table):
                self._grow()
            self._used += _put(self._table, ((hash(name) & _HASH_MASK) << _NUMBER_BITS | number for name in ids))

    def find(self, name: str) -> list[int]:
        """Find the numbers of the packs that may have an id."""
        table = self._table
        mask, digest = len(table) - 1, hash(name) & _HASH_MASK
        place, found = digest & mask, []
        while entry := table[place]:
            if entry >> _NUMBER_BITS == digest:
                found.append(entry & _NUMBER_MASK)
            place = (place + 1) & mask
        return found

    def _grow(self) -> None:
        larger = array("Q", bytes(16 * len(self._table)))
        _put(larger, filter(None, self._table))
        self._table = larger  # only now, as others may be searching


def _put(table: "array[int]", entries: Iterable[int]) -> int:
    """Put entries into a table that has room for them, and say how many were not there yet."""
    mask, added = len(table) - 1, 0
    for entry in entries:
        place = (entry >> _NUMBER_BITS) & mask
        while (there := table[place]) and there != entry:
            place = (place + 1) & mask
        if not there:
            table[place] = entry
            added += 1
    return added
