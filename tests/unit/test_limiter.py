"""The limiter among workers and threads: the limit is never exceeded, never idle; it slows, pauses and comes back."""

import bisect
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest

from monthclose.domain.provider_health import FAILURES_IN_A_ROW, FIRST_PAUSE_SECONDS, PROBE_SECONDS, Circuit, Health
from monthclose.domain.throttle import Limit, LimitChanges, threads_needed
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import ProviderState
from monthclose.stages.limiter import PacedLimiter
from tests.fakes_throttle import FakeProviderLimits, VirtualTime, log_normal

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

    operate: Callable[[], None] | None = None
    """What happens meanwhile."""

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


@pytest.mark.parametrize("median", [0.05, 0.4, 1.5, 5.0])
@pytest.mark.parametrize("workers", [1, 2, 5, 10, 40])
def test_the_limit_is_used_up_and_never_exceeded_whatever_the_latency_and_the_workers(
    workers: int, median: float
) -> None:
    jitter = random.Random(workers)
    late_threads = VirtualTime(lateness=lambda: jitter.expovariate(1 / 0.005))
    crowd = Workers(latency=log_normal(workers, median), time=late_threads)

    crowd.run([crowd.limiter() for _ in range(workers)], threads_needed(LIMIT, 1.2 * median, workers), 60)

    assert crowd.most_beyond(LIMIT.usable()) <= LIMIT.burst + 1e-3
    assert crowd.rate_between(15, 60) >= 0.95 * LIMIT.rate_per_second
    assert crowd.paused == crowd.provider.refused == []
    leases = sum(leased_at > crowd.began + 15 for leased_at, _ in crowd.limits.leases)
    assert leases / 45 <= 2.5 * workers


def test_clocks_that_are_apart_cost_a_burst_and_no_throughput() -> None:
    crowd = Workers(latency=log_normal(1, 0.4))

    crowd.run([crowd.limiter(fast_by) for fast_by in (-0.05, 0, 0, 0.05)], 12, 60)

    assert crowd.most_beyond(LIMIT.usable()) <= LIMIT.burst + 0.1 * LIMIT.usable() + 1e-3
    assert crowd.rate_between(15, 60) >= 0.95 * LIMIT.rate_per_second


def test_threads_that_wait_are_served_in_turn() -> None:
    crowd = Workers(Limit(10, burst=3))
    served: list[int] = []

    def work(limiter: PacedLimiter, name: int) -> None:
        while crowd.time.now < crowd.began + 60:
            limiter.acquire(LANE)
            served.append(name)

    limiter = crowd.limiter()
    crowd.time.run([partial(work, limiter, name) for name in range(50)])
    times = [served.count(name) for name in range(50)]
    assert max(times) - min(times) <= 3


def test_a_share_is_kept_free_for_live_traffic() -> None:
    crowd = Workers(Limit(25, reserve_share=0.4, burst=5))
    crowd.run([crowd.limiter(), crowd.limiter()], 20, 30)
    assert 0.95 * 15 <= crowd.rate_between(5, 30) <= 15


def test_lanes_do_not_wait_for_each_other() -> None:
    crowd = Workers()
    limiter = crowd.limiter()
    for lane in ("prepare", "collect"):
        for _ in range(25):
            limiter.acquire(lane)
    # One after the other on one thread: what "prepare" took has not been taken from "collect".
    assert crowd.time.now - crowd.began <= 2 * 25 / LIMIT.usable() + 1e-3


def test_a_single_thread_has_the_whole_lane() -> None:
    crowd = Workers(latency=lambda: 0.01)
    crowd.run([crowd.limiter()], 1, 30)
    assert crowd.rate_between(1, 30) >= 0.95 * LIMIT.rate_per_second


@pytest.mark.parametrize(("workers", "median"), [(1, 0.05), (2, 1.5), (5, 0.4), (10, 1.5), (40, 0.4)])
def test_two_lanes_one_after_the_other_are_both_used_up(workers: int, median: float) -> None:
    crowd = Workers(latency=log_normal(workers, median))
    starts: dict[str, list[float]] = {"prepare": [], "collect": []}

    def work(limiter: PacedLimiter) -> None:
        while crowd.time.now < crowd.began + 90:
            for lane, begun in starts.items():
                limiter.acquire(lane)
                begun.append(crowd.time.now)
                crowd.time.sleep(crowd.latency())

    threads = threads_needed(LIMIT, 2 * 1.2 * median, workers) + 1
    crowd.time.run([partial(work, limiter) for limiter in [crowd.limiter() for _ in range(workers)] * threads])
    for begun in starts.values():
        steady = [start for start in begun if crowd.began + 30 <= start < crowd.began + 90]
        assert len(steady) / 60 >= 0.95 * LIMIT.rate_per_second
    leases = sum(leased_at > crowd.began + 30 for leased_at, _ in crowd.limits.leases)
    assert leases / 60 <= 2 * 2.5 * workers


@pytest.mark.parametrize(("before", "after"), [(25, 10), (10, 25)])
def test_an_operators_change_is_followed_within_about_a_second(before: float, after: float) -> None:
    crowd = Workers(Limit(before, burst=5))

    def operate() -> None:
        crowd.time.sleep(20)
        crowd.limits.put_changes("stripe", LimitChanges(rate_per_second=after))

    crowd.operate = operate
    crowd.run([crowd.limiter() for _ in range(5)], 12, 40)
    assert crowd.rate_between(10, 20) == pytest.approx(before, rel=0.05)
    assert crowd.rate_between(22, 40) == pytest.approx(after, rel=0.05)


def test_a_429_slows_all_workers_down_and_they_recover_when_there_is_room_again() -> None:
    crowd = Workers(latency=log_normal(2, 0.4))
    crowd.provider.capacity = crowd.provider.level = 5

    def operate() -> None:  # somebody else takes two fifths of the limit for two minutes
        crowd.provider.rate = 15
        crowd.time.sleep(120)
        crowd.provider.rate = 25

    crowd.operate = operate
    crowd.run([crowd.limiter() for _ in range(5)], 12, 240)
    scarce = [moment for moment in crowd.provider.refused if moment < crowd.began + 120]
    assert 0 < len(scarce) <= 0.05 * 120 * 15
    assert crowd.rate_between(10, 120) >= 0.75 * 15
    assert crowd.rate_between(180, 240) >= 0.95 * 25
    assert len(crowd.provider.refused) == len(scarce)


def test_an_outage_is_probed_now_and_then_and_ends_for_all_workers_at_once() -> None:
    crowd = Workers(latency=lambda: 1.0)
    crowd.provider.up = False

    def operate() -> None:
        crowd.time.sleep(1800)
        crowd.provider.up = True

    crowd.operate = operate
    crowd.run([crowd.limiter() for _ in range(4)], 8, 1900)
    tries = [start for start in crowd.starts if start < crowd.began + 1800]
    under_way_when_noticed = 4 * 8 + FAILURES_IN_A_ROW
    assert len(tries) <= under_way_when_noticed + 1800 / 60 + 10
    assert (
        crowd.rate_between(1870, 1900) == pytest.approx(4 * 8 / 1.4, rel=0.2)
        or crowd.rate_between(1870, 1900) >= 0.9 * LIMIT.usable()
    )
    assert crowd.limits.state("stripe").health.circuit(crowd.time.now) is Circuit.CLOSED


def fail(limiter: PacedLimiter, times: int = FAILURES_IN_A_ROW) -> None:
    for _ in range(times):
        limiter.acquire(LANE)
        limiter.failed(LANE)


def test_failures_with_an_answer_in_between_are_no_outage() -> None:
    crowd = Workers()
    limiter = crowd.limiter()
    for _ in range(5):
        fail(limiter, FAILURES_IN_A_ROW - 1)
        limiter.succeeded(LANE)
    limiter.acquire(LANE)
    assert crowd.limits.health_writes == 0


def test_an_open_circuit_sends_away_at_once_and_says_for_how_long() -> None:
    crowd = Workers()
    limiter, other = crowd.limiter(), crowd.limiter()
    fail(limiter)
    before = crowd.time.now
    for one in (limiter, other):
        with pytest.raises(ProviderPausedError, match="stripe is down") as paused:
            one.acquire(LANE)
        assert paused.value.seconds == pytest.approx(FIRST_PAUSE_SECONDS, abs=0.01)
        assert one.wait_seconds(LANE) == pytest.approx(FIRST_PAUSE_SECONDS, abs=0.01)
    assert crowd.time.now == before


def test_what_fails_late_does_not_prolong_the_pause() -> None:
    crowd = Workers()
    limiter = crowd.limiter()
    fail(limiter)
    opened = crowd.limits.state("stripe").health
    for _ in range(3 * FAILURES_IN_A_ROW):
        limiter.failed(LANE)
    limiter.succeeded(LANE)
    assert crowd.limits.state("stripe").health == opened


def test_after_the_pause_one_worker_probes_and_the_others_wait() -> None:
    crowd = Workers()
    prober, other = crowd.limiter(), crowd.limiter()
    fail(prober)
    crowd.time.sleep(FIRST_PAUSE_SECONDS)

    prober.acquire(LANE)
    with pytest.raises(ProviderPausedError) as paused:
        other.acquire(LANE)
    assert 0 < paused.value.seconds <= FIRST_PAUSE_SECONDS

    prober.failed(LANE)
    crowd.time.sleep(1)
    with pytest.raises(ProviderPausedError) as paused:
        other.acquire(LANE)
    assert paused.value.seconds == pytest.approx(2 * FIRST_PAUSE_SECONDS - 1, abs=0.01)


@pytest.mark.parametrize("answer", ["succeeded", "limited"])
def test_any_answer_to_the_probe_closes_the_circuit(answer: str) -> None:
    crowd = Workers()
    prober, other = crowd.limiter(), crowd.limiter()
    fail(prober)
    crowd.time.sleep(FIRST_PAUSE_SECONDS)
    prober.acquire(LANE)
    getattr(prober, answer)(LANE)
    crowd.time.sleep(1)
    other.acquire(LANE)
    health = crowd.limits.state("stripe").health
    assert health.circuit(crowd.time.now) is Circuit.CLOSED
    assert (health.speed(crowd.time.now) < 1) == (answer == "limited")


def test_a_probe_whose_worker_died_is_followed_by_another() -> None:
    crowd = Workers()
    dead, other = crowd.limiter(), crowd.limiter()
    fail(dead)
    crowd.time.sleep(FIRST_PAUSE_SECONDS)
    dead.acquire(LANE)
    crowd.time.sleep(PROBE_SECONDS)
    other.acquire(LANE)
    other.succeeded(LANE)
    assert crowd.limits.state("stripe").health.circuit(crowd.time.now) is Circuit.CLOSED


def test_who_would_wait_for_too_long_is_sent_away_and_takes_no_slot() -> None:
    crowd = Workers(Limit(0.1))
    impatient = crowd.limiter(patience=15)
    for _ in range(3):
        crowd.limiter(patience=60).acquire(LANE)
    leased = len(crowd.limits.leases)
    crowd.limits.lease("stripe", LANE, 4, LIMIT.pace(0.01), now=crowd.time.now, latest=crowd.time.now + 60)
    with pytest.raises(ProviderPausedError) as paused:
        impatient.acquire(LANE)
    assert paused.value.seconds > 15
    assert len(crowd.limits.leases) == leased + 1


def test_a_worker_that_slept_for_hours_begins_afresh() -> None:
    crowd = Workers()
    limiter = crowd.limiter()
    for _ in range(30):
        limiter.acquire(LANE)
    crowd.time.sleep(7200)
    began = crowd.time.now
    limiter.acquire(LANE)
    assert crowd.time.now - began <= LIMIT.pace().interval


class LostStore(FakeProviderLimits):
    """A store that cannot be reached."""

    def state(self, provider: str) -> ProviderState:
        raise TryLaterError("DynamoDB cannot be reached")


def test_notes_never_raise_for_they_would_hide_a_providers_answer() -> None:
    limiter = Workers(limits=LostStore()).limiter()
    for _ in range(2 * FAILURES_IN_A_ROW):
        limiter.failed(LANE)
    limiter.limited(LANE)
    limiter.succeeded(LANE)
    with pytest.raises(TryLaterError):
        limiter.acquire(LANE)


class ContestedStore(FakeProviderLimits):
    """A store in which somebody else writes the health just before us, once."""

    def put_health(self, provider: str, health: Health) -> Health:
        if not self.health_writes:
            super().put_health(provider, self.state(provider).health.limited(10.0))
        return super().put_health(provider, health)


def test_a_race_for_the_health_loses_no_note() -> None:
    crowd = Workers(limits=ContestedStore())
    fail(crowd.limiter())
    health = crowd.limits.state("stripe").health
    assert health.circuit(crowd.time.now) is Circuit.OPEN
    assert health.slowed_at == 10.0
