"""What every store of the providers' limits promises, fake or real."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.client import BaseClient

from monthclose.adapters.dynamo.limits import DynamoProviderLimits
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import Limit, LimitChanges
from monthclose.errors import ConflictError, ProviderPausedError
from monthclose.ports import ProviderLimits, ProviderState
from tests.fakes.throttle import FakeProviderLimits

NOW = 1_793_491_200.123456
PACE = Limit(25, burst=5).pace()
LATER = NOW + 3600


@pytest.fixture(params=["fake", "aws"])
def limits(request: pytest.FixtureRequest) -> ProviderLimits:
    if request.param == "fake":
        return FakeProviderLimits()
    request.getfixturevalue("aws")
    return DynamoProviderLimits()


def test_an_untouched_provider_is_as_deployed_and_healthy(limits: ProviderLimits) -> None:
    assert limits.state("stripe") == ProviderState(LimitChanges(), Health())


def test_changes_are_read_back_replaced_and_kept_for_each_provider(limits: ProviderLimits) -> None:
    limits.put_changes("stripe", LimitChanges(rate_per_second=12.5, burst=3))
    assert limits.state("stripe").changes == LimitChanges(12.5, None, 3)
    limits.put_changes("stripe", LimitChanges(reserve_share=0.2))
    assert limits.state("stripe").changes == LimitChanges(None, 0.2, None)
    assert limits.state("gocardless").changes == LimitChanges()


def test_health_is_read_back_and_fenced_by_its_version(limits: ProviderLimits) -> None:
    down = limits.put_health("stripe", Health().limited(NOW).down(NOW))
    assert limits.state("stripe").health == down
    with pytest.raises(ConflictError):
        limits.put_health("stripe", Health())
    well = limits.put_health("stripe", down.well())
    with pytest.raises(ConflictError):
        limits.put_health("stripe", down)
    assert limits.state("stripe").health == well == replace(down.well(), version=2)


def test_changing_one_thing_leaves_the_other(limits: ProviderLimits) -> None:
    limits.lease("stripe", "collect", 3, PACE, now=NOW, latest=LATER)
    limits.put_changes("stripe", LimitChanges(burst=7))
    health = limits.put_health("stripe", Health().down(NOW))
    assert limits.state("stripe") == ProviderState(LimitChanges(burst=7), health)


def test_a_pause_by_a_person_is_read_back_fenced_and_apart_from_the_providers_health(limits: ProviderLimits) -> None:
    pause = Pause(datetime(2026, 11, 1, 0, 12, tzinfo=UTC), "ada", "wrong prices")
    limits.put_pause("stripe", pause, 0)
    with pytest.raises(ConflictError):
        limits.put_pause("stripe", replace(pause, by="bob"), 0)
    limits.put_health("stripe", limits.put_health("stripe", Health().down(NOW)).well())
    assert limits.state("stripe").paused == pause
    assert limits.state("gocardless").paused is None
    limits.put_pause("stripe", pause.end(pause.time + timedelta(days=1), "bob"), limits.state("stripe").pause_version)
    state = limits.state("stripe")
    assert (state.paused, state.pause_version) == (None, 2)
    assert state.pause == replace(pause, ended_at=pause.time + timedelta(days=1), ended_by="bob")


def test_the_first_lease_starts_with_a_slot_that_is_due(limits: ProviderLimits) -> None:
    run = limits.lease("stripe", "collect", 3, PACE, now=NOW, latest=LATER)
    assert run.count == 3
    assert run.first == pytest.approx(PACE.earliest(NOW), abs=1e-5)
    assert run.first <= NOW <= run.first + PACE.tolerance


def test_leases_follow_each_other_without_gap_or_overlap(limits: ProviderLimits) -> None:
    runs = [limits.lease("stripe", "collect", count, PACE, now=NOW, latest=LATER) for count in (3, 1, 10, 2)]
    for before, after in pairwise(runs):
        assert after.first == pytest.approx(before.end, abs=1e-5)


def test_slots_that_nobody_requested_in_time_are_not_saved_up(limits: ProviderLimits) -> None:
    limits.lease("stripe", "collect", 2, PACE, now=NOW, latest=LATER)
    run = limits.lease("stripe", "collect", 2, PACE, now=NOW + 60, latest=LATER)
    assert run.first == pytest.approx(PACE.earliest(NOW + 60), abs=1e-5)
    following = limits.lease("stripe", "collect", 1, PACE, now=NOW + 60, latest=LATER)
    assert following.first == pytest.approx(run.end, abs=1e-5)


def test_lanes_and_providers_have_their_own_slots(limits: ProviderLimits) -> None:
    limits.lease("stripe", "collect", 50, PACE, now=NOW, latest=LATER)
    for provider, lane in (("stripe", "prepare"), ("gocardless", "collect")):
        run = limits.lease(provider, lane, 1, PACE, now=NOW, latest=LATER)
        assert run.first == pytest.approx(PACE.earliest(NOW), abs=1e-5)


def test_a_slot_that_is_due_too_late_is_not_leased_and_the_wait_is_returned(limits: ProviderLimits) -> None:
    taken = limits.lease("stripe", "collect", 100, PACE, now=NOW, latest=LATER)
    with pytest.raises(ProviderPausedError) as refused:
        limits.lease("stripe", "collect", 1, PACE, now=NOW, latest=NOW + 1)
    assert refused.value.seconds == pytest.approx(taken.end - NOW, abs=1e-5)
    assert limits.lease("stripe", "collect", 1, PACE, now=NOW, latest=LATER).first == pytest.approx(taken.end, abs=1e-5)


@pytest.fixture
def _one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB checks a condition and writes in one step; moto lets threads come in between."""
    lock, base = threading.Lock(), BaseClient
    real = base._make_api_call  # type: ignore[attr-defined]

    def locked(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        with lock:
            return real(self, operation, arguments)

    monkeypatch.setattr(base, "_make_api_call", locked)


@pytest.mark.usefixtures("_one_request_at_a_time")
def test_workers_that_lease_at_the_same_time_get_different_slots(limits: ProviderLimits) -> None:
    def ask(_: int) -> tuple[float, float]:
        run = limits.lease("stripe", "collect", 2, PACE, now=NOW, latest=LATER)
        return run.first, run.end

    with ThreadPoolExecutor(8) as pool:
        runs = sorted(pool.map(ask, range(24)))
    assert len(runs) == 24
    for before, after in pairwise(runs):
        assert after[0] == pytest.approx(before[1], abs=1e-5)
