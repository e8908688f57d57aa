"""What the reconciler sees of the closes between their events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import LAST, Period
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


def test_each_billing_day_misses_its_own_close() -> None:
    world = World(billing_days=(1, 15))
    world.add_customer("acme")
    for period in (SEPTEMBER, OCTOBER, Period(2026, 8, 15), Period(2026, 9, 15)):
        world.close(period)

    assert world.at(datetime(2026, 11, 14, tzinfo=UTC)).use_cases.close_watcher.look().not_closed == 0
    assert world.at(datetime(2026, 11, 15, 1, tzinfo=UTC)).use_cases.close_watcher.look().not_closed == 1
    world.close(Period(2026, 10, 15))
    assert world.use_cases.close_watcher.look().not_closed == 0


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        ("Asia/Tokyo", datetime(2026, 11, 30, tzinfo=UTC)),  # nine hours late: a rule knows the last day, by UTC, only
        ("Europe/Berlin", datetime(2026, 11, 30, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 11, 30, 8, tzinfo=UTC)),
    ],
)
def test_the_close_of_the_last_day_is_missing_an_hour_after_its_rule_has_started_it(
    zone: str, starts: datetime
) -> None:
    world = World(billing_days=(LAST,), calendar=BillingCalendar(zone))
    world.add_customer("acme")
    world.at(datetime(2026, 11, 2, tzinfo=UTC)).close(Period(2026, 9, LAST))

    watcher = world.use_cases.close_watcher
    world.at(starts + timedelta(minutes=59))
    assert watcher.look().not_closed == 0
    world.at(starts + timedelta(hours=1))
    assert watcher.look().not_closed == 1


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


def test_what_waits_for_a_person_is_not_counted_as_going_on() -> None:
    world = a_world(SEPTEMBER, at=datetime(2026, 11, 1, tzinfo=UTC))
    world.open(OCTOBER, "execution-2")
    world.clock.pass_time(hours=5)
    close = world.closes.get(OCTOBER)
    assert close
    close = world.closes.put(replace(close, status=CloseStatus.WAITING_FOR_APPROVAL))
    seen = world.use_cases.close_watcher.look()
    assert (seen.open_seconds, seen.approval_seconds, seen.paused_seconds) == (0, 5 * 3600, 0)
    paused = Pause(world.clock(), "ada")
    world.closes.put(replace(close, status=CloseStatus.RUNNING, pauses=(paused,)))
    world.clock.pass_time(hours=2)
    seen = world.use_cases.close_watcher.look()
    assert (seen.open_seconds, seen.approval_seconds, seen.paused_seconds) == (0, 0, 2 * 3600)


def test_a_provider_that_a_person_has_paused_counts_until_it_is_resumed() -> None:
    world = a_world(at=datetime(2026, 11, 1, tzinfo=UTC))
    pause = Pause(world.clock(), "ada")
    world.limits.put_pause("stripe", pause, 0)
    world.clock.pass_time(hours=6)
    assert world.use_cases.close_watcher.look().paused_seconds == 6 * 3600
    world.limits.put_pause("stripe", pause.end(world.clock(), "bob"), 1)
    assert world.use_cases.close_watcher.look().paused_seconds == 0
