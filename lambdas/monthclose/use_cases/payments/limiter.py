"""The limiter of one worker: its threads start their requests in slots that it leases for them, a run at a time."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from monthclose.domain.payments.provider_health import FAILURES_IN_A_ROW, Circuit, Health
from monthclose.domain.payments.throttle import ASK_AHEAD_SECONDS, LeaseSize, Limit, Pace, Run, gather_seconds
from monthclose.errors import ConflictError, ProviderPausedError, TryLaterError
from monthclose.ports import Clock, ProviderLimits, ProviderState

_FRESH_SECONDS = 0.5
"""How old what is known of the shared state may be: two lanes that lease at the same time read it once."""
_RECENT_SECONDS = 10.0
_RACES = 5


class _Slot(NamedTuple):
    """A slot that a thread was given."""

    due: float
    pace: Pace


class _Lane:
    """A lane as this worker sees it: threads wait in a line, and the first in it get the slots of the next lease."""

    def __init__(self) -> None:
        self.asking = threading.Lock()
        """Held while the store is asked; the lane's own lock, for moments only."""
        self.ends_at = 0.0
        """When the last lease is used up."""
        self.ask_at = 0.0
        """When to ask for the next one."""
        self._lock = threading.Lock()
        self._tickets = count(1)
        self._waiting: set[int] = set()
        self._given: dict[int, _Slot] = {}
        self._threads: dict[int, float] = {}
        """When each thread came here last."""
        self._size = LeaseSize()

    def ticket(self) -> int:
        """Draw a place in the line."""
        return next(self._tickets)

    def wait(self, ticket: int, now: float) -> None:
        """Join the line; a thread that lost its slot keeps its place."""
        with self._lock:
            self._threads[threading.get_ident()] = now
            self._waiting.add(ticket)

    def leave(self, ticket: int) -> None:
        """Leave the line."""
        with self._lock:
            self._waiting.discard(ticket)
            self._given.pop(ticket, None)

    def slot(self, ticket: int) -> _Slot | None:
        """Get the slot that a ticket was given, if it was."""
        with self._lock:
            return self._given.get(ticket)

    def next_count(self, pace: Pace, seconds: float) -> int:
        """Choose how many slots to lease for those who wait."""
        with self._lock:
            return self._size.count(len(self._waiting), pace, seconds)

    def give(self, run: Run, now: float) -> None:
        """Give a lease's slots to those who have waited longest."""
        with self._lock:
            for ticket, due in zip(sorted(self._waiting), run.slots(), strict=False):
                self._waiting.remove(ticket)
                self._given[ticket] = _Slot(due, run.pace)
            self._size, self.ends_at = self._size.after(run, now), run.end
            self._threads = {name: seen for name, seen in self._threads.items() if seen > now - _RECENT_SECONDS}
            self.ask_at = max(run.end - ASK_AHEAD_SECONDS, now + gather_seconds(len(self._threads), run.pace))

    def restart(self) -> None:
        """Don't wait for the last lease's end before asking for another."""
        self.ends_at = self.ask_at = 0.0


class PacedLimiter:
    """`Limiter` over a store that the workers share. Any number of threads may use it.

    Parameters
    ----------
    deployed : Limit
        What the deployment's settings allow; the operator's changes are laid over it.
    patience_seconds : float
        How long a thread waits for a slot before it gives up.
    sleep : Callable[[float], object]
        Takes seconds.
    """

    def __init__(
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
        self._end_probe()  # if this thread's last call was one and ended without a note, another has taken over
        mine, until = self._lane(lane), self._now() + self._patience
        ticket = mine.ticket()
        while True:
            self._enter()
            mine.wait(ticket, self._now())
            try:
                slot = self._slot(lane, mine, ticket, until)
            finally:
                mine.leave(ticket)
            self._sleep_until(slot.due)
            if slot.pace.is_good(slot.due, self._now()) and self._may_ask():
                return

    def wait_seconds(self, lane: str) -> float:
        """Estimate it from the last lease and what was last known of the provider's health."""
        now, known = self._now(), self._known
        paused = known.health.seconds_to_wait(now) if known else 0.0
        return max(paused, self._lane(lane).ends_at - now, 0.0)

    def succeeded(self, _lane: str, /) -> None:
        """Forget the failures; a probe closes the circuit."""
        self._answered()

    def limited(self, lane: str, /) -> None:
        """Slow all workers down. It is an answer, too."""
        self._answered()
        self._lane(lane).restart()
        self._change(Health.limited)

    def failed(self, _lane: str, /) -> None:
        """Pause after several failures in a row, or after a failed probe."""
        with self._lock:
            self._failures += 1
            outage = self._failures >= FAILURES_IN_A_ROW
            self._failures = 0 if outage else self._failures
        if self._end_probe():
            self._change(Health.down)
        elif outage:  # what was under way when the circuit opened fails, too: that is no other outage
            self._change(lambda health, now: health if health.pause_seconds else health.down(now))

    def _answered(self) -> None:
        with self._lock:
            self._failures = 0
        if self._end_probe():
            self._change(lambda health, _now: health.well())

    def _end_probe(self) -> bool:
        """Take the probe from this thread; returns whether it had it."""
        with self._lock:
            had = self._prober == threading.get_ident()
            self._prober = 0 if had else self._prober
        return had

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
            return  # read again with the next lease
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
            self._know(replace(self._state(), health=probing))
            return True
        self._known_at = 0.0
        return False

    def _slot(self, lane: str, mine: _Lane, ticket: int, until: float) -> _Slot:
        """Get a slot; the first in line asks for all when the last lease is nearly used up."""
        while True:
            slot, now = mine.slot(ticket), self._now()
            if slot:
                return slot
            if now >= until:
                raise self._paused("is already asked as fast as it allows", max(mine.ends_at - now, 1.0))
            ask_at = min(mine.ask_at, until)
            if now < ask_at:
                self._sleep_until(ask_at)
            else:
                self._lease(lane, mine, ticket, until)

    def _lease(self, lane: str, mine: _Lane, ticket: int, until: float) -> None:
        with mine.asking:
            now = self._now()
            if mine.slot(ticket) or now < mine.ask_at:
                return  # somebody else has asked while this thread waited to ask
            state = self._state()
            if state.health.pause_seconds and not self._may_ask():
                raise self._paused("is down", max(state.health.seconds_to_wait(now), 1.0))
            pace = state.changes.over(self._deployed).pace(state.health.speed(now))
            slots = mine.next_count(pace, until - now)
            run = self._limits.lease(self._provider, lane, slots, pace, now=now, latest=until)
            mine.give(run, now)

    def _change(self, step: Callable[[Health, float], Health]) -> None:
        """Change the provider's health for all workers; never raises: the caller has an answer that must survive."""
        with suppress(TryLaterError):
            for _ in range(_RACES):
                state = self._limits.state(self._provider)
                health = step(state.health, self._now())
                if health != state.health:
                    try:
                        health = self._limits.put_health(self._provider, health)
                    except ConflictError:
                        continue
                self._know(replace(state, health=health))
                return

    def _paused(self, why: str, seconds: float) -> ProviderPausedError:
        return ProviderPausedError(f"{self._provider} {why}", seconds)
