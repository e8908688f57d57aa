"""Saved sources: how the files of each sender are read, by command and by file drop."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.source import BUILT_IN, Source
from monthclose.names import IMPORT_SOURCES_PREFIX
from monthclose.ports import Documents

_KEY = f"{IMPORT_SOURCES_PREFIX}sources.json"
_MOST = 1000


@dataclass(frozen=True, slots=True)
class SourceKeeper:
    """Keeps sources. All of them are one object: there are few, and each import reads them once."""

    documents: Documents

    def all(self) -> Mapping[str, Source]:
        """Read all sources by name, those that are built in included."""
        return {**BUILT_IN, **{name: Source.read(name, content) for name, content in self._stored().items()}}

    def find(self, name: str, kind: str) -> Source:
        """Find a source of files of a kind.

        Raises
        ------
        UserMistakeError
            There is none, or it sends files of another kind.
        """
        known = self.all()
        if name not in known:
            raise UserMistakeError(f"there is no source {name!r}; the sources are {', '.join(sorted(known))}")
        if known[name].kind != kind:
            raise UserMistakeError(f"the source {name} sends {known[name].kind}, not {kind}")
        return known[name]

    def of_folder(self, path: str, kind: str) -> Source | None:
        """Find the source whose folder a file is in: the first folder of its path, if a source is called so."""
        folder, slash, _ = path.partition("/")
        found = self.all().get(folder) if slash else None
        return found if found and found.kind == kind else None

    def save(self, source: Source) -> None:
        """Save a source, which was checked; one of that name is replaced.

        Raises
        ------
        UserMistakeError
            There are too many.
        """
        stored = self._stored()
        if source.name not in stored and len(stored) >= _MOST:
            raise UserMistakeError(f"there are {_MOST:,} sources already; remove some")
        self._put({**stored, source.name: source.content()})

    def remove(self, name: str) -> None:
        """Remove a saved source.

        Raises
        ------
        UserMistakeError
            It is not saved.
        """
        stored = self._stored()
        if stored.pop(name, None) is None:
            built_in = "is built in" if name in BUILT_IN else "does not exist"
            raise UserMistakeError(f"the source {name!r} {built_in}; nothing was removed")
        self._put(stored)

    def _stored(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.documents.get(_KEY))
        except KeyError:
            return {}
        return found

    def _put(self, sources: Mapping[str, Any]) -> None:
        self.documents.put(_KEY, json.dumps(sources, sort_keys=True).encode())
