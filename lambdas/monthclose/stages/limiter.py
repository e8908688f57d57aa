"""The limiter of one worker: its threads start their requests in slots that it leases for them, a run at a time."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from monthclose.domain.provider_health import FAILURES_IN_A_ROW, Circuit, Health
from monthclose.domain.throttle import ASK_AHEAD_SECONDS, LeaseSize, Limit, Pace, Run
from monthclose.errors import ConflictError, ProviderPausedError, TryLaterError
from monthclose.ports import Clock, ProviderLimits, ProviderState

_FRESH_SECONDS = 0.5
"""How old what is known of the shared state may be: two lanes that lease at the same time read it once."""
_RACES = 5


class _Lane:
    """A lane as this worker sees it. Its lock is held for moments only; `asking` while the store is asked."""

    def __init__(self) -> None:
        self.asking = threading.Lock()
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._waiting = 0
        self._size = LeaseSize()
        self.ends_at = 0.0
        """When the last run's slots are used up."""

    def queue_up(self, threads: int) -> None:
        """Count a thread that begins (1) or ceases (-1) to wait for a slot."""
        with self._lock:
            self._waiting += threads

    def has_slot(self, now: float) -> bool:
        """Whether a slot is left that is still good."""
        with self._lock:
            return self._run is not None and self._run.take(now)[0] is not None

    def take(self, now: float) -> tuple[float, Pace] | None:
        """Take a slot."""
        with self._lock:
            if self._run is None:
                return None
            due, self._run = self._run.take(now)
            return None if due is None else (due, self._run.pace)

    def next_count(self, pace: Pace, seconds: float) -> int:
        """Choose how many slots to lease for those who wait."""
        with self._lock:
            return self._size.count(self._waiting, pace, seconds)

    def add(self, run: Run, now: float) -> None:
        """Take over a leased run."""
        with self._lock:
            self._run, self.ends_at = run, run.end
            self._size = self._size.after(run, now)

    def drop(self) -> None:
        """Let the slots go that nobody has taken yet."""
        with self._lock:
            self._run, self.ends_at = None, 0.0


class PacedLimiter:
    """`Limiter` over a store that the workers share. Any number of threads may use it.

    Parameters
    ----------
    deployed : Limit
        What the deployment's settings allow; the operator's changes are laid over it.
    patience_seconds : float
        How long a thread waits for a slot before it is sent away.
    sleep : Callable[[float], object]
        Takes seconds.
    """

    def __init__(  # noqa: PLR0913 (what is not the world's is a default)
        self,
        provider: str,
        deployed: Limit,
        limits: ProviderLimits,
        clock: Clock,
        *,
        patience_seconds: float = 30.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._provider, self._deployed, self._limits = provider, deployed, limits
        self._clock, self._sleep, self._patience = clock, sleep, patience_seconds
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)
        self._lock = threading.Lock()
        self._known: ProviderState | None = None
        self._known_at = 0.0
        self._failures = 0
        self._prober = 0

    def acquire(self, lane: str) -> None:
        """Wait for a slot, and for its time."""
        mine, until = self._lane(lane), self._now() + self._patience
        while True:
            self._enter()
            mine.queue_up(1)
            try:
                due, pace = self._slot(lane, mine, until)
            finally:
                mine.queue_up(-1)
            self._sleep_until(due)
            if self._now() <= due + pace.tolerance and self._may_ask():
                return

    def wait_seconds(self, lane: str) -> float:
        """Estimate it from the last lease and what was last known of the provider's health."""
        now, known = self._now(), self._known
        paused = known.health.seconds_to_wait(now) if known else 0.0
        return max(paused, self._lane(lane).ends_at - now, 0.0)

    def succeeded(self, lane: str) -> None:
        """Forget the failures; a probe closes the circuit."""
        self._answered()

    def limited(self, lane: str) -> None:
        """Slow all workers down. It is an answer, too."""
        self._answered()
        self._lane(lane).drop()
        self._change(Health.limited)

    def failed(self, lane: str) -> None:
        """Pause after several failures in a row, or after a failed probe."""
        with self._lock:
            probed = self._prober == threading.get_ident()
            self._prober = 0 if probed else self._prober
            self._failures += 1
            outage = self._failures >= FAILURES_IN_A_ROW
        if probed:
            self._change(Health.down)
        elif outage:  # what was under way when the circuit opened fails, too: that is no other outage
            self._change(lambda health, now: health if health.pause_seconds else health.down(now))

    def _answered(self) -> None:
        with self._lock:
            self._failures = 0
            probed = self._prober == threading.get_ident()
            self._prober = 0 if probed else self._prober
        if probed:
            self._change(lambda health, _now: health.well())

    def _now(self) -> float:
        return self._clock().timestamp()

    def _sleep_until(self, time_: float) -> None:
        seconds = time_ - self._now()
        if seconds > 0:
            self._sleep(seconds)

    def _lane(self, name: str) -> _Lane:
        with self._lock:
            return self._lanes[name]

    def _state(self) -> ProviderState:
        """What the workers know together, not older than `_FRESH_SECONDS`."""
        known = self._known
        if known and self._now() - self._known_at < _FRESH_SECONDS:
            return known
        known = self._limits.state(self._provider)
        self._know(known)
        return known

    def _know(self, state: ProviderState) -> None:
        self._known, self._known_at = state, self._now()

    def _may_ask(self) -> bool:
        """Whether the circuit is closed, as far as is known, or this thread has the probe."""
        known = self._known
        return known is None or not known.health.pause_seconds or self._prober == threading.get_ident()

    def _enter(self) -> None:
        """Turn back while the circuit is open; in the first thread that comes afterwards, take the probe."""
        if self._known and self._may_ask():
            return  # read anew with the next lease
        health = self._state().health
        now = self._now()
        if health.circuit(now) is Circuit.CLOSED:
            return
        wait = health.seconds_to_wait(now)
        if wait > 0 or not self._take_probe(health, now):
            raise self._paused("is down", max(wait, 1.0))

    def _take_probe(self, health: Health, now: float) -> bool:
        with suppress(ConflictError):
            probing = self._limits.put_health(self._provider, health.probing(now))
            with self._lock:
                self._prober = threading.get_ident()
            self._know(ProviderState(self._state().changes, probing))
            return True
        self._known_at = 0.0
        return False

    def _slot(self, lane: str, mine: _Lane, until: float) -> tuple[float, Pace]:
        """Take a slot, leasing a run when the last one is nearly used up."""
        while True:
            now = self._now()
            taken = mine.take(now)
            if taken:
                return taken
            if now >= until:
                raise self._paused("is asked as fast as it allows", max(mine.ends_at - now, 1.0))
            ask_at = min(mine.ends_at - ASK_AHEAD_SECONDS, until)
            if now < ask_at:
                self._sleep_until(ask_at)
            else:
                self._lease(lane, mine, until)

    def _lease(self, lane: str, mine: _Lane, until: float) -> None:
        with mine.asking:
            now = self._now()
            if mine.has_slot(now):  # somebody else has asked while this thread waited to ask
                return
            state = self._state()
            if state.health.pause_seconds and not self._may_ask():
                raise self._paused("is down", max(state.health.seconds_to_wait(now), 1.0))
            pace = state.changes.over(self._deployed).pace(state.health.speed(now))
            count = mine.next_count(pace, until - now)
            run = self._limits.lease(self._provider, lane, count, pace, now=now, latest=until)
            mine.add(run, now)

    def _change(self, step: Callable[[Health, float], Health]) -> None:
        """Change the provider's health for all; who reports to us has a provider's answer that must not get lost."""
        with suppress(TryLaterError):
            for _ in range(_RACES):
                state = self._limits.state(self._provider)
                health = step(state.health, self._now())
                if health != state.health:
                    try:
                        health = self._limits.put_health(self._provider, health)
                    except ConflictError:
                        continue
                self._know(ProviderState(state.changes, health))
                return

    def _paused(self, why: str, seconds: float) -> ProviderPausedError:
        return ProviderPausedError(f"{self._provider} {why}", seconds)
