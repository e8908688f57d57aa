"""The limiter when the provider is down: it pauses, probes and comes back, and no note gets lost."""

import pytest

from monthclose.domain.payments.provider_health import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE_SECONDS,
    PROBE_SECONDS,
    Circuit,
    Health,
)
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import ProviderState
from monthclose.use_cases.payments.limiter import PacedLimiter
from tests.crowd import LANE, LIMIT, Workers
from tests.fakes.throttle import FakeProviderLimits


def test_an_outage_is_probed_now_and_then_and_ends_for_all_workers_at_once() -> None:
    crowd = Workers(latency=lambda: 1.0)
    crowd.provider.up = False

    def operate() -> None:
        crowd.time.sleep(1800)
        crowd.provider.up = True

    crowd.operate = operate
    crowd.run([crowd.limiter() for _ in range(4)], 14, 1900)
    tries = [start for start in crowd.starts if start < crowd.began + 1800]
    under_way_when_noticed = 4 * 14
    assert len(tries) <= under_way_when_noticed + 1800 / 60 + 10
    assert crowd.rate_between(1870, 1900) >= 0.95 * LIMIT.rate_per_second
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


def test_an_open_circuit_turns_callers_away_at_once_and_says_for_how_long() -> None:
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


def test_a_late_failure_does_not_prolong_the_pause() -> None:
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


class LostStore(FakeProviderLimits):
    """A store that cannot be reached."""

    def state(self, provider: str) -> ProviderState:
        raise TryLaterError("DynamoDB cannot be reached")


def test_recording_health_never_raises_so_that_no_answer_is_hidden() -> None:
    limiter = Workers(limits=LostStore()).limiter()
    for _ in range(2 * FAILURES_IN_A_ROW):
        limiter.failed(LANE)
    limiter.limited(LANE)
    limiter.succeeded(LANE)
    with pytest.raises(TryLaterError):
        limiter.acquire(LANE)


class ContestedStore(FakeProviderLimits):
    """A store in which somebody else is writing the health just before us, once."""

    def put_health(self, provider: str, health: Health) -> Health:
        if not self.health_writes:
            super().put_health(provider, self.state(provider).health.limited(10.0))
        return super().put_health(provider, health)


def test_a_race_to_record_health_loses_no_record() -> None:
    crowd = Workers(limits=ContestedStore())
    fail(crowd.limiter())
    health = crowd.limits.state("stripe").health
    assert health.circuit(crowd.time.now) is Circuit.OPEN
    assert health.slowed_at == 10.0


class QuickerStore(FakeProviderLimits):
    """A store in which somebody else takes the probe just before us."""

    def put_health(self, provider: str, health: Health) -> Health:
        if health.probed_until:
            super().put_health(provider, health)
        return super().put_health(provider, health)


def test_a_worker_that_loses_the_race_for_the_probe_waits_for_its_outcome() -> None:
    crowd = Workers(limits=QuickerStore())
    limiter = crowd.limiter()
    fail(limiter)
    crowd.time.sleep(FIRST_PAUSE_SECONDS)
    for _ in range(2):
        with pytest.raises(ProviderPausedError) as paused:
            limiter.acquire(LANE)
        assert 0 < paused.value.seconds <= FIRST_PAUSE_SECONDS
