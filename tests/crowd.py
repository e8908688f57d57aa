"""Workers with many threads and a provider that counts, in virtual time."""

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from monthclose.domain.payments.throttle import Limit
from monthclose.errors import ProviderPausedError
from monthclose.use_cases.payments.limiter import PacedLimiter
from tests.fakes.throttle import FakeProviderLimits, VirtualTime

LIMIT = Limit(25, burst=5)
LANE = "collect"


@dataclass
class Provider:
    """A provider with a token bucket, as long as it is up."""

    time: VirtualTime
    rate: float = 25
    capacity: float = 25
    up: bool = True
    level: float = 25
    filled_at: float = 0
    refused: list[float] = field(default_factory=list)

    def answers(self) -> bool:
        self.level = min(self.capacity, self.level + self.rate * (self.time.now - self.filled_at))
        self.filled_at = self.time.now
        if self.level < 1:
            self.refused.append(self.time.now)
            return False
        self.level -= 1
        return True


@dataclass
class Workers:
    """Workers who ask a provider as fast as they may, each with a pool of threads."""

    limit: Limit = LIMIT
    latency: Callable[[], float] = lambda: 0.4
    time: VirtualTime = field(default_factory=VirtualTime)
    limits: FakeProviderLimits = field(default_factory=FakeProviderLimits)
    starts: list[float] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)
    operate: Callable[[], None] | None = None
    """What happens meanwhile."""

    def __post_init__(self) -> None:
        self.provider = Provider(self.time)
        self.began = self.time.now

    def limiter(self, fast_by: float = 0, patience: float = 30) -> PacedLimiter:
        def clock() -> datetime:
            return self.time.clock() + timedelta(seconds=fast_by)

        return PacedLimiter("stripe", self.limit, self.limits, clock, patience_seconds=patience, sleep=self.time.sleep)

    def run(self, limiters: list[PacedLimiter], threads: int, seconds: float) -> None:
        works = [partial(self._work, limiter, self.time.now + seconds) for limiter in limiters]
        operator = [self.operate] if self.operate else []
        self.time.run([*works * threads, *operator])

    def _work(self, limiter: PacedLimiter, end: float) -> None:
        while self.time.now < end:
            try:
                limiter.acquire(LANE)
            except ProviderPausedError as error:
                self.paused.append(self.time.now)
                self.time.sleep(error.seconds)
                continue
            self.starts.append(self.time.now)
            answers = self.provider.up and self.provider.answers()
            self.time.sleep(self.latency())
            note = limiter.succeeded if answers else limiter.limited if self.provider.up else limiter.failed
            note(LANE)

    def most_beyond(self, rate: float) -> float:
        """By how many requests the starts of any window exceed `rate` times its length."""
        most, least_before = 0.0, float("inf")
        for index, start in enumerate(sorted(self.starts)):
            ahead = index - rate * (start - self.began)
            least_before = min(least_before, ahead)
            most = max(most, ahead + 1 - least_before)
        return most

    def rate_between(self, begin: float, end: float) -> float:
        """Starts a second from `begin` to `end`, in seconds since the beginning."""
        starts = sorted(start - self.began for start in self.starts)
        return (bisect.bisect(starts, end) - bisect.bisect(starts, begin)) / (end - begin)
