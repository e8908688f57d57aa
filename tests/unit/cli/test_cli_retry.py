"""`monthclose retry` and `collect`: some customers are closed again, and the collections run now."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.usage import UsageEvent
from monthclose.errors import ProviderDownError
from monthclose.ports import Execution
from monthclose.settings import CloseSettings
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.unit.invoices.regenerating import priced_at
from tests.world import OCTOBER, World


class LimitedMachine(FakeMachine):
    """Runs a close, limited to the customers of the list if the request names one."""

    def describe(self, execution: str) -> Execution:
        self.looks += 1
        if self.looks == 1:
            return Execution("RUNNING")
        request: Mapping[str, Any] = self.closes[-1][1]
        report = self.world.close(OCTOBER, f"{execution}-{len(self.closes)}", request.get("only", ""))
        self.looks = 0
        return Execution("SUCCEEDED", {"period": "2026-10", "status": report["status"]})


@pytest.fixture
def machine(world: World) -> FakeMachine:
    return LimitedMachine(world)


def measure(world: World, name: str, sku: str = "vm") -> None:
    world.usage.put([UsageEvent(f"{name}-{sku}", name, sku, Decimal(10), OCTOBER.start)])


@pytest.fixture(autouse=True)
def _closed(world: World, monthclose: Command) -> None:
    """Close a month in which two customers are parked, as their SKU has no price."""
    world.use(world.add_customer("acme"), "12.34")
    for name in ("first", "second"):
        measure(world, world.add_customer(name))
    monthclose("close", "2026-10")
    assert world.month("first").parked


def only(world: World, machine: FakeMachine) -> list[str]:
    key = machine.closes[-1][1]["only"]
    return sorted(line.split('"')[1] for line in world.documents.get(key).decode().splitlines())


def test_one_parked_customer_is_closed_again_and_nobody_else(
    monthclose: Command, world: World, machine: FakeMachine
) -> None:
    priced_at(world, "1")
    mails = len(world.mailer.sent)
    result = monthclose("retry", "first", "--period", "2026-10", "--by", "ada")
    assert "first" in result.stdout
    assert "10.00 USD  paid" in result.stdout
    assert "2026-10: 1 customer closed again" in result.stdout
    assert only(world, machine) == ["first"]
    assert world.month("second").parked, "their price is there, too, and nobody has asked for them"
    assert len(world.gateway.money_moved) == 2
    assert len(world.mailer.sent) == mails + 1
    status = monthclose.json("status", "2026-10", "--json")
    assert (status["customers"]["invoiced"], status["customers"]["parked"], status["run"]) == (2, 1, 2)
    assert monthclose.json("report", "2026-10", "--json")["proof"]["ties"]
    [act] = [each.act for each in world.audit.find() if each.act.what == "customers.retried"]
    assert (act.by, act.period, '"first"' in act.after) == ("ada", OCTOBER, True)


def test_a_customer_of_a_batch_of_many_is_closed_again_without_the_others_of_it(world: World) -> None:
    many = World(close_settings=CloseSettings(max_batches=1, max_rounds=2))
    for name in ("first", "second", "lost"):
        many.add_customer(name)
    measure(many, "first")
    measure(many, "second")
    many.use("lost", "3")
    many.gateway.failures["collect", "before"] = [ProviderDownError("down")] * 9
    many.close()
    assert many.month("lost").parked
    priced_at(many, "1")
    close = many.closes.get(OCTOBER)
    assert close
    chooser = many.use_cases.retry_chooser
    many.gateway.failures.clear()
    many.close(OCTOBER, "execution-2", chooser.store(close, chooser.named(["first"], OCTOBER)))
    assert many.month("first").payment.state is PaymentState.PAID  # type: ignore[union-attr]
    assert many.month("second").parked
    assert many.month("lost").parking == replace(many.month("lost").parking, active=True)  # type: ignore[type-var]
    assert [name for name, _ in many.gateway.money_moved] == ["2026-10/first"]
    progress = many.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.batch.customer_ids == ("first", "lost", "second")
    many.close(OCTOBER, "execution-3")
    assert len(many.gateway.money_moved) == 3


def test_the_parked_are_closed_again_perhaps_only_those_of_a_reason(
    monthclose: Command, world: World, machine: FakeMachine
) -> None:
    said = monthclose("retry", "--parked", "--reason", "tax_not_covered", "--period", "2026-10").stdout
    assert "there is nobody to close again" in said
    priced_at(world, "1")
    found = monthclose.json("retry", "--parked", "--reason", "no_price", "--period", "2026-10", "--json")
    assert [(one["customer_id"], one["reason"]) for one in found["customers"]] == [
        ("first", "paid"),
        ("second", "paid"),
    ]
    assert monthclose.json("parked", "2026-10", "--json")["in_all"] == 0


def test_those_who_were_imported_after_the_close_began_get_batches_of_their_own_and_are_billed_once(
    monthclose: Command, world: World, machine: FakeMachine
) -> None:
    world.use(world.add_customer("late"), "7")
    world.add_customer("newcomer")  # without usage of the month: they may have come after it
    before = world.closes.get(OCTOBER)
    assert before
    monthclose("retry", "--missed", "--period", "2026-10")
    assert only(world, machine) == ["late"]
    close = world.closes.get(OCTOBER)
    assert close
    assert (close.customers, close.batches) == (before.customers + 1, before.batches + 1)
    assert world.month("late").payment.state is PaymentState.PAID  # type: ignore[union-attr]
    assert not world.month("newcomer").invoice
    report = monthclose.json("report", "2026-10", "--json")
    assert (report["customers"]["snapshot"], report["proof"]["ties"]) == (4, True)
    assert [one["customer_id"] for one in monthclose.json("list", "paid", "2026-10", "--json")["customers"]] == [
        "acme",
        "late",
    ]
    assert "there is nobody to close again" in monthclose("retry", "--missed", "--period", "2026-10").stdout
    monthclose("retry", "late", "--period", "2026-10")
    monthclose("close", "2026-10")
    assert [name for name, _ in world.gateway.money_moved].count("2026-10/late") == 1
    assert world.closes.get(OCTOBER).batches == close.batches  # type: ignore[union-attr]


def test_a_retry_beside_a_running_close_starts_nothing(monthclose: Command, world: World, machine: FakeMachine) -> None:
    world.open(execution=EXECUTION)
    started = len(machine.closes)
    result = monthclose("retry", "first", "--period", "2026-10", exit_code=3)
    assert "2026-10 is being closed right now, and takes up who is parked itself" in result.stderr
    assert len(machine.closes) == started


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say whom to close again"),
        (("first", "--parked"), "say whom to close again"),
        (("first", "--reason", "no_price"), "--reason goes with --parked"),
        (("first", "nobody", "--period", "2026-10"), "there is no customer nobody"),
        (("first", "--period", "2026-09"), "2026-09 has not been closed"),
    ],
)
def test_what_cannot_be_retried_is_said_before_anything_is_started(
    monthclose: Command, machine: FakeMachine, arguments: tuple[str, ...], message: str
) -> None:
    started = len(machine.closes)
    assert message in monthclose("retry", *arguments, exit_code=2).stderr
    assert len(machine.closes) == started


class CollectingMachine(FakeMachine):
    """Runs the collections when it is asked a second time how they stand."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        super().start(machine, name, request)
        assert machine == "arn:collections"
        return f"collect-{len(self.closes)}"

    def describe(self, execution: str) -> Execution:
        self.looks += 1
        if self.looks % 2:
            return Execution("RUNNING")
        if execution == "the daily one":
            self.world.workflow.running.discard(execution)
        found = self.world.collect(execution)
        output = {"outcome": found.outcome, "today": found.day.isoformat(), "closing": [], "batches": found.batches}
        owing = {"bucket": "documents", "key": found.key}
        return Execution("SUCCEEDED", {**output, "customers": found.customers, "owing": owing})


@pytest.fixture
def collecting(world: World) -> Command:
    world.use(world.add_customer("broke", method="declined"), "10")
    world.close(OCTOBER, "execution-2", _listed(world, "broke"))
    return Command(world, CollectingMachine(world))


def _listed(world: World, name: str) -> str:
    close, chooser = world.closes.get(OCTOBER), world.use_cases.retry_chooser
    assert close
    return chooser.store(close, chooser.named([name], close.period))


def test_todays_collections_run_now_say_what_came_of_them_and_a_second_run_does_nothing_twice(
    collecting: Command, world: World
) -> None:
    world.clock.pass_time(days=3)
    said = collecting("collect", "--by", "ada")
    assert "broke  2026-10  retried: declined" in said.stdout
    assert "collections of 2026-11-04: 1 customer owing; 1 retried" in said.stdout
    attempts = world.month("broke").payment.attempt  # type: ignore[union-attr]
    world.clock.pass_time(minutes=1)
    assert "nothing was due" in collecting("collect").stdout
    assert world.month("broke").payment.attempt == attempts  # type: ignore[union-attr]
    world.add_customer("broke", method="ok")
    world.clock.pass_time(days=2)
    done = collecting.json("collect", "--json")["done"]
    assert {"customer_id": "broke", "what": "retried", "result": "paid", "paid_minor": 1000}.items() <= done[0].items()
    assert [each.act.what for each in world.audit.find()].count("collections.requested") == 3


def test_collections_that_run_already_are_watched(collecting: Command, world: World) -> None:
    world.clock.pass_time(days=3)
    world.workflow.running.add("the daily one")
    world.finder.find("the daily one")

    said = collecting("collect")
    assert "collections have been running since 2026-11-04 00:00 UTC: these are watched" in said.stderr


def test_while_a_provider_is_paused_the_collections_say_that_nothing_was_charged_through_it(
    collecting: Command, world: World
) -> None:
    world.clock.pass_time(days=3)
    collecting("pause", "--provider", "stripe", "--by", "eve", "--reason", "an incident")
    said = collecting("collect")
    assert "nothing was charged through stripe, which was paused by eve" in said.stderr
    assert "retried" not in said.stdout
