"""Token buckets: how AWS throttles most of its calls."""

import threading
from collections.abc import Callable


class Bucket:
    """Tokens that are taken by calls and refilled at a rate. Any number of threads may take from it.

    Parameters
    ----------
    rate, size : callable
        Tokens per second, and the most that it holds: they may change while it is used.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, rate: Callable[[], float], size: Callable[[], float], clock: Callable[[], float]) -> None:
        self._rate, self._size, self._clock = rate, size, clock
        self._lock = threading.Lock()
        self._tokens, self._at = size(), clock()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        with self._lock:
            self._refill()
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def reserve(self) -> float:
        """Take a token, in advance if there is none; returns after how many seconds it is there."""
        with self._lock:
            self._refill()
            self._tokens -= 1
            return max(-self._tokens / self._rate(), 0)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._at) * self._rate(), self._size())
        self._at = now
