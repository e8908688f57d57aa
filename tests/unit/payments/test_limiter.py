"""The limiter among workers and threads: the limit is never exceeded and never left unused, whoever asks, and how."""

import random
import threading
from functools import partial

import pytest

from monthclose.domain.payments.throttle import Limit, LimitChanges, threads_needed
from monthclose.errors import ProviderPausedError
from monthclose.use_cases.payments.limiter import PacedLimiter
from tests.crowd import LANE, LIMIT, Workers
from tests.fakes import throttle
from tests.fakes.throttle import TimeEndedError, VirtualTime, log_normal


@pytest.mark.long
@pytest.mark.parametrize("median", [0.05, 0.4, 1.5, 5.0])
@pytest.mark.parametrize("workers", [1, 2, 5, 10, 40])
def test_the_limit_is_used_fully_and_never_exceeded_whatever_the_latency_and_the_workers(
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


def test_threads_that_wake_late_lose_their_slots_and_never_bunch_up() -> None:
    jitter = random.Random(1)
    late_threads = VirtualTime(lateness=lambda: jitter.choice((0.0, 0.0, 0.0, 0.7)))
    crowd = Workers(latency=log_normal(1, 0.4), time=late_threads)
    crowd.run([crowd.limiter() for _ in range(5)], 12, 60)
    assert crowd.most_beyond(LIMIT.usable()) <= LIMIT.burst + 1e-3


def test_clocks_that_disagree_cost_a_burst_and_no_throughput() -> None:
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


@pytest.mark.long
@pytest.mark.parametrize(("workers", "median"), [(1, 0.05), (2, 1.5), (5, 0.4), (10, 1.5), (40, 0.4)])
def test_two_lanes_one_after_the_other_are_both_used_fully(workers: int, median: float) -> None:
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
def test_an_operators_change_takes_effect_within_about_a_second(before: float, after: float) -> None:
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


def test_a_caller_who_would_wait_too_long_is_turned_away_and_takes_no_slot() -> None:
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


def test_a_worker_that_slept_for_hours_starts_afresh() -> None:
    crowd = Workers()
    limiter = crowd.limiter()
    for _ in range(30):
        limiter.acquire(LANE)
    crowd.time.sleep(7200)
    began = crowd.time.now
    limiter.acquire(LANE)
    assert crowd.time.now - began <= LIMIT.pace().interval


def test_a_crowd_that_never_comes_to_an_end_fails_its_test_and_leaves_no_thread_asleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The harness itself: threads that slept for ever would keep the process of all tests from ending."""
    monkeypatch.setattr(throttle, "_MOST_SECONDS", 0.05)
    time, stuck, woken = VirtualTime(), threading.Event(), threading.Event()

    def sleep() -> None:
        try:
            time.sleep(10)
        except TimeEndedError:
            woken.set()

    def hang() -> None:
        stuck.wait()

    with pytest.raises(AssertionError, match="not come to its end"):
        time.run([sleep, hang])
    assert woken.wait(20)
    stuck.set()
