"""A provider's health: slowed down and recovering, paused for longer and longer, and healthy again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.payments.provider_health import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PROBE_SECONDS,
    SETTLE_SECONDS,
    SLOWED_TO,
    SLOWEST,
    Circuit,
    Health,
)

AT = 1_793_491_200.0


def test_a_429_slows_down_and_time_recovers() -> None:
    slowed = Health().limited(AT)
    assert slowed.speed(AT) == SLOWED_TO
    assert slowed.speed(AT + 10) == pytest.approx(SLOWED_TO + 0.1)
    assert slowed.speed(AT + 3600) == 1
    assert slowed.circuit(AT) is Circuit.CLOSED


def test_the_429s_of_concurrent_requests_count_as_one() -> None:
    slowed = Health().limited(AT)
    assert slowed.limited(AT + SETTLE_SECONDS / 2) is slowed
    assert slowed.limited(AT + SETTLE_SECONDS).speed(AT + SETTLE_SECONDS) < slowed.speed(AT)


@given(gaps=st.lists(st.floats(0, 120), max_size=50))
def test_the_speed_never_leaves_its_bounds_and_always_recovers(gaps: list[float]) -> None:
    health, now = Health(), AT
    for gap in gaps:
        now += gap
        before = health.speed(now)
        health = health.limited(now)
        assert SLOWEST <= health.speed(now) <= before <= 1
    assert health.speed(now + 1 / 0.01) == 1


def test_each_pause_is_twice_as_long_up_to_a_limit_and_the_outage_began_with_the_first() -> None:
    health, now, pauses = Health(), AT, []
    for _ in range(7):
        health = health.down(now)
        pauses.append(health.seconds_to_wait(now))
        assert health.circuit(now) is Circuit.OPEN
        now += pauses[-1]
        assert health.circuit(now) is Circuit.HALF_OPEN
        health = health.probing(now)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert health.paused_at == AT


def test_while_a_probe_is_awaited_others_wait_and_a_lost_one_is_followed_by_another() -> None:
    health = Health().down(AT)
    now = AT + FIRST_PAUSE_SECONDS
    assert health.seconds_to_wait(now) == 0
    probing = health.probing(now)
    assert 0 < probing.seconds_to_wait(now) <= FIRST_PAUSE_SECONDS
    assert probing.seconds_to_wait(now + PROBE_SECONDS) == 0


def test_an_answered_probe_closes_the_circuit_and_the_next_outage_starts_from_scratch() -> None:
    health = Health().down(AT).down(AT + 5).probing(AT + 20).well()
    assert health.circuit(AT + 21) is Circuit.CLOSED
    assert health.seconds_to_wait(AT + 21) == 0
    assert health.down(AT + 100).seconds_to_wait(AT + 100) == FIRST_PAUSE_SECONDS


def test_a_slow_down_outlives_a_pause() -> None:
    assert Health().limited(AT).down(AT + 1).well().speed(AT) == SLOWED_TO
