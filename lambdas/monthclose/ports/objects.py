"""Stored objects: what the buckets of documents and of dropped files have in common."""

from collections.abc import Iterable
from typing import Protocol


class ObjectStore(Protocol):
    """Objects by their keys."""

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object that must never change: if there is one already, it stays, and False says so."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece, in memory that doesn't grow with it."""

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object."""

    def location(self, key: str) -> dict[str, str]:
        """Name an object for others: `{"bucket": …, "key": …}`."""
