"""Fakes of the throttle's ports, and time that passes only where threads sleep."""

import heapq
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import LimitChanges, Pace, Run, lease
from monthclose.errors import ConflictError, ProviderPausedError
from monthclose.ports import ProviderState


class FakeProviderLimits:
    """`ProviderLimits` in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: dict[str, LimitChanges] = {}
        self._health: dict[str, Health] = {}
        self._pauses: dict[str, tuple[Pause, int]] = {}
        self._free_at: dict[tuple[str, str], float] = {}
        self.leases: list[tuple[float, Run]] = []
        """When a run was leased, and which."""
        self.health_writes = 0

    def state(self, provider: str) -> ProviderState:
        pause, version = self._pauses.get(provider, (None, 0))
        changes, health = self._changes.get(provider, LimitChanges()), self._health.get(provider, Health())
        return ProviderState(changes, health, pause, version)

    def put_changes(self, provider: str, changes: LimitChanges) -> None:
        self._changes[provider] = changes

    def put_health(self, provider: str, health: Health) -> Health:
        with self._lock:
            if self._health.get(provider, Health()).version != health.version:
                raise ConflictError("somebody else changed it first")
            self._health[provider] = replace(health, version=health.version + 1)
            self.health_writes += 1
            return self._health[provider]

    def put_pause(self, provider: str, pause: Pause, version: int) -> None:
        if self._pauses.get(provider, (None, 0))[1] != version:
            raise ConflictError("somebody else changed it first")
        self._pauses[provider] = (pause, version + 1)

    def lease(self, provider: str, lane: str, count: int, pace: Pace, *, now: float, latest: float) -> Run:
        with self._lock:
            free_at = self._free_at.get((provider, lane))
            if free_at is not None and free_at > latest:
                raise ProviderPausedError(f"{provider} is busy", free_at - now)
            run = lease(free_at, now, count, pace)
            self._free_at[provider, lane] = run.end
            self.leases.append((now, run))
            return run


@dataclass
class FakeLimiter:
    """`Limiter` that records its calls; `full` lanes turn everybody away."""

    notes: list[tuple[str, str]] = field(default_factory=list)
    full: dict[str, ProviderPausedError] = field(default_factory=dict)

    def acquire(self, lane: str) -> None:
        if lane in self.full:
            raise self.full[lane]
        self.notes.append(("acquire", lane))

    def wait_seconds(self, lane: str) -> float:
        return self.full[lane].seconds if lane in self.full else 0.0

    def succeeded(self, lane: str, /) -> None:
        self.notes.append(("succeeded", lane))

    def limited(self, lane: str, /) -> None:
        self.notes.append(("limited", lane))

    def failed(self, lane: str, /) -> None:
        self.notes.append(("failed", lane))

    def slots(self) -> dict[str, int]:
        """Slots taken, by lane."""
        taken: defaultdict[str, int] = defaultdict(int)
        for what, lane in self.notes:
            taken[lane] += what == "acquire"
        return dict(taken)


_MOST_SECONDS = 240
"""Of real time that a run may take, on however busy a machine: less than a whole test may (pyproject.toml)."""


class TimeEndedError(BaseException):
    """Virtual time has ended before its time: whoever still sleeps stops."""


class VirtualTime:
    """Time for many threads that passes only while all of them sleep: hours of it take moments, the same each time.

    Parameters
    ----------
    lateness : Callable[[], float]
        By how many seconds a sleeping thread is woken too late.
    """

    def __init__(self, lateness: Callable[[], float] = lambda: 0.0, start: float = 1_793_491_200.0) -> None:
        self.now = start
        self._lateness = lateness
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._tickets = 0
        self._running = 1  # the test itself
        self._ended = False

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def sleep(self, seconds: float) -> None:
        wake = threading.Event()
        with self._lock:
            if self._ended:
                raise TimeEndedError
            self._tickets += 1
            heapq.heappush(self._sleepers, (self.now + seconds + self._lateness(), self._tickets, wake))
            self._hand_over()
        wake.wait()
        if self._ended:
            raise TimeEndedError

    def _hand_over(self) -> None:
        """Wake the thread that is due first, once no other runs: one at a time, in the order of time."""
        self._running -= 1
        if not self._running and self._sleepers:
            time, _, wake = heapq.heappop(self._sleepers)
            self.now = max(self.now, time)
            self._running = 1
            wake.set()

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Run each work in a thread of its own, to the end of all; the first error of one is raised."""
        errors: list[BaseException] = []

        def one(work: Callable[[], None]) -> None:
            try:
                self.sleep(0)
                work()
            except BaseException as error:
                errors.append(error)
            finally:
                with self._lock:
                    self._hand_over()

        # Daemons: whatever becomes of them, they never keep the process of the tests from its end.
        threads = [threading.Thread(target=one, args=(work,), daemon=True) for work in works]
        self._running = len(threads)
        try:
            self._run_to_the_end(threads)
        except BaseException:  # not all could be started, they took too long, or the test is broken off
            self._end()
            raise
        self._running = 1
        if errors:
            raise errors[0]

    def _run_to_the_end(self, threads: Sequence[threading.Thread]) -> None:
        deadline = time.monotonic() + _MOST_SECONDS
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
            assert not thread.is_alive(), f"virtual time has not come to its end in {_MOST_SECONDS} s"

    def _end(self) -> None:
        """Let no thread sleep for ever."""
        with self._lock:
            self._ended = True
            for _, _, wake in self._sleepers:
                wake.set()


def log_normal(seed: int, median: float, sigma: float = 0.5) -> Callable[[], float]:
    """Answers' times as card networks have them: seconds."""
    rng = random.Random(seed)
    return lambda: median * rng.lognormvariate(0, sigma)
