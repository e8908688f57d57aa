"""Looks at closes, kept for a moment: however many windows are open, a close's batches are read once."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from cli.live import Followed, follow
from cli.system import System
from cli.view import survey
from monthclose.domain.period import Period

SHORTEST = 2.0
"""Seconds between two looks at a close."""
_SHARE = 5
"""With 10,000 batches a look takes seconds, and reads 30 MB (some 4,000 read units): a fifth of the time at most."""
_ENDED = 5
"""What has ended changes rarely: a look at it is kept so many times as long."""


@dataclass(frozen=True, slots=True)
class Look:
    """A close as it was at a moment.

    Parameters
    ----------
    taken_at : float
        Seconds on the clock of `Looks`.
    interval : float
        Seconds until a close is worth another look.
    """

    followed: Followed
    taken_at: float
    interval: float

    @property
    def running(self) -> bool:
        """Whether it is still changing by itself."""
        return self.followed.view.running


@dataclass
class Looks:
    """The latest look at each close.

    Parameters
    ----------
    shortest : float
        Seconds between two looks, at least; 0 if none is kept.
    """

    system: System
    shortest: float = SHORTEST
    clock: Callable[[], float] = time.monotonic
    _kept: dict[Period, Look] = field(default_factory=dict)
    _locks: defaultdict[Period, Lock] = field(default_factory=lambda: defaultdict(Lock))

    def at(self, period: Period) -> Look | None:
        """Look at a close, or take the last look if it is fresh enough; None if there is no such close."""
        with self._locks[period]:
            kept = self._kept.get(period)
            if kept and self.clock() - kept.taken_at < kept.interval:
                return kept
            began = self.clock()
            view = survey(self.system, period)
            if view is None:
                return None
            followed = follow(self.system, view)
            now = self.clock()
            interval = max(self.shortest, _SHARE * (now - began)) * (1 if view.running else _ENDED)
            found = Look(followed, now, interval)
            if self.shortest:
                self._kept[period] = found
            return found

    def forget(self, period: Period | None = None) -> None:
        """Let the next look be a new one: something was changed here."""
        for known in [period] if period else [*self._kept]:
            self._kept.pop(known, None)
