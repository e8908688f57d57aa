"""The bucket that usage files are dropped into."""

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Arrived:
    """One version of an object that somebody has put there.

    Parameters
    ----------
    time : datetime
        When it was put there.
    size : int
        In bytes.
    latest : bool
        Whether no other version has come since, and it was not deleted.
    """

    key: str
    version: str
    time: datetime
    size: int
    latest: bool


class Inbox(ObjectStore, Protocol):
    """The bucket of dropped files, their rejects, and the parts of imports."""

    def arrived(self, prefix: str) -> Iterator[Arrived]:
        """List all versions of the objects whose keys begin with a prefix, in the order of their keys."""

    def latest(self, key: str) -> str:
        """Name the latest version of an object; empty if there is none or it was deleted."""

    def open(self, key: str, version: str) -> AbstractContextManager[Arrival]:
        """Read one version of an object in constant memory.

        Raises
        ------
        TryLaterError
            Also if it was deleted just now.
        """

    def delete(self, key: str) -> None:
        """Delete an object; a missing one is not an error."""
