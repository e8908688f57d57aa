"""Opening a reconciliation: one at a time, and each recent period compared once a day."""

from dataclasses import replace

import pytest

from monthclose.domain.period import Period
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import Claim
from monthclose.use_cases.reconciliation.open_reconcile import ReconcileOpener
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    world = World()
    world.use(world.add_customer("acme"), "10")
    return world


def opener(world: World) -> ReconcileOpener:
    return world.use_cases.reconcile_opener


def test_a_second_start_finds_the_first_running(world: World) -> None:
    world.workflow.running.add("first")
    assert opener(world).open("first").outcome == "opened"
    assert opener(world).open("second").outcome == "already_running"
    assert opener(world).open("first").outcome == "opened", "the same call again"


def test_a_dead_reconciliation_blocks_nobody(world: World) -> None:
    opener(world).open("first")
    assert opener(world).open("second").outcome == "opened"
    assert world.claims.get("reconcile") == Claim("reconcile", "second", world.clock.now, 2)


def test_when_two_start_together_one_must_ask_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.claims, "get", lambda name: None)
    opener(world).open("first")
    with pytest.raises(ConflictError):
        opener(world).open("second")


def test_a_period_is_compared_once_a_day_and_on_request(world: World) -> None:
    assert opener(world).open("first").periods == ()
    world.close()
    assert opener(world).open("second").periods == (OCTOBER,)
    world.reconcile()
    world.clock.pass_time(hours=23)
    assert opener(world).open("third").periods == ()
    assert opener(world).open("fourth", compare=True).periods == (OCTOBER,)
    world.clock.pass_time(hours=1)
    assert opener(world).open("fifth").periods == (OCTOBER,)


def test_a_comparison_that_was_not_complete_is_continued_after_an_hour(world: World) -> None:
    world.close()
    world.gateway.failures["collected_for", "before"] = [TryLaterError("down")]
    assert world.reconcile().report["status"] == "not_compared"
    world.clock.pass_time(minutes=59)
    assert opener(world).open("second").periods == ()
    world.clock.pass_time(minutes=1)
    assert opener(world).open("third").periods == (OCTOBER,)
    assert world.reconcile().report["status"] == "completed"


def test_the_latest_finished_closes_are_compared_whatever_their_month(world: World) -> None:
    world.clock.pass_time(days=100)
    periods = [Period(2026, 11), Period(2026, 12), Period(2027, 1), Period(2026, 3)]
    for number, period in enumerate(periods):
        world.clock.pass_time(hours=1)
        world.close(period, f"execution-{number}")
    assert opener(world).open("first").periods == (Period(2026, 3), Period(2027, 1), Period(2026, 12))
    world.open(Period(2026, 3), "again")
    assert opener(world).open("second").periods == (Period(2027, 1), Period(2026, 12), Period(2026, 11))


def test_a_provider_that_charges_nobody_is_not_asked_and_needs_no_key(world: World) -> None:
    everybody = ["gocardless", "stripe"]
    two = replace(opener(world), providers=everybody)
    assert two.open("before any close").providers == ()
    world.close()
    assert two.open("after one").providers == ("stripe",)
