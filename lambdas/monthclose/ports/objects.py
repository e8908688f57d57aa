"""Stored objects: what the buckets of documents and of dropped files have in common."""

from collections.abc import Iterable, Iterator
from typing import Protocol


class ObjectStore(Protocol):
    """Objects by their keys."""

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object that must never change; an existing one stays, and False is returned."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece, in constant memory."""

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        """Read a part of an object; offset and length are in bytes. What is behind its end is left out.

        Raises
        ------
        KeyError
            There is no such object.
        """

    def lines(self, key: str) -> Iterator[bytes]:
        """Read an object line by line, in constant memory.

        Raises
        ------
        KeyError
            There is none.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List the objects whose keys begin with a prefix, in the order of their keys."""

    def location(self, key: str) -> dict[str, str]:
        """Return where an object is, for other systems: `{"bucket": …, "key": …}`."""
