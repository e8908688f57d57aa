"""The simulated close: repeatable, nobody gets lost in it, and each fix shows what it is for."""

import random
from dataclasses import replace
from typing import Any

import pytest

from bench.scale.ceilings import ceilings
from bench.scale.close import Run, simulate
from bench.scale.limiting import GrowingRate
from bench.scale.machine import Failed, Retrier, batches_map, called, retriers, state_calling, with_retries
from bench.scale.scenario import AFTER, BEFORE, Quotas, Scenario, settings
from bench.scale.summary import first_to_break, outcomes, peaks, rows, summary

CUSTOMERS = 1_000
QUOTAS = replace(Quotas.documented(), provider_rate=100.0, mails_per_second=200.0)
SMALL = Scenario(CUSTOMERS, AFTER, QUOTAS, max_batches=40)
OUTAGE = replace(SMALL, outage=(3.0, 2_400.0), heartbeat_seconds=4_000.0)


def without(name: str, scenario: Scenario = SMALL, **changes: Any) -> Run:
    return simulate(replace(scenario, fixes=AFTER.without(name), **changes))


def with_all(scenario: Scenario = SMALL, **changes: Any) -> Run:
    return simulate(replace(scenario, **changes))


def test_the_same_seed_gives_the_same_close() -> None:
    assert summary(with_all()) == summary(with_all())
    assert summary(with_all()) != summary(with_all(seed=2))


@pytest.mark.parametrize("fixes", [AFTER, BEFORE], ids=["after", "before"])
@pytest.mark.parametrize("scenario", [SMALL, OUTAGE], ids=["calm", "outage"])
def test_every_customer_ends_in_one_place(fixes: Any, scenario: Scenario) -> None:
    run = simulate(replace(scenario, fixes=fixes))
    assert run.end == "completed"
    ended = outcomes(run)
    assert sum(ended.values()) == CUSTOMERS
    assert ended["without an outcome"] == 0
    assert all(0 <= batch.told <= batch.charged <= batch.invoiced <= batch.size for batch in run.batches)


def test_a_calm_close_needs_one_round_and_uses_the_providers_limit() -> None:
    run = with_all(customers=4_000, max_batches=2_000, quotas=replace(QUOTAS, provider_rate=15.0))
    found = summary(run)
    assert [left.as_dict() for left in run.left] == [{"not_invoiced": 0, "not_charged": 0, "not_told": 0}]
    assert 0.94 < found["provider_use"] <= 0.981
    assert found["failed_invocations"] == {}
    assert "the deadline" in first_to_break(run)
    assert rows(found)["ended"] == "completed"


def test_throttled_transactions_that_are_not_repeated_leave_customers_without_invoices() -> None:
    cold = {"dynamodb.new_table_writes": 30.0}
    fixes = replace(AFTER, warm_tables=False)
    calm = simulate(replace(SMALL, fixes=fixes, limits=cold))
    failing = simulate(replace(SMALL, fixes=fixes.without("repeats_throttled"), limits=cold))
    assert calm.left[0].not_invoiced == 0
    assert failing.left[0].not_invoiced > CUSTOMERS / 10
    assert "generate_invoices: TryLaterError" in first_to_break(failing)


def test_warm_tables_throttle_nobody() -> None:
    cold = {"dynamodb.new_table_writes": 300.0}
    assert with_all(limits=cold).generating.throttled == 0
    assert without("warm_tables", limits=cold).generating.throttled > 0


def test_a_number_series_in_transactions_takes_many_attempts_for_each_run() -> None:
    scenario = replace(SMALL, customers=1_000, max_batches=1_000)
    thrashing, calm = (
        without("one_update_per_number", scenario).generating.numbers,
        with_all(scenario).generating.numbers,
    )
    assert calm.attempts == calm.wins == 1_000
    assert thrashing.attempts > 5 * thrashing.wins


def test_generating_keeps_to_its_pace() -> None:
    scenario = replace(SMALL, customers=12_000, max_batches=120)
    paced, free = with_all(scenario), without("paces_generating", scenario)
    assert paced.aws.concurrency.peak < free.aws.concurrency.peak
    assert paced.stages.invoiced > free.stages.invoiced
    assert paced.stages.last_charge < free.stages.last_charge * 1.1


def test_mail_without_a_lane_leaves_customers_untold_at_the_report() -> None:
    slow = replace(QUOTAS, mails_per_second=2.0)
    assert summary(with_all(quotas=slow))["untold_at_report"] == 0
    assert summary(without("mail_lane", quotas=slow))["untold_at_report"] > CUSTOMERS / 5


def test_customers_beyond_the_days_mail_quota_stay_untold() -> None:
    assert summary(with_all(quotas=replace(QUOTAS, mails_per_day=400.0)))["untold_at_report"] >= 600


def test_proving_in_one_function_ends_when_its_time_is_up() -> None:
    short = {"lambda.function_seconds": 3.0}
    failing = without("proof_map", customers=4_000, max_batches=2_000, limits=short)
    assert (failing.failed_in, failing.end) == ("report_close", "Sandbox.Timedout")
    retried = next(rule for rule in retriers(state_calling("report_close")) if rule.matches("Sandbox.Timedout"))
    assert failing.aws.failures["Sandbox.Timedout"] == retried.attempts + 1


def test_the_record_of_the_provider_is_read_ahead() -> None:
    slow = replace(SMALL, quotas=replace(QUOTAS, provider_rate=0.25))  # listing takes longer than our own checks
    late, ahead = with_all(slow).stages, with_all(slow, fixes=replace(AFTER, lists_ahead=True)).stages
    assert ahead.proved - ahead.rounds < late.proved - late.rounds


def test_a_message_that_goes_round_too_often_is_dropped_and_its_customers_parked() -> None:
    dropped, kept = without("recursion_allowed", OUTAGE), with_all(OUTAGE)
    assert kept.charging.dropped == 0
    assert kept.charging.longest_chain > 16
    assert outcomes(kept)["parked"] == 0
    assert dropped.charging.dropped > 0


def test_parking_one_after_the_other_ends_when_its_time_is_up() -> None:
    never = replace(SMALL, outage=(0.0, 1e6), heartbeat_seconds=60.0, limits={"lambda.function_seconds": 5.0})
    parked = simulate(replace(never, fixes=replace(AFTER, waits_by_eta=False)))
    failing = simulate(replace(never, fixes=replace(AFTER, waits_by_eta=False, parking_map=False)))
    assert outcomes(parked)["parked"] == CUSTOMERS
    assert (failing.failed_in, failing.end) == ("park_customers", "Sandbox.Timedout")


def test_heartbeats_shorter_than_the_queue_end_the_batches_that_wait_in_it() -> None:
    slow = replace(SMALL, quotas=replace(QUOTAS, provider_rate=10.0), heartbeat_seconds=40.0)
    assert with_all(slow).aws.failures["States.HeartbeatTimeout"] == 0
    assert without("waits_by_eta", slow).aws.failures["States.HeartbeatTimeout"] > 0


def test_a_plan_in_memory_is_what_breaks_first_of_all_at_millions() -> None:
    memory = next(c for c in ceilings(replace(SMALL, fixes=BEFORE)) if c.what == "the plan's memory")
    assert 2e6 < memory.customers < 4e6
    assert all(c.what != "the plan's memory" for c in ceilings(SMALL))


def test_proving_in_one_function_takes_some_270_000_charges() -> None:
    proving = next(c for c in ceilings(replace(SMALL, fixes=BEFORE)) if "proving" in c.what)
    assert 260_000 < proving.customers < 280_000


def test_no_quota_is_used_beyond_its_limit() -> None:
    assert all(used.share <= 1 for used in peaks(with_all()))


def test_a_table_on_demand_grows_to_twice_its_peak_of_half_an_hour_ago() -> None:
    table = GrowingRate(100, 1_000)
    for second in range(120):
        table.take(float(second), 100, 1)
    assert table.limit(121.0) == 100
    table.take(2_000.0, 1, 1)
    assert table.limit(4_000.0) == pytest.approx(200, rel=0.05)


def test_retries_follow_the_states_definition() -> None:
    generate = next(
        state for state in batches_map()["ItemProcessor"]["States"].values() if called(state) == "generate_invoices"
    )
    rules, tries = retriers(generate), 0

    def failing() -> Any:
        nonlocal tries
        tries += 1
        yield 0.0
        raise Failed("TryLaterError")

    attempts = next(rule.attempts for rule in rules if "TryLaterError" in rule.errors)
    with pytest.raises(Failed):
        list(with_retries(rules, failing, random.Random(1), lambda _: None))
    assert tries == attempts + 1


def test_a_time_out_is_no_failed_task() -> None:
    rule = Retrier.read({"ErrorEquals": ["States.TaskFailed"]})
    assert rule.matches("TryLaterError")
    assert not rule.matches("States.HeartbeatTimeout")


def test_the_settings_are_the_products() -> None:
    assert settings()["max_batches"] == 10_000
