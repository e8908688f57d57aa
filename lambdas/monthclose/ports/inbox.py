"""The bucket that usage files are dropped into."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that is being read.

    Parameters
    ----------
    stream : io.BufferedReader
        Its bytes; a connection that breaks off is taken up again where it was.
    metadata : mapping
        What its sender said of it, by lower-case name, as it was sent.
    """

    stream: "io.BufferedReader[Any]"
    metadata: Mapping[str, str]


class Inbox(Protocol):
    """What is dropped, and what is kept beside it."""

    def latest(self, key: str) -> str:
        """Name the latest version of an object; empty if there is none or it was deleted."""

    def open(self, key: str, version: str) -> AbstractContextManager[Arrival]:
        """Read one version of an object in memory that doesn't grow with it.

        Raises
        ------
        TryLaterError
            Also where it was deleted at this moment.
        """

    def lines(self, key: str) -> Iterator[bytes]:
        """Read an object of ours line by line, in memory that doesn't grow with it."""

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object."""

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object that must never change: if there is one already, it stays, and False says so."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece, in memory that doesn't grow with it."""

    def delete(self, key: str) -> None:
        """Delete an object; none is no error."""

    def location(self, key: str) -> dict[str, str]:
        """Name an object for others: `{"bucket": …, "key": …}`."""
