"""`monthclose plan`: what a close will come to, how long it takes, and what to ask for; nothing is written."""

import copy
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from monthclose.domain.payments.throttle import LimitChanges
from monthclose.names import LimitScope
from tests.unit.cli.driving import EXECUTION, Command
from tests.world import OCTOBER, STRIPE, World

DEBITS = replace(STRIPE, name="gocardless", requests_per_second=15, limit_scope=LimitScope.ACCOUNT)


@pytest.fixture
def world() -> World:
    return World(providers={"stripe": replace(STRIPE, maximum_concurrency=7), "gocardless": DEBITS})


@pytest.fixture(autouse=True)
def _customers(world: World) -> None:
    world.add_customer("large")
    world.add_customer("small")
    world.add_customer("debit", provider="gocardless", currency="EUR")
    world.add_customer("idle")
    world.add_customer("cash", method="")
    for name, amount in (("large", "1200"), ("small", "12.34"), ("debit", "50"), ("cash", "7")):
        world.use(name, amount)


def everything(world: World) -> Any:
    """All that is stored."""
    return copy.deepcopy((world.books.records, world.closes.all(), world.documents.objects, world.mailer.sent))


def many(world: World, number: int, amount: str = "10", *, last: int = 1_000) -> None:
    for n in range(number):
        world.add_customer(f"c{n}")
        world.use(f"c{n}", amount)
        world.change(f"c{n}", last_invoiced_minor=last)


def test_the_money_comes_first(monthclose: Command) -> None:
    lines = [line.strip() for line in monthclose("plan", "2026-10").stdout.splitlines()]
    assert lines[0].startswith("plan of 2026-10, from the usage until 2026-11-01")
    assert lines[1] == "expected 50.00 EUR + 1,212.34 USD from 3 customers"
    assert lines[2].startswith("EUR")
    assert "█" in lines[3]
    assert "charged: 50% after 7 s, 90% after 7 s, all after 7 s" in lines[3]
    assert "customers  5: 3 charged · 1 nothing to bill" in "\n".join(lines).replace("     ", "  ")


def test_it_says_what_waits_for_whom_how_long_and_what_it_costs(monthclose: Command) -> None:
    answer = monthclose.json("plan", "2026-10", "--json")
    assert answer["basis"] == {"method": "every_customer", "drafted": 5}
    assert (answer["expected"], answer["off_by_at_most"]) == (
        {"EUR": 5_000, "USD": 121_234},
        {"EUR": 0, "USD": 0},
    )
    assert answer["invoiced"] == {"EUR": 5_000, "USD": 121_934}  # with what nobody can be charged for
    assert answer["customers"] == {"all": 5, "charged": 3, "nothing_to_bill": 1, "parked": {}}
    assert answer["batches"] == {"number": 5, "largest": 1}
    debits, cards = answer["providers"]
    assert (cards["provider"], cards["charges"], cards["money"]) == ("stripe", 2, {"USD": 121_234})
    assert (debits["charges"], debits["limit_per_second"]) == (1, 15)
    assert cards["charges_per_second"] == pytest.approx(24.5)
    assert answer["mail"]["notices"] == 4
    assert answer["seconds"]["first_charge"] < answer["seconds"]["charged"] < answer["seconds"]["ends"]
    assert answer["deadline"] == {"seconds": 8 * 3600, "holds": True, "asks": []}
    assert answer["curve"][-1]["money"] == {"EUR": 5_000, "USD": 121_234}
    assert answer["cost_usd"]["Step Functions"] == pytest.approx(5 * 0.0002)
    assert answer["bottleneck"] in {"proof", "e-mail", "invoices", "stripe", "gocardless"}


def test_nothing_is_written(monthclose: Command, world: World) -> None:
    before = everything(world)
    monthclose("plan", "2026-10")
    monthclose("plan", "2026-10", "--json", "--sample", "2")
    assert everything(world) == before


def test_it_expects_what_the_close_then_charges(monthclose: Command, world: World) -> None:
    answer = monthclose.json("plan", "2026-10", "--json")
    world.gateway.provider = "stripe"
    report = world.close()
    assert report["money"]["USD"]["invoiced"] == answer["invoiced"]["USD"]
    assert report["money"]["USD"]["collected"] == answer["expected"]["USD"]


def test_customers_who_would_be_parked_are_counted_by_reason(monthclose: Command, world: World) -> None:
    world.usage.put([replace(event, unit_price=None) for event in world.usage.events("small", OCTOBER)])
    assert monthclose.json("plan", "2026-10", "--json")["customers"]["parked"] == {"no_price": 1}
    assert "1 parked: 1 no price" in monthclose("plan", "2026-10").stdout


def test_with_many_customers_a_sample_is_drafted_and_says_how_far_off_it_may_be(
    monthclose: Command, world: World
) -> None:
    many(world, 300)
    said = monthclose("plan", "2026-10", "--sample", "60").stdout
    assert re.search(r"expected .* USD from about 30\d customers", said)
    assert "19 times in 20: estimated from" in said
    answer = monthclose.json("plan", "2026-10", "--json", "--sample", "60")
    assert answer["basis"]["method"] == "sample"
    assert abs(answer["expected"]["USD"] - (121_234 + 300 * 1_000)) <= answer["off_by_at_most"]["USD"]


def test_the_month_before_stands_beside_it(monthclose: Command, world: World) -> None:
    world.close()
    world.use("small", "99", period=OCTOBER.next)
    world.clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    answer = monthclose.json("plan", "2026-11", "--json")
    assert answer["month_before"]["invoiced"]["USD"] == 121_934
    assert "month before" in monthclose("plan", "2026-11").stdout


def test_a_month_that_is_not_over_is_planned_from_the_usage_so_far(monthclose: Command, world: World) -> None:
    world.use("small", "3", period=OCTOBER.next)
    said = monthclose("plan", "2026-11").stdout
    assert "the month is not over, more will come" in said
    assert "expected 3.00 USD from 1 customer" in said


def test_a_deadline_that_does_not_hold_says_which_rate_to_ask_for(monthclose: Command, world: World) -> None:
    many(world, 600)
    world.mail_account.per_second = 500
    said = monthclose("plan", "2026-10", "--deadline", "30s").stdout
    assert "30 s: does not hold, the close ends" in said
    assert "requests/s on each endpoint (25 now)" in said
    (ask,) = monthclose.json("plan", "2026-10", "--deadline", "30s", "--json")["deadline"]["asks"]
    assert ask["of"] == "stripe"
    world.limits.put_changes("stripe", LimitChanges(rate_per_second=ask["per_second"]))
    world.providers["stripe"] = replace(world.providers["stripe"], maximum_concurrency=ask["workers"] or 7)
    assert monthclose.json("plan", "2026-10", "--deadline", "30s", "--json")["deadline"]["holds"]


def test_slow_mail_is_named_and_its_rate_asked_for(monthclose: Command, world: World) -> None:
    many(world, 600)
    world.mail_account.per_second = 2
    said = monthclose("plan", "2026-10", "--deadline", "2min").stdout
    assert re.search(r"slowest +the e-mails, 2.0/s", said)
    assert "ask AWS for an SES sending rate of" in said


def test_a_day_quota_that_is_too_small_is_a_warning(monthclose: Command, world: World) -> None:
    world.mail_account.per_day, world.mail_account.sent = 10, 8
    assert "only 2 can still be sent today" in monthclose("plan", "2026-10").stdout


def test_where_no_rate_helps_it_says_so(monthclose: Command) -> None:
    assert "no rate helps" in monthclose("plan", "2026-10", "--deadline", "3s").stdout


@pytest.mark.parametrize("deadline", ["soon", "8", "8h30", "-1h", "0s", "9999h", "1h x"])
def test_a_deadline_that_is_no_span_of_time_is_refused(monthclose: Command, deadline: str) -> None:
    assert "span of time" in (said := monthclose("plan", f"--deadline={deadline}", exit_code=2).stderr) or (
        "between 1 s and 30 days" in said
    )


def test_customers_of_a_provider_without_settings_are_a_warning(monthclose: Command, world: World) -> None:
    world.add_customer("wallet", provider="wallet")
    world.use("wallet", "5")
    said = monthclose("plan", "2026-10").stdout
    assert "warning: provider 'wallet' is not in the settings: 1 customer cannot be charged" in said
    assert "from 3 customers" in said


def test_without_customers_there_is_nothing_to_plan() -> None:
    from tests.unit.cli.driving import FakeMachine  # noqa: PLC0415 - of a world of its own

    empty = World()
    said = Command(empty, FakeMachine(empty))("plan", "2026-10", exit_code=2).stderr
    assert "there are no customers to bill" in said


def test_a_month_that_is_being_closed_or_was_says_so(monthclose: Command, world: World) -> None:
    run = world.open(execution=EXECUTION)
    world.planner.plan(OCTOBER, run)
    assert "2026-10 is being closed now; planned were 5 customers in 5 batches" in monthclose("plan", "2026-10").stdout
    assert monthclose.json("plan", "2026-10", "--json")["status"] == "running"
    world.workflow.running.clear()
    world.close(execution="another")
    assert "2026-10 has been closed" in monthclose("plan", "2026-10").stdout
