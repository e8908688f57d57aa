"""How fast requests to a provider may start, and when. Pure arithmetic; times are seconds of any clock.

A lane (what shares one limit at the provider) has slots, one request each, `Pace.interval` apart. One number per lane
says everything: when its next free slot is due (the theoretical arrival time of the generic cell rate algorithm).
A worker leases a run of slots at a time, which moves that number on, and starts its requests in them.

A slot is good from when it is due until `Pace.tolerance` later; then it is lost, never saved up. So whatever the
workers do, any `t` seconds see at most `(t + tolerance) / interval + 1 = rate * t + burst` starts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from monthclose.domain.errors import UserMistakeError

HEADROOM = 0.98
"""Share of the provider's limit that is used: clocks drift, and requests don't all travel equally fast."""
LEASE_SECONDS = 1.0
"""How long a lease lasts a worker: about once a second it costs a write, and brings news of changes."""
ASK_AHEAD_SECONDS = 0.2
"""How long before its slots run out a worker leases more: longer than the store takes to answer."""
_GATHER_SECONDS = 0.5
_SLOW_CHARGE_SECONDS = 4
"""What a charge takes on a bad day: two calls at 1.5 s each, and the books' writes."""
_FEWEST_THREADS, _MOST_THREADS = 4, 128
"""Of one worker."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The request rate that a provider allows, per lane.

    Parameters
    ----------
    rate_per_second : float
        The provider's own limit.
    reserve_share : float
        Share of it that is left for the company's live traffic, 0 to 0.95.
    burst : int
        Requests that may come at once beyond the steady pace, at least 2: the provider must tolerate that many. It
        makes up for threads and networks that are not punctual; with too few, slots are lost.
    """

    rate_per_second: float
    reserve_share: float = 0.0
    burst: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_second <= _HIGHEST_RATE:
            raise UserMistakeError(f"the rate must be above 0 and at most {_HIGHEST_RATE} requests a second")
        if not 0 <= self.reserve_share <= _LARGEST_RESERVE:
            raise UserMistakeError(f"the reserve is a share: 0 to {_LARGEST_RESERVE}")
        if not _SMALLEST_BURST <= self.burst <= _LARGEST_BURST:
            raise UserMistakeError(f"the burst must be {_SMALLEST_BURST} to {_LARGEST_BURST} requests")

    def usable(self, speed: float = 1.0) -> float:
        """The most requests a second that we make, when slowed down to a share `speed`."""
        return self.rate_per_second * (1 - self.reserve_share) * HEADROOM * speed

    def pace(self, speed: float = 1.0) -> Pace:
        """Distance and tolerance of the slots, when slowed down to a share `speed`."""
        interval = 1 / self.usable(speed)
        return Pace(interval, (self.burst - 1) * interval)


_HIGHEST_RATE, _LARGEST_RESERVE = 10_000, 0.95
_SMALLEST_BURST, _LARGEST_BURST = 2, 1_000


@dataclass(frozen=True, slots=True)
class LimitChanges:
    """What an operator has changed of the deployment's limit; None is as deployed."""

    rate_per_second: float | None = None
    reserve_share: float | None = None
    burst: int | None = None

    def over(self, deployed: Limit) -> Limit:
        """Lay the changes over the deployment's limit.

        Raises
        ------
        UserMistakeError
            The result cannot be kept to.
        """
        changed = {name: value for name in _CHANGEABLE if (value := getattr(self, name)) is not None}
        return replace(deployed, **changed)

    def with_more(self, later: LimitChanges) -> LimitChanges:
        """Lay later changes over these."""
        changed = {name: value for name in _CHANGEABLE if (value := getattr(later, name)) is not None}
        return replace(self, **changed)


_CHANGEABLE = ("rate_per_second", "reserve_share", "burst")


@dataclass(frozen=True, slots=True)
class Pace:
    """Slots are `interval` seconds apart; each is good until `tolerance` seconds after it is due."""

    interval: float
    tolerance: float

    def earliest(self, now: float) -> float:
        """When the next slot can have been due, if nobody asked for a while.

        Half the tolerance back: it makes up for late questions, and the slot is still good for the other half.
        """
        return now - self.tolerance / 2

    def is_good(self, due: float, now: float) -> bool:
        """Whether a slot may still be used."""
        return now <= due + self.tolerance


@dataclass(frozen=True, slots=True)
class Run:
    """A lease: `count` slots in a row, the first due at `first`."""

    first: float
    count: int
    pace: Pace

    @property
    def end(self) -> float:
        """When the slot after the last one is due: where the next run begins."""
        return self.first + self.count * self.pace.interval

    def slots(self) -> list[float]:
        """List when each slot is due."""
        return [self.first + index * self.pace.interval for index in range(self.count)]


def lease(free_at: float | None, now: float, count: int, pace: Pace) -> Run:
    """Lease slots of a lane whose next free slot is due at `free_at` (None: nobody has asked yet)."""
    earliest = pace.earliest(now)
    return Run(earliest if free_at is None else max(free_at, earliest), count, pace)


@dataclass(frozen=True, slots=True)
class LeaseSize:
    """How many slots a worker leases at the most, so that a lease lasts about `LEASE_SECONDS`.

    Workers don't know of each other; each sees how long its run takes to be used up: longer, the more the others have
    leased. Growing by one and shrinking in proportion, they converge on equal shares, as senders on a network do.
    """

    most: float = 4.0

    def count(self, waiting: int, pace: Pace, seconds: float) -> int:
        """Choose the size of the next lease.

        Parameters
        ----------
        waiting : int
            Requests waiting for a slot: no more slots than that are leased.
        seconds : float
            How long they are willing to wait.
        """
        in_time = math.floor(max(seconds, 0) / pace.interval)
        return max(min(waiting, math.floor(self.most), in_time), 1)

    def after(self, run: Run, now: float) -> LeaseSize:
        """Learn from a lease."""
        lasts = run.end - now
        if lasts > LEASE_SECONDS:
            return LeaseSize(max(min(self.most, run.count) * LEASE_SECONDS / lasts, 1.0))
        return LeaseSize(min(self.most + 1, max(LEASE_SECONDS / run.pace.interval, 1.0)))


def gather_seconds(threads: int, pace: Pace) -> float:
    """How long after it asked a worker with so many threads gathers requests before it asks again.

    Where requests come no faster than slots, as in the second of a charge's two lanes, each would cost a write of its
    own otherwise. It is never so long that these threads could not use every slot of the lane, should they be alone.
    """
    return min(threads * pace.interval, _GATHER_SECONDS)


def threads_needed(limit: Limit, seconds_per_request: float, workers: int) -> int:
    """How many requests a worker must be able to have under way or waiting, for all workers to use the limit up.

    By Little's law as many are under way in all as start a second, times what one takes. On top come those that wait
    for the slots of a lease.

    Parameters
    ----------
    seconds_per_request : float
        From one request of a lane to the same thread's next one: the answer's mean latency and whatever else it does.
    """
    return max(math.ceil(limit.usable() * (seconds_per_request + LEASE_SECONDS) / workers), 1)


def charging_threads(limit: Limit, workers: int) -> int:
    """How many charges a worker has under way at once, so that all together use the limit up at slow answers, too."""
    return min(max(threads_needed(limit, _SLOW_CHARGE_SECONDS, workers), _FEWEST_THREADS), _MOST_THREADS)
