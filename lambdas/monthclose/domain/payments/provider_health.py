"""Whether a provider is healthy: slowed down after a 429, paused while it is down. Pure.

A pause is a circuit breaker: closed (requests are made) → open (none until a time) → half-open (one request, the probe,
finds out) → closed, or open again for twice as long. Times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

FAILURES_IN_A_ROW = 5
"""This many time-outs and 5xx with no answer in between are an outage, as one worker sees it."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 60.0
PROBE_SECONDS = 30.0
"""How long a probe may take before another worker sends one: longer than a request's time-out."""
SLOWED_TO, SLOWEST = 0.75, 0.05
"""Share of the speed that is left after a 429, and of the limit after many."""
SETTLE_SECONDS = 2.0
"""For this long, requests that were under way at the old speed may bring more 429s: they count as one."""
RECOVERY_PER_SECOND = 0.01
"""Share of the limit by which the speed grows each second after it was slowed down."""


class Circuit(StrEnum):
    """Whether requests are made to the provider."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Health:
    """What the workers know together about a provider.

    Parameters
    ----------
    slowed_to : float
        Share of the limit in use at `slowed_at`; it has grown since, see `speed`.
    pause_seconds : float
        Length of the present pause; 0 when the circuit is closed.
    paused_at : float
        When the outage was noticed.
    paused_until, probed_until : float
        When the pause ends, and how long to wait for the answer to a probe.
    """

    slowed_to: float = 1.0
    slowed_at: float = 0.0
    pause_seconds: float = 0.0
    paused_at: float = 0.0
    paused_until: float = 0.0
    probed_until: float = 0.0
    version: int = 0

    def speed(self, now: float) -> float:
        """Share of the limit that is used now: recovers evenly with time."""
        recovered = self.slowed_to + max(now - self.slowed_at, 0) * RECOVERY_PER_SECOND
        return min(recovered, 1.0)

    def circuit(self, now: float) -> Circuit:
        """Whether requests are made to the provider now."""
        if not self.pause_seconds:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self.paused_until else Circuit.HALF_OPEN

    def seconds_to_wait(self, now: float) -> float:
        """After how long it is worth trying again; 0 if now (half-open: one probe at a time)."""
        if not self.pause_seconds:
            return 0.0
        return max(self.paused_until - now, min(self.probed_until - now, FIRST_PAUSE_SECONDS), 0.0)

    def limited(self, now: float) -> Health:
        """A request was answered with 429: slow down, once for all that were under way."""
        if now < self.slowed_at + SETTLE_SECONDS:
            return self
        return replace(self, slowed_to=max(self.speed(now) * SLOWED_TO, SLOWEST), slowed_at=now)

    def down(self, now: float) -> Health:
        """The provider is down, or a probe has failed: pause, each time twice as long."""
        pause = min(max(self.pause_seconds * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        return replace(
            self,
            pause_seconds=pause,
            paused_at=self.paused_at if self.pause_seconds else now,
            paused_until=now + pause,
            probed_until=0.0,
        )

    def probing(self, now: float) -> Health:
        """One worker sends the request that finds out whether the provider has recovered."""
        return replace(self, probed_until=now + PROBE_SECONDS)

    def well(self) -> Health:
        """A probe was answered: the circuit is closed."""
        return replace(self, pause_seconds=0.0, paused_at=0.0, paused_until=0.0, probed_until=0.0)
