"""The checks in a close's report: made at its end, kept by the reconciler, made again once one has failed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment
from monthclose.errors import ProviderDownError
from monthclose.ports import Collected
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_close import report_key
from tests.unit.proof.proving import HELD, PAID, a_month, damage, more
from tests.world import OCTOBER, World


def never() -> bool:
    return False


def the_day_after(world: World) -> Report:
    """Do what the reconciler's state machine does once a day."""
    world.clock.pass_time(days=1)
    reconciler = replace(world.use_cases.period_reconciler, reporter=world.reporter)
    plan = reconciler.plan(OCTOBER)
    for number in range(len(plan.parts)):
        assert reconciler.comparer.read_part(OCTOBER, plan.name, number, time_is_up=never)
    done = reconciler.continue_reconciling(OCTOBER, plan.name, half_is_up=never, time_is_up=never)
    assert not isinstance(done, Joined)
    return done.report


def checks(report: Report) -> Mapping[str, Any]:
    return {entry["check"]: entry for entry in report["proof"]["checks"]}


def test_damage_is_in_the_report_of_the_close_with_the_customers_name() -> None:
    world = a_month()
    damage(Customer, HELD, receivable_minor=more(100))(world)
    report = world.reporter.report(OCTOBER, 1)
    assert (report["status"], report["proof"]["ties"]) == ("completed_with_findings", False)
    assert report["proof"]["findings"] == [
        {
            "check": "balances",
            "detail": "the account's receivable is 12.00 USD, its ledger has 11.00 USD",
            "customer_id": HELD,
        }
    ]
    assert report["proof"]["checks"][0]["check"] == "balances"


def test_money_that_only_the_provider_has_fails_the_check_of_the_provider_only() -> None:
    world = a_month()
    first = next(iter(world.gateway.orders))
    world.gateway.orders["stray"] = replace(world.gateway.orders[first], payment_id="2026-10/nobody")
    world.gateway.settle("stray", Collected(Money(777, "USD")))
    report = world.reporter.report(OCTOBER, 1)
    failed = [entry for entry in report["proof"]["checks"] if entry["state"] == "failed"]
    assert [(entry["check"], entry["subject"]) for entry in failed] == [("provider", "stripe")]
    assert failed[0]["rows"][0]["difference"] == -777


def test_records_that_cannot_be_read_do_not_break_the_report_off() -> None:
    world = a_month()
    damage(Invoice, HELD, total_minor=None)(world)
    report = world.reporter.report(OCTOBER, 1)
    assert {finding["check"] for finding in report["proof"]["findings"]} == {"records"}
    assert report["proof"]["findings"][0]["customer_id"] == HELD


def test_the_reconciler_checks_the_months_and_keeps_what_the_close_found_of_accounts_and_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = a_month()
    ended = checks(world.reporter.report(OCTOBER, 1))
    monkeypatch.setattr(world.books, "customers", None)
    monkeypatch.setattr(world.books, "customer", None)
    again = checks(the_day_after(world))
    assert {entry["state"] for entry in again.values()} == {"passed"}
    for kept in ("balances", "documents", "holds"):
        assert again[kept] == ended[kept]
    assert again["payments"]["checked_at"] > ended["payments"]["checked_at"]


def test_the_reconciler_finds_damage_to_a_month() -> None:
    world = a_month()
    world.reporter.report(OCTOBER, 1)
    damage(Payment, PAID, collected_minor=more(100))(world)
    assert checks(the_day_after(world))["payments"]["state"] == "failed"


def test_once_a_check_has_failed_all_are_made_every_day_until_it_passes() -> None:
    world = a_month()
    damage(Customer, HELD, receivable_minor=more(100))(world)
    assert not world.reporter.report(OCTOBER, 1)["proof"]["ties"]
    assert not the_day_after(world)["proof"]["ties"]
    damage(Customer, HELD, receivable_minor=more(-100))(world)
    assert the_day_after(world)["proof"]["ties"]


def test_a_report_of_an_earlier_release_has_no_checks_and_gets_them() -> None:
    world = a_month()
    key = report_key(OCTOBER, "json")
    old = json.loads(world.documents.get(key))
    del old["proof"]["checks"]
    world.documents.put(key, json.dumps(old).encode())
    again = checks(the_day_after(world))
    assert again["payments"]["state"] == "passed"
    assert (again["balances"]["state"], again["balances"]["why"]) == (
        "not_checked",
        "made at the end of each close, and by `monthclose prove 2026-10`",
    )


def test_what_was_not_read_or_not_compared_says_so_and_fails_nothing() -> None:
    world = a_month()
    world.gateway.failures[("collected_for", "before")] = [ProviderDownError("down")]
    report = world.reporter.report(OCTOBER, 1)
    made = checks(report)
    assert report["status"] == "not_compared"
    assert (made["provider"]["state"], "down" in made["provider"]["why"]) == ("not_checked", True)
    assert made["payments"]["state"] == "passed"


def test_a_comparison_that_could_not_be_planned_leaves_every_check_unmade() -> None:
    world = a_month()
    report = world.reporter.continue_report(OCTOBER, 1, "", half_is_up=never, time_is_up=never)
    assert not isinstance(report, Joined)
    assert {entry["state"] for entry in report["proof"]["checks"]} == {"not_checked"}
    assert report["status"] == "not_compared"
