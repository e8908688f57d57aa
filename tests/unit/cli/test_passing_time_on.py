"""Time passes over the system: what is due, in its order, at its time; in memory, with the real use cases."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.passing.passage import Passage, Step
from cli.passing.schedules import Daily, Often, Rule, Schedule
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.handlers.open_close import requested_period
from monthclose.ports import ChargeOutcome, Collected, Execution, Refused
from sandbox.clock import ClockFile
from sandbox.twin import ManualClock
from tests.fakes import FakeClock
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World

NOVEMBER = Period(2026, 11)
RULES: dict[str, Schedule] = {
    "EveryDay": Daily(9, 0),
    "EveryMonth": Daily(0, 0, 1),
    "Every": Often(15),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class FileClock(FakeClock):
    """A world's clock that follows the file, as a local AWS's does."""

    file: ClockFile | None = None

    def __call__(self) -> datetime:
        assert self.file
        return datetime.fromtimestamp(self.file(), UTC)


@dataclass
class FakeBank:
    """Does what it is told to, on given days."""

    world: World
    days: dict[datetime, Callable[[], list[tuple[str, PaymentKey]]]] = field(default_factory=dict)

    def next_due(self) -> datetime | None:
        return min(self.days, default=None)

    def pass_time(self) -> list[tuple[str, PaymentKey]]:
        now = self.world.clock()
        return [key for day in sorted(self.days) if day <= now for key in self.days.pop(day)()]


@dataclass
class FakeStacks:
    """The state machines, run in memory."""

    world: World
    started: list[tuple[datetime, str]] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    """What the system's clock showed at each start."""
    dies_at: str = ""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a rule's execution ends with, instead of doing anything."""
    still: int = 0
    taken_over: list[str] = field(default_factory=list)

    def run(self, rule: Rule, moment: datetime, event: Mapping[str, object]) -> Execution:
        if self.dies_at == rule.name:
            raise KeyboardInterrupt
        self.started.append((moment, rule.name))
        self.times.append(self.world.clock())
        return Execution("SUCCEEDED", self._output(rule.name, event))

    def _output(self, name: str, event: Any) -> dict[str, Any]:
        if name in self.answers:
            return self.answers[name]
        if name == "EveryMonth":
            period = requested_period(event)
            report = self.world.close(period, f"close-{period}")
            summary = {"customers": report["customers"], "money": report["money"], "payments": report["payments"]}
            return {"period": str(period), "ties": report["proof"]["ties"], "summary": summary}
        if name == "EveryDay":
            return {"owing": {"key": self.world.collect().key}}
        return {"periods": [], "providers": []}

    def wait_until_still(self) -> None:
        self.still += 1

    def take_over(self, rules: Iterable[Rule]) -> None:
        self.taken_over += [rule.name for rule in rules]


@pytest.fixture
def file(tmp_path: Path) -> ClockFile:
    return ClockFile(tmp_path / "clock.json", ManualClock(at("2026-11-29T12:00").timestamp()))


@pytest.fixture
def world(file: ClockFile) -> World:
    made = World(clock=FileClock(file=file))
    made.add_customer("idle")
    return made


@pytest.fixture
def stacks(world: World) -> FakeStacks:
    return FakeStacks(world)


@pytest.fixture
def bank(world: World) -> FakeBank:
    return FakeBank(world)


@pytest.fixture
def passage(world: World, file: ClockFile, bank: FakeBank, stacks: FakeStacks) -> Passage:
    system = Command(world, FakeMachine(world)).system
    rules = [Rule(name, schedule, f"arn:{name}") for name, schedule in RULES.items()]
    return Passage(system, file, bank, stacks, rules)


def starts(stacks: FakeStacks) -> list[str]:
    return [f"{moment:%d %b %H:%M} {name}" for moment, name in stacks.started]


def lines(steps: Iterator[Step] | list[Step]) -> list[str]:
    return [f"{step.time:%d %b} {line}" for step in steps for line in step.lines]


def test_the_starts_of_the_rules_are_made_in_order_at_their_times(passage: Passage, stacks: FakeStacks) -> None:
    list(passage.steps(at("2026-12-02T00:00")))

    assert starts(stacks) == [
        "30 Nov 09:00 EveryDay",
        "30 Nov 12:00 Every",
        "01 Dec 00:00 EveryMonth",
        "01 Dec 09:00 EveryDay",
    ]
    assert stacks.times == [moment for moment, _ in stacks.started]
    assert stacks.taken_over == list(RULES), "they no longer fire by the machine's clock"
    assert passage.now == at("2026-12-02T00:00")


def test_what_is_due_at_the_moment_itself_is_done_and_not_again_later(passage: Passage, stacks: FakeStacks) -> None:
    list(passage.steps(at("2026-12-01T00:00")))
    assert starts(stacks)[-1] == "01 Dec 00:00 EveryMonth"
    list(passage.steps(at("2026-12-01T08:00")))
    assert starts(stacks)[-1] == "01 Dec 00:00 EveryMonth"


def test_the_reconciler_is_left_out_while_nothing_has_happened(
    passage: Passage, stacks: FakeStacks, bank: FakeBank
) -> None:
    list(passage.steps(at("2026-12-04T00:00")))
    assert [name for _, name in stacks.started].count("Every") == 1, "the first, which may find what was before"

    bank.days[at("2026-12-05T06:00")] = list
    list(passage.steps(at("2026-12-10T00:00")))
    assert [name for _, name in stacks.started].count("Every") == 1, "no money moved at the bank"


def test_once_money_has_moved_the_reconciler_is_started_that_day_and_not_again(
    passage: Passage, stacks: FakeStacks, world: World
) -> None:
    world.add_customer("acme", method="declined")
    world.use("acme", "12.00", period=NOVEMBER)
    list(passage.steps(at("2026-12-03T00:00")))
    assert starts(stacks)[-2:] == ["01 Dec 09:00 EveryDay", "02 Dec 09:00 EveryDay"], "a decline moves none"

    world.add_customer("acme")
    list(passage.steps(at("2026-12-10T00:00")))

    assert [start for start in starts(stacks) if start.endswith("Dec 12:00 Every")] == ["03 Dec 12:00 Every"]


def test_a_payment_that_is_to_be_looked_up_has_the_reconciler_started(
    passage: Passage, stacks: FakeStacks, world: World
) -> None:
    list(passage.steps(at("2026-12-02T00:00")))
    world.add_customer("acme")
    world.change("acme", open_payment="2026-11/acme", check_at=at("2026-12-05T13:00"))

    list(passage.steps(at("2026-12-05T14:00")))
    assert "05 Dec 12:00 Every" not in starts(stacks)
    list(passage.steps(at("2026-12-06T12:00")))

    assert starts(stacks)[-1] == "06 Dec 12:00 Every"


def test_a_month_of_a_declined_card_is_told_day_by_day(passage: Passage, world: World) -> None:
    world.add_customer("acme", method="declined")
    world.add_customer("bolt")
    for name in ("acme", "bolt"):
        world.use(name, "12.00", period=NOVEMBER)

    told = lines(passage.steps(at("2026-12-03T10:00")))
    assert told == [
        "01 Dec closed 2026-11: 2 invoiced; 1 paid · 1 declined",
        "01 Dec   invoiced 24.00 USD",
        "01 Dec   collected 12.00 USD",
        "01 Dec   the books tie",
        "02 Dec 1 payment tried again, 1 declined",
    ]

    world.add_customer("acme")
    assert lines(passage.steps(at("2026-12-04T10:00"))) == [
        "04 Dec 1 payment tried again, 1 paid, 1 hold lifted, 1 e-mail sent"
    ]
    assert world.month("acme", NOVEMBER).collected_how is PaymentState.PAID


def test_a_close_that_parks_customers_says_so_beside_books_that_tie(passage: Passage, world: World) -> None:
    world.add_customer("acme")
    world.usage.put([UsageEvent("e", "acme", "unpriced", Decimal(1), NOVEMBER.start)])
    told = lines(passage.steps(at("2026-12-01T10:00")))
    assert told[-2:] == ["01 Dec   the books tie", "01 Dec   1 parked: monthclose list parked 2026-11"]


def test_a_step_that_was_interrupted_comes_again_and_nothing_is_left_out(
    passage: Passage, stacks: FakeStacks, file: ClockFile
) -> None:
    stacks.dies_at = "EveryMonth"
    with pytest.raises(KeyboardInterrupt):
        list(passage.steps(at("2026-12-02T00:00")))
    assert starts(stacks)[-1] == "30 Nov 12:00 Every"

    stacks.dies_at = ""
    again = replace(passage, busy=True)
    list(again.steps(at("2026-12-02T00:00")))

    assert [start for start in starts(stacks) if "EveryMonth" in start] == ["01 Dec 00:00 EveryMonth"]
    assert starts(stacks).count("30 Nov 09:00 EveryDay") == 1


def test_time_that_passed_by_itself_is_made_up_for(passage: Passage, stacks: FakeStacks, file: ClockFile) -> None:
    list(passage.steps(at("2026-11-29T13:00")))
    file._machine.advance(2 * 86_400)  # type: ignore[attr-defined]  # the machine was off
    list(replace(passage).steps(at("2026-12-01T14:00")))

    days = [moment for moment, name in stacks.started if name == "EveryDay"]
    assert days == [at("2026-11-30T09:00"), at("2026-12-01T09:00")]


def test_nothing_is_started_while_something_is_under_way(passage: Passage, stacks: FakeStacks) -> None:
    list(passage.steps(at("2026-12-01T00:00")))
    assert stacks.still == 1 + len(stacks.started)


def test_a_debit_that_arrives_or_fails_at_the_bank_is_told(passage: Passage, world: World, bank: FakeBank) -> None:
    for name in ("acme", "bolt"):
        world.add_customer(name, method="debit")
        world.use(name, "12.00", period=NOVEMBER)
    list(passage.steps(at("2026-12-01T00:00")))

    def settle(name: str, outcome: ChargeOutcome) -> tuple[str, PaymentKey]:
        payment = world.month(name, NOVEMBER).payment
        assert payment
        world.gateway.settle(payment.provider_ref, outcome)
        return "payment settled", PaymentKey(name, NOVEMBER)

    def bank_opens() -> list[tuple[str, PaymentKey]]:
        found = [settle("acme", Collected(Money(1200, "USD"))), settle("bolt", Refused("insufficient_funds"))]
        world.settle(everyone=True)
        return [*found, ("dispute lost", PaymentKey("acme", NOVEMBER))]

    bank.days[at("2026-12-04T06:00")] = bank_opens
    told = lines(passage.steps(at("2026-12-04T06:00")))

    assert told[-1].startswith("04 Dec 1 dispute lost, 1 payment arrived, 1 payment failed at the bank")


def test_a_close_that_waits_for_something_says_so(passage: Passage, stacks: FakeStacks) -> None:
    stacks.answers["EveryMonth"] = {"period": "2026-11", "status": "waiting_for_approval"}
    assert lines(passage.steps(at("2026-12-01T00:00"))) == ["01 Dec close of 2026-11: waiting for approval"]


def test_an_archived_month_is_told_and_a_day_on_which_none_is_due_is_not(passage: Passage, stacks: FakeStacks) -> None:
    asked = {"period": "", "chosen": {"period": "", "run": ""}}
    stacks.answers["EveryDay"] = asked
    assert [(step.what, step.lines) for step in passage.steps(at("2026-11-30T10:00"))] == [("archive", ())]
    archived = {"period": "2025-09", "customers": 300, "events": 8000}
    stacks.answers["EveryDay"] = asked | {"chosen": {"period": "2025-09", "run": "1"}, "archived": archived}
    *_, step = passage.steps(at("2026-12-01T10:00"))
    assert step.lines == ("archived the usage of 2025-09: 8,000 events of 300 customers",)
    assert step.facts == archived


def test_a_start_that_fails_is_told_with_its_cause_and_time_passes_on(
    passage: Passage, stacks: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rule: Rule, _moment: datetime, _event: object) -> Execution:
        return Execution("FAILED", error="UserMistakeError", cause='{"errorMessage": "there is no price book"}')

    monkeypatch.setattr(stacks, "run", fail)
    steps = list(passage.steps(at("2026-11-30T10:00")))
    assert [(step.failed, step.lines) for step in steps] == [(True, ("EveryDay failed: there is no price book",))]
    assert passage.now == at("2026-11-30T10:00")
