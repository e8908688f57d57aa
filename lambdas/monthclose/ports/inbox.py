"""The bucket that usage files are dropped into."""

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from monthclose.ports.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that is being read.

    Parameters
    ----------
    stream : io.BufferedReader
        Its bytes; if the connection breaks off, reading resumes where it was.
    metadata : mapping
        Its metadata, by lower-case name, as its sender wrote it.
    """

    stream: "io.BufferedReader[Any]"
    metadata: Mapping[str, str]


class Inbox(ObjectStore, Protocol):
    """The bucket of dropped files, and of what is kept beside them."""

    def latest(self, key: str) -> str:
        """Name the latest version of an object; empty if there is none or it was deleted."""

    def open(self, key: str, version: str) -> AbstractContextManager[Arrival]:
        """Read one version of an object in memory that doesn't grow with it.

        Raises
        ------
        TryLaterError
            Also if it was deleted at this moment.
        """

    def lines(self, key: str) -> Iterator[bytes]:
        """Read an object line by line, in memory that doesn't grow with it."""

    def delete(self, key: str) -> None:
        """Delete an object; none is no error."""
