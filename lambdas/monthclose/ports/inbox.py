"""The bucket that usage files are dropped into."""

import io
from collections.abc import Mapping
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
    """The bucket of dropped files, their rejects, and the parts of imports."""

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
