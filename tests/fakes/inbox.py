"""The bucket of dropped files, in memory, with its versions."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monthclose.errors import TryLaterError
from monthclose.ports import Arrival
from monthclose.ports.inbox import Arrived
from tests.fakes import FakeDocuments


@dataclass(frozen=True)
class Version:
    """One version of an object; without content, the mark that it was deleted."""

    name: str
    content: bytes | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    time: datetime = datetime(2026, 11, 1, tzinfo=UTC)


class FakeInbox(FakeDocuments):
    """`Inbox` in memory. Of our own objects only the last version is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, list[Version]] = defaultdict(list)
        self.deleted: list[str] = []
        self.now = Version.time
        """When what is put next comes."""

    def drop(self, key: str, content: bytes, **metadata: str) -> str:
        """Put an object, as a sender does; returns the version."""
        return self._add(key, content, {name.replace("_", "-", 1): value for name, value in metadata.items()})

    def withdraw(self, key: str) -> None:
        """Delete an object, as a sender does who changed their mind."""
        self._add(key, None, {})

    def _add(self, key: str, content: bytes | None, metadata: Mapping[str, str]) -> str:
        name = f"version-{len(self.versions[key]) + 1}"
        self.versions[key].append(Version(name, content, metadata, self.now))
        return name

    def arrived(self, prefix: str) -> Iterator[Arrived]:
        for key in sorted(key for key in self.versions if key.startswith(prefix)):
            for version in reversed(self.versions[key]):
                if version.content is not None:
                    latest = version is self.versions[key][-1]
                    yield Arrived(key, version.name, version.time, len(version.content), latest)

    def latest(self, key: str) -> str:
        versions = self.versions[key]
        return versions[-1].name if versions and versions[-1].content is not None else ""

    @contextmanager
    def open(self, key: str, version: str) -> Iterator[Arrival]:
        found = [v for v in self.versions[key] if v.name == version]
        if not found or found[0].content is None:
            raise TryLaterError("it was deleted at this moment")
        yield Arrival(io.BufferedReader(io.BytesIO(found[0].content)), found[0].metadata)

    def delete(self, key: str) -> None:
        self.deleted.append(key)
        self.objects.pop(key, None)

    def location(self, key: str) -> dict[str, str]:
        return {"bucket": "usage-files", "key": key}
