"""What the reconciler sees of the closes between their events."""

from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.period import Period
from tests.world import OCTOBER, World

SEPTEMBER, NOVEMBER = OCTOBER.previous, OCTOBER.next


def a_world(*closed: Period, at: datetime) -> World:
    world = World()
    world.use(world.add_customer("acme"), "100")
    for period in closed:
        world.close(period)
    return world.at(at)


@pytest.mark.parametrize(
    ("closed", "at", "missing"),
    [
        ([], datetime(2026, 11, 20, tzinfo=UTC), 0),  # it is being set up
        ([SEPTEMBER], datetime(2026, 11, 1, 0, 59, tzinfo=UTC), 0),  # it may start any minute
        ([SEPTEMBER], datetime(2026, 11, 1, 1, tzinfo=UTC), 1),
        ([SEPTEMBER], datetime(2026, 11, 30, tzinfo=UTC), 1),
        ([SEPTEMBER, OCTOBER], datetime(2026, 11, 30, tzinfo=UTC), 0),
        ([OCTOBER], datetime(2026, 11, 30, tzinfo=UTC), 0),  # the first one ever
    ],
)
def test_a_month_without_a_close_is_missing_once_an_hour_has_passed(
    closed: list[Period], at: datetime, missing: int
) -> None:
    assert a_world(*closed, at=at).use_cases.close_watcher.look().not_closed == missing


def test_a_close_that_has_not_ended_is_counted_from_the_start_of_its_last_run() -> None:
    world = a_world(SEPTEMBER, OCTOBER, at=datetime(2026, 12, 1, tzinfo=UTC))
    assert world.use_cases.close_watcher.look().open_seconds == 0
    world.open(NOVEMBER, "execution-3")
    world.clock.pass_time(hours=9)
    assert world.use_cases.close_watcher.look().open_seconds == 9 * 3600
    world.workflow.running.clear()  # stopped, or aborted in the console
    world.clock.pass_time(hours=1)
    assert world.use_cases.close_watcher.look().open_seconds == 10 * 3600
    world.open(NOVEMBER, "execution-4")
    assert world.use_cases.close_watcher.look().open_seconds == 0


def test_the_close_that_is_open_for_longest_counts() -> None:
    world = a_world(at=datetime(2026, 12, 1, tzinfo=UTC))
    world.open(OCTOBER, "execution-1")
    world.clock.pass_time(hours=5)
    world.open(NOVEMBER, "execution-2")
    assert world.use_cases.close_watcher.look().open_seconds == timedelta(hours=5).total_seconds()
