"""How a worker's requests to a provider ended, counted until somebody asks."""

from collections import Counter
from enum import StrEnum
from threading import Lock


class RequestEnd(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    """Refusals are answers, too."""
    LIMITED = "limited"
    """With 429: we ask too fast, or somebody else does."""
    FAILED = "failed"
    """Not at all, or with 5xx."""


class RequestTally:
    """Counts requests; any number of threads may add to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends = Counter[RequestEnd]()

    def add(self, end: RequestEnd) -> None:
        """Count a request."""
        with self._lock:
            self._ends[end] += 1

    def take(self) -> Counter[RequestEnd]:
        """Return what was counted since this was last called."""
        with self._lock:
            taken, self._ends = self._ends, Counter()
            return taken
