"""How fast usage is imported while a close runs: nobody waits for it then, and many wait for the close."""

import time
from collections.abc import Callable
from threading import Lock

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.imports.drop_settings import PACED_SECONDS, seconds_for
from monthclose.ports import Closes, Tell, TimeIsUp

_LOOK_SECONDS = 15.0
"""How old the answer may be whether a close runs: it takes a request."""
_NAP_SECONDS = 5.0
"""Longest wait before looking again."""


class ImportPace:
    """Lets so many rows a second through while a close runs, and all of them otherwise. Any number of threads may ask.

    Parameters
    ----------
    rows_per_second : float
        Of this process; 0 for no bound.
    tell : callable
        Is told when imports begin to wait.
    sleep, now : callable
        Take and return seconds.
    """

    def __init__(
        self,
        closes: Closes,
        rows_per_second: float,
        *,
        tell: Tell = lambda _: None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._closes, self._per_second = closes, rows_per_second
        self._tell, self._sleep, self._now = tell, sleep, now
        self._lock = Lock()
        self._runs, self._look_at, self._free_at = False, now(), now()

    def telling(self, tell: Tell) -> "ImportPace":
        """Make one that says when imports begin to wait."""
        return ImportPace(self._closes, self._per_second, tell=tell, sleep=self._sleep, now=self._now)

    def wait(self, rows: int, time_is_up: TimeIsUp = lambda: False) -> None:
        """Wait until so many more rows may be imported, or time is up: a function must finish what it has begun."""
        if not self._per_second or not self._close_runs():
            return
        with self._lock:
            due = max(self._free_at, self._now())
            self._free_at = due + rows / self._per_second
        while (left := due - self._now()) > 0 and not time_is_up():
            self._sleep(min(left, _NAP_SECONDS))
            if not self._close_runs():
                return

    def turn(self) -> Callable[[float], bool]:
        """Begin a function's turn; returns what says whether so many bytes of rows can be imported in the rest of it.

        Without a close, anything can. A part that did not fit would be finished without waiting once time is up.
        """
        began = self._now()

        def fits(size: float) -> bool:
            if not self._per_second or not self._close_runs():
                return True
            return seconds_for(size, self._per_second) <= PACED_SECONDS - (self._now() - began)

        return fits

    def _close_runs(self) -> bool:
        with self._lock:
            if self._now() < self._look_at:
                return self._runs
            before = self._runs
            running = (close for close in self._closes.all() if close.status is CloseStatus.RUNNING)
            self._runs = any(not close.stopped for close in running)
            self._look_at = self._now() + _LOOK_SECONDS
            if not self._runs:
                self._free_at = self._now()
            elif not before:
                self._tell(
                    f"a close is running: until it ends, at most {self._per_second:,.0f} rows a second are imported"
                )
            return self._runs
