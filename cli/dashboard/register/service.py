"""The lists of a deployment, as the dashboard's pages ask for them: kept up to date behind the pages' backs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from cli.dashboard.register.cache import Cache, cache_path
from cli.dashboard.register.lists import Lists
from cli.dashboard.register.sync import State, Sync
from monthclose.errors import TryLaterError, UserMistakeError

if TYPE_CHECKING:
    from cli.system import System

_WAIT_SECONDS = 1.0
"""How long a page waits for rows that are newer than those that are there."""


class ListService:
    """Lists of what is there, brought up to date whenever somebody looks at one.

    Parameters
    ----------
    at_once : bool
        Whether each page looks for what has changed, however short ago that was done.
    wait : float
        Seconds that a page waits, at most, for what has changed.
    """

    def __init__(self, system: System, *, at_once: bool = False, wait: float = _WAIT_SECONDS) -> None:
        self._system, self._at_once, self._wait, self._lock = system, at_once, wait, threading.Lock()
        self._run: threading.Thread | None = None

    @cached_property
    def _cache(self) -> Cache:
        settings = self._system.ports.settings
        return Cache(cache_path(f"{os.environ.get('AWS_ENDPOINT_URL', 'AWS')} {settings.documents_bucket}"))

    @cached_property
    def _sync(self) -> Sync:
        return Sync(self._cache, self._system.ports)

    @cached_property
    def lists(self) -> Lists:
        """What answers."""
        return Lists(self._cache)

    @property
    def revision(self) -> int:
        """Another number once the rows have changed."""
        return self._cache.revision

    def look(self, wait: float | None = None) -> State:
        """Have the lists brought up to date, and say how far that is once it is done, or after a moment."""
        with self._lock:
            sync = self._sync
            if self._run is None or not self._run.is_alive():
                self._run = threading.Thread(target=self._refresh, name="register", daemon=True)
                self._run.start()
            run = self._run
        run.join(self._wait if wait is None else wait)
        return sync.state

    def _refresh(self) -> None:
        try:
            self._sync.refresh(at_once=self._at_once)
        except Exception:
            return

    def ask[T](self, question: Callable[[Lists], T]) -> T:
        """Ask the lists; a file that turns out to be damaged is made again.

        Raises
        ------
        TryLaterError
            It was damaged, or is being made again.
        UserMistakeError
            What was asked needs more memory than there is.
        """
        import duckdb  # noqa: PLC0415 - loaded by now

        damage = (duckdb.IOException, duckdb.FatalException, duckdb.SerializationException, duckdb.InternalException)
        made = self._cache.made
        try:
            return question(self.lists)
        except duckdb.OutOfMemoryException as error:
            raise UserMistakeError(
                "the lists have too little memory on this machine for this: search or filter for fewer rows"
            ) from error
        except duckdb.Error as error:
            with self._lock:
                if self._cache.made == made:
                    if not isinstance(error, damage):
                        raise
                    self._cache.make_again()
                    self.__dict__.pop("_sync", None)
            raise TryLaterError("the lists kept on this machine were damaged, and are being read again") from error
