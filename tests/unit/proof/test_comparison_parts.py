"""A comparison in parts: it continues where it was, ends as not compared if it must, and costs a small close little."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.closes.proof import Comparison, MoneyReturned
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.errors import (
    OutcomeUnknownError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRefusedError,
    RateLimitedError,
    TryLaterError,
)
from monthclose.ports import Collected, CollectedPage, Window
from monthclose.use_cases.proof import comparison_store, merge_runs, plan_comparison
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    """A closed month of ten customers who paid 1 to 10, each a minute after the other."""
    world = World()
    for number in range(1, 11):
        world.use(world.add_customer(f"c{number}"), str(number))
    world.close()
    begin = close_of(world).opened_at
    world.gateway.created = {
        reference: begin + timedelta(minutes=place) for place, reference in enumerate(world.gateway.orders)
    }
    end_at(world, begin + timedelta(minutes=10))
    world.clock.pass_time(days=1)
    return world


def close_of(world: World) -> Close:
    close = world.closes.get(OCTOBER)
    assert close
    return close


def end_at(world: World, time: datetime) -> None:
    world.closes.put(replace(close_of(world), completed_at=time))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is small: windows and groups of three, runs and slices of two records."""
    monkeypatch.setattr(plan_comparison, "_CHARGES_IN_A_PART", 3)
    monkeypatch.setattr(comparison_store, "_LONGEST_RUN", 2)
    monkeypatch.setattr(merge_runs, "_RECORDS_IN_A_SLICE", 2)


def run_the_machine(world: World, *, always_up: bool = True, heals: bool = True) -> list[Comparison]:
    """Do what the state machine does, with calls whose time is up after the first step of each."""
    comparer = world.comparer.healing() if heals else world.comparer
    close = close_of(world)
    plan = comparer.planner.plan(close)
    parts = comparer.reader.store.unread(plan)
    calls = 0
    while True:
        for number in parts:
            while not comparer.read_part(OCTOBER, plan.name, number, time_is_up=lambda: always_up):
                calls += 1
        joined = comparer.continue_joining(close, plan.name, lambda: always_up)
        parts = joined.parts
        calls += 1
        assert calls < 1000, "it never ends"
        if joined.outcome == "done":
            return joined.comparisons


@pytest.mark.usefixtures("small_parts")
def test_it_ends_however_little_time_each_call_has(world: World) -> None:
    world.gateway.page_size = 1
    [stripe] = run_the_machine(world)
    assert (stripe.complete, stripe.findings) == (True, ())
    assert (stripe.charges, stripe.payments, stripe.theirs, stripe.ours) == (10, 10, {"USD": 5500}, {"USD": 5500})


@pytest.mark.usefixtures("small_parts")
def test_calls_with_little_time_find_what_one_call_with_much_finds(world: World) -> None:
    references = list(world.gateway.orders)
    world.gateway.settle(references[0], Collected(Money(100, "USD"), refunded_minor=40))
    del world.gateway.outcomes[references[3]]
    world.gateway.outcomes[references[5]] = Collected(Money(1, "USD"))
    stray = replace(world.gateway.orders[references[0]], payment_id="2026-10/nobody")
    world.gateway.orders["stray"] = stray
    world.gateway.settle("stray", Collected(Money(777, "EUR")))

    [stripe] = run_the_machine(world, heals=False)
    [at_once] = world.comparer.compare(close_of(world))

    assert sorted(finding.check for finding in stripe.findings) == sorted(finding.check for finding in at_once.findings)
    assert {finding.check for finding in stripe.findings} == {
        *("provider_unknown", "provider_missing", "provider_amount", "provider_sum")
    }
    assert (stripe.theirs, stripe.ours) == (at_once.theirs, at_once.ours)


@pytest.mark.usefixtures("small_parts")
def test_a_refund_recorded_in_a_later_window_is_taken_off_its_charge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(iter(world.gateway.orders))
    real = world.gateway.collected_for

    def collected_for(period: Period, window: Window, after: str = "") -> CollectedPage:
        """Like a provider whose record has the charge as it came, and its refund when it was made."""
        page = real(period, window, after)
        charges = [replace(c, minor=100) if c.reference == first else c for c in page.charges]
        returned = [MoneyReturned("stripe", first, "USD", 40)] if window.until is None and not after else []
        return CollectedPage(charges, returned, page.after)

    monkeypatch.setattr(world.gateway, "collected_for", collected_for)
    world.gateway.settle(first, Collected(Money(100, "USD"), refunded_minor=40))
    [stripe] = run_the_machine(world)
    assert stripe.findings == ()
    assert stripe.booked == 1
    assert stripe.theirs == stripe.ours == {"USD": 5460}
    [stripe] = run_the_machine(world)
    assert (stripe.findings, stripe.booked) == ((), 0)


def test_a_small_close_is_read_in_one_window_and_one_group(world: World) -> None:
    plan = world.comparer.planner.plan(close_of(world))
    assert [part.provider for part in plan.parts] == ["stripe", ""]
    assert plan.parts[0].window == Window(OCTOBER.end)


@pytest.mark.parametrize(("charges", "windows"), [(25_000, 1), (25_001, 2), (10_000_000, 16)])
def test_a_large_close_is_read_in_windows_that_abut_while_it_ran(
    world: World, charges: int, windows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = replace(close_of(world), customers=charges, batches=10_000)
    for progress in list(world.closes.all_progress(OCTOBER))[:1]:
        world.closes.put_progress(replace(progress, totals=replace(progress.totals, payments={"paid": charges - 9})))
    end = close.opened_at + timedelta(hours=4)
    plan = world.comparer.planner.plan(replace(close, completed_at=end))
    theirs = [part.window for part in plan.parts if part.window]
    assert len(theirs) == windows
    assert theirs[0].since == OCTOBER.end
    assert theirs[-1].until is None
    assert all(before.until == after.since for before, after in pairwise(theirs))
    assert all(window.until.microsecond == 0 for window in theirs if window.until)
    assert all(window.until < end for window in theirs if window.until)


def continue_the_report(world: World) -> Report | Joined:
    close = close_of(world)
    plan = world.comparer.planner.plan(close)
    never = {"half_is_up": lambda: False, "time_is_up": lambda: False}
    return world.reporter.continue_report(OCTOBER, close.run, plan.name, **never)


@pytest.mark.usefixtures("small_parts")
def test_a_close_that_cannot_be_compared_ends_as_not_compared_and_is_continued_from_what_is_there(
    world: World,
) -> None:
    world.open(execution="execution-2")
    comparer, close = world.comparer, close_of(world)
    plan = comparer.planner.plan(close)
    for number in comparer.reader.store.unread(plan)[1:]:
        comparer.read_part(OCTOBER, plan.name, number, time_is_up=lambda: False)

    report = continue_the_report(world)

    assert not isinstance(report, Joined)
    assert report["status"] == "not_compared"
    assert close_of(world).status is CloseStatus.NOT_COMPARED
    assert [finding["check"] for finding in report["proof"]["findings"]] == ["compare_incomplete"]
    assert b"not compared" in world.documents.get("reports/2026-10/report.html").lower()

    again = comparer.planner.plan(close_of(world))
    assert again.name == plan.name
    assert comparer.reader.store.unread(again) == (0,)
    assert world.reconcile().report["status"] == "completed"


@pytest.mark.usefixtures("small_parts")
def test_closing_again_continues_a_comparison_unless_the_close_did_something(world: World) -> None:
    planner = world.comparer.planner
    before = planner.plan(close_of(world))
    world.open(execution="execution-2")
    assert planner.plan(close_of(world)).name == before.name
    world.closes.put(replace(close_of(world), round=close_of(world).round + 1))
    assert planner.plan(close_of(world)).name != before.name


def test_a_comparison_that_is_finished_or_older_than_a_day_is_made_again(world: World) -> None:
    planner = world.comparer.planner
    before = planner.plan(close_of(world))
    world.clock.pass_time(hours=25)
    old = planner.plan(close_of(world))
    assert old.name != before.name
    run_the_machine(world)
    assert planner.plan(close_of(world)).name != old.name


def test_a_provider_that_is_down_is_asked_again_by_the_state_machine_and_then_noted(world: World) -> None:
    comparer = world.comparer
    plan = comparer.planner.plan(close_of(world))
    world.gateway.failures["collected_for", "before"] = [TryLaterError("down")]
    with pytest.raises(TryLaterError):
        comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: False)
    comparer.read_part(OCTOBER, plan.name, 1, time_is_up=lambda: False)
    [stripe] = comparer.continue_joining(close_of(world), plan.name, lambda: False).comparisons
    assert [finding.check for finding in stripe.findings] == ["provider_unreachable"]
    assert stripe.ours == {"USD": 5500}
    assert comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: False)
    [stripe] = comparer.continue_joining(close_of(world), plan.name, lambda: False).comparisons
    assert stripe.findings == ()


def test_a_part_whose_provider_refuses_us_is_left_and_not_asked_for_ever(world: World) -> None:
    comparer, close = world.comparer, close_of(world)
    plan = comparer.planner.plan(close)
    world.gateway.failures["collected_for", "before"] = [ProviderRefusedError("revoked")]
    assert comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: False)
    comparer.read_part(OCTOBER, plan.name, 1, time_is_up=lambda: False)
    [stripe] = comparer.continue_joining(close, plan.name, lambda: False).comparisons
    assert [finding.check for finding in stripe.findings] == ["provider_unreachable"]
    assert comparer.reader.store.unread(plan) == (0,)


@pytest.mark.parametrize(
    "error",
    [OutcomeUnknownError("503"), ProviderDownError("503"), ProviderPausedError("503", 9), RateLimitedError("503")],
)
def test_a_part_that_cannot_be_read_now_fails_by_the_name_that_the_state_machine_retries(
    world: World, error: Exception
) -> None:
    plan = world.comparer.planner.plan(close_of(world))
    world.gateway.failures["collected_for", "before"] = [error]
    with pytest.raises(TryLaterError, match="503") as raised:
        world.comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: False)
    assert raised.type is TryLaterError  # Step Functions compares names, and knows no subclasses
    assert world.comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: False)


def test_a_provider_that_refuses_us_while_differences_are_looked_up_is_noted(world: World) -> None:
    del world.gateway.outcomes[next(iter(world.gateway.orders))]
    world.gateway.failures["held", "before"] = [ProviderRefusedError("revoked")]
    [stripe] = run_the_machine(world, heals=False)
    assert [finding.check for finding in stripe.findings] == ["provider_unreachable"]
    assert not stripe.complete


def test_a_comparison_that_could_not_be_planned_is_reported_as_not_compared(world: World) -> None:
    [nothing] = world.comparer.continue_joining(close_of(world), "", lambda: False).comparisons
    assert [finding.check for finding in nothing.findings] == ["compare_incomplete"]


def test_a_part_of_an_unknown_comparison_cannot_be_read(world: World) -> None:
    with pytest.raises(UserMistakeError, match="there is no comparison"):
        world.comparer.read_part(OCTOBER, "unknown", 0, time_is_up=lambda: False)


def test_two_workers_that_read_the_same_part_change_nothing(world: World) -> None:
    world.gateway.page_size = 3
    comparer, close = world.comparer, close_of(world)
    plan = comparer.planner.plan(close)
    both = [comparer.reader.store.part(plan, 0) for _ in range(2)]
    assert not comparer.read_part(OCTOBER, plan.name, 0, time_is_up=lambda: True)
    comparer.reader.store.put_part(plan, 0, both[1])  # the slower one writes what it had read: nothing
    [stripe] = run_the_machine(world)
    assert (stripe.charges, stripe.findings) == (10, ())


def test_the_report_is_written_with_what_time_the_join_has_left(world: World) -> None:
    comparer, close = world.comparer, close_of(world)
    plan = comparer.planner.plan(close)
    for number in range(len(plan.parts)):
        comparer.read_part(OCTOBER, plan.name, number, time_is_up=lambda: False)
    up = {"half_is_up": lambda: True, "time_is_up": lambda: False}
    joined = world.reporter.continue_report(OCTOBER, close.run, plan.name, **up)
    assert isinstance(joined, Joined)
    assert joined.outcome == "time_was_up"
    report = world.reporter.continue_report(
        OCTOBER, close.run, plan.name, half_is_up=lambda: False, time_is_up=lambda: False
    )
    assert not isinstance(report, Joined)
    assert report["proof"]["ties"]


def test_a_report_whose_time_is_up_counts_the_loose_ends_that_it_does_not_list(world: World) -> None:
    world.use(world.add_customer("late", method="debit"), "5", period=OCTOBER.next)
    world.clock.pass_time(days=31)
    run = world.open(OCTOBER.next)
    plan = world.planner.plan(OCTOBER.next, run)
    assert plan.unfinished
    world.workflow.running.clear()
    report = world.close(OCTOBER.next, "execution-2")
    close = world.closes.get(OCTOBER.next)
    assert close
    assert report["waiting"]["customers"]
    proved = world.reporter.prove_again(close, [], stored=False, time_is_up=lambda: True)
    assert (proved["waiting"]["customers"], proved["waiting"]["in_all"]) == ([], report["waiting"]["in_all"])
