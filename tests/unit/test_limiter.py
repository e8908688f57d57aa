"""The limiter among workers and threads: the limit is never exceeded, never idle; it slows, pauses and comes back."""

import bisect
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from monthclose.domain.provider_health import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PROBE_SECONDS,
    Circuit,
)
from monthclose.domain.throttle import Limit, LimitChanges, threads_needed
from monthclose.errors import ConflictError, ProviderPausedError, TryLaterError
from monthclose.stages.limiter import PacedLimiter
from tests.fakes_throttle import FakeProviderLimits, VirtualTime, log_normal

LIMIT = Limit(25, burst=5)


@dataclass
class Workers:
    """Workers who ask a provider as fast as they may, each with a pool of threads."""

    limit: Limit = LIMIT
    latency: Callable[[], float] = lambda: 0.4
    time: VirtualTime = field(default_factory=VirtualTime)
    limits: FakeProviderLimits = field(default_factory=FakeProviderLimits)
    starts: list[float] = field(default_factory=list)
    skews: tuple[float, ...] = ()

    def limiter(self, **options: float) -> PacedLimiter:
        return PacedLimiter("stripe", self.limit, self.limits, self.time.clock, sleep=self.time.sleep, **options)

    def run(self, workers: int, threads: int, seconds: float) -> None:
        end = self.time.now + seconds

        def work(limiter: PacedLimiter) -> None:
            while self.time.now < end:
                limiter.acquire("collect")
                self.starts.append(self.time.now)
                self.time.sleep(self.latency())
                limiter.succeeded("collect")

        limiters = [self.limiter() for _ in range(workers)]
        self.time.run([lambda limiter=limiter: work(limiter) for limiter in limiters for _ in range(threads)])

    def most_beyond(self, rate: float) -> float:
        """By how many requests the starts of any window exceed `rate` times its length."""
        starts = sorted(self.starts)
        # The most of (k - j + 1) - rate * (s_k - s_j) over all j <= k, in one pass.
        best, lowest = 0.0, float("inf")
        for index, start in enumerate(starts):
            lowest = min(lowest, index - rate * (start - starts[0]))
            best = max(best, index + 1 - rate * (start - starts[0]) - lowest)
        return best

    def rate_between(self, begin: float, end: float) -> float:
        starts = sorted(self.starts)
        return (bisect.bisect(starts, end) - bisect.bisect(starts, begin)) / (end - begin)


@pytest.mark.parametrize("median", [0.05, 0.4, 1.5, 5.0])
@pytest.mark.parametrize("workers", [1, 2, 5, 10, 40])
def test_the_limit_is_used_up_and_never_exceeded_whatever_the_latency_and_the_workers(
    workers: int, median: float
) -> None:
    jitter = random.Random(workers)
    time = VirtualTime(lateness=lambda: jitter.expovariate(1 / 0.005))
    crowd = Workers(latency=log_normal(workers, median), time=time)
    begin = time.now

    crowd.run(workers, threads_needed(LIMIT, 1.2 * median, workers) + 1, 60)

    assert crowd.most_beyond(LIMIT.usable()) <= LIMIT.burst + 1e-3
    assert crowd.rate_between(begin + 15, begin + 60) >= 0.95 * LIMIT.rate_per_second
