"""Slots and leases: no more than the limit in any window, whoever takes them; and none unused while requested."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.throttle import (
    HEADROOM,
    LEASE_SECONDS,
    LeaseSize,
    Limit,
    LimitChanges,
    Pace,
    lease,
    threads_needed,
)

LIMITS = st.builds(
    Limit,
    st.floats(0.5, 200),
    st.floats(0, 0.9),
    st.integers(2, 20),
)
AT = 1_793_491_200.0


@dataclass
class Lane:
    """A lane, and the slots that workers hold and use."""

    pace: Pace
    now: float = AT
    free_at: float | None = None
    held: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def ask(self, count: int) -> None:
        run = lease(self.free_at, self.now, count, self.pace)
        self.free_at = run.end
        self.held += run.slots()

    def use(self, most: int) -> None:
        """Start requests in slots that are held, if their time has come and hasn't passed."""
        due = [slot for slot in self.held if slot <= self.now][:most]
        self.held = [slot for slot in self.held if slot not in due]
        self.starts += [self.now for slot in due if self.pace.is_good(slot, self.now)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.floats(0, 15)),
        st.tuples(st.just("ask"), st.integers(1, 12)),
        st.tuples(st.just("use"), st.integers(1, 50)),
    ),
    max_size=120,
)


@given(limit=LIMITS, speed=st.floats(0.1, 1), steps=STEPS)
def test_no_time_window_sees_more_than_the_rate_and_the_burst_however_workers_take_turns(
    limit: Limit, speed: float, steps: list[tuple[str, float]]
) -> None:
    lane = Lane(limit.pace(speed))
    for what, value in steps:
        if what == "pass":
            lane.now += value * lane.pace.interval
        elif what == "ask":
            lane.ask(int(value))
        else:
            lane.use(int(value))

    for index, begin in enumerate(lane.starts):
        for more, end in enumerate(lane.starts[index:], 1):
            assert more <= limit.usable(speed) * (end - begin) + limit.burst + 1e-3


@given(limit=LIMITS, sizes=st.lists(st.integers(1, 9), min_size=2, max_size=30))
def test_slots_requested_in_time_follow_each_other_without_a_gap(limit: Limit, sizes: list[int]) -> None:
    lane = Lane(limit.pace())
    for size in sizes:
        lane.ask(size)
        assert lane.free_at is not None
        lane.now = max(lane.now, lane.free_at)  # just in time: the next slot is due now
    gaps = [after - before for before, after in zip(lane.held, lane.held[1:], strict=False)]
    assert gaps == pytest.approx([lane.pace.interval] * len(gaps), abs=1e-5)


@given(limit=LIMITS, idle=st.floats(1, 1e6))
def test_unrequested_slots_are_not_saved_up(limit: Limit, idle: float) -> None:
    lane = Lane(limit.pace())
    lane.ask(1)
    lane.now += idle * (lane.pace.tolerance + lane.pace.interval)
    lane.held.clear()
    lane.ask(100)
    assert sum(due <= lane.now for due in lane.held) <= limit.burst / 2 + 1


@given(limit=LIMITS)
def test_the_first_slot_of_a_lane_is_due_and_valid(limit: Limit) -> None:
    lane = Lane(limit.pace())
    lane.ask(1)
    lane.use(1)
    assert lane.starts == [AT]


def test_the_usable_rate_is_the_providers_without_reserve_headroom_and_slow_down() -> None:
    assert Limit(25).usable() == pytest.approx(25 * HEADROOM)
    assert Limit(25, reserve_share=0.2).usable() == pytest.approx(20 * HEADROOM)
    assert Limit(25, reserve_share=0.2).usable(0.5) == pytest.approx(10 * HEADROOM)


@pytest.mark.parametrize(
    ("rate", "reserve", "burst", "message"),
    [
        (0, 0, 2, "rate must be above 0"),
        (-1, 0, 2, "rate must be above 0"),
        (float("nan"), 0, 2, "rate must be above 0"),
        (float("inf"), 0, 2, "at most 10000"),
        (25, 1, 2, "0 to 0.95"),
        (25, -0.1, 2, "0 to 0.95"),
        (25, float("nan"), 2, "0 to 0.95"),
        (25, 0, 1, "burst must be 2"),
    ],
)
def test_a_limit_that_cannot_be_kept_to_is_refused(rate: float, reserve: float, burst: int, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        Limit(rate, reserve, burst)


def test_changes_override_the_deployed_limits_and_later_ones_override_earlier_ones() -> None:
    deployed = Limit(25, 0.1, 5)
    changes = LimitChanges(rate_per_second=10).with_more(LimitChanges(reserve_share=0.0))
    assert changes.over(deployed) == Limit(10, 0.0, 5)
    assert changes.with_more(LimitChanges(rate_per_second=20)).over(deployed) == Limit(20, 0.0, 5)
    assert LimitChanges().over(deployed) == deployed


PACE = Limit(25, burst=5).pace()


def test_no_slot_is_leased_that_nobody_waits_for_or_can_wait_for() -> None:
    assert LeaseSize(most=10).count(3, PACE, seconds=60) == 3
    assert LeaseSize(most=10).count(50, PACE, seconds=60) == 10
    assert LeaseSize(most=10).count(50, PACE, seconds=2 * PACE.interval) == 2
    assert LeaseSize(most=10).count(50, PACE, seconds=-1) == 1


@given(workers=st.integers(1, 30))
def test_independent_workers_settle_on_leases_of_about_a_second(workers: int) -> None:
    sizes, free_at, now = [LeaseSize() for _ in range(workers)], AT, AT
    lasted = []
    ask_at = [AT] * workers
    for _ in range(60 * workers):
        worker = min(range(workers), key=lambda index: ask_at[index])
        now = ask_at[worker]
        run = lease(free_at, now, sizes[worker].count(1000, PACE, 60), PACE)
        free_at, ask_at[worker] = run.end, run.end
        sizes[worker] = sizes[worker].after(run, now)
        lasted.append(run.end - now)
    late = lasted[len(lasted) // 2 :]
    # With more workers than slots a second, each still leases one slot: then a round takes longer.
    assert sum(late) / len(late) <= max(1.5 * LEASE_SECONDS, 1.5 * workers * PACE.interval)
    assert sum(late) / len(late) >= 0.5 * LEASE_SECONDS


@given(limit=LIMITS, seconds=st.floats(0.05, 10), workers=st.integers(1, 100))
def test_all_workers_together_have_enough_threads_for_the_requests_under_way(
    limit: Limit, seconds: float, workers: int
) -> None:
    threads = threads_needed(limit, seconds, workers)
    assert threads * workers >= limit.usable() * seconds
    assert (threads - 1) * workers <= limit.usable() * (seconds + LEASE_SECONDS)
