"""Closes at several moments, as their batches are then: at the start, in the middle, at the end."""

from dataclasses import replace
from typing import Any

from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.names import LimitScope
from tests.unit.cli.driving import EXECUTION, FakeMachine
from tests.unit.closes.forecasting import at
from tests.unit.closes.forecasting import close as a_close
from tests.world import OCTOBER, STRIPE, World

CUSTOMERS = 400
_CODES = ("insufficient_funds", "expired_card", "do_not_honor", "lost_card")


def two_providers() -> World:
    """A company that charges cards and bank accounts, in three currencies."""
    debits = replace(STRIPE, name="gocardless", requests_per_second=15, limit_scope=LimitScope.ACCOUNT)
    return World(providers={"stripe": replace(STRIPE, maximum_concurrency=7), "gocardless": debits})


def opened(world: World, machine: FakeMachine, **more: Any) -> Close:
    """A close whose customers are known, and nothing else."""
    before = world.closes.get(OCTOBER)
    close = replace(
        a_close(CUSTOMERS, planned_for={"gocardless": 100, "stripe": 300}, **more),
        execution=EXECUTION,
        batches=CUSTOMERS,
        providers=("gocardless", "stripe"),
        version=before.version if before else 0,
    )
    machine.running.add(EXECUTION)
    world.clock.now = at(5)
    return world.closes.put(close)


def half_charged(world: World, machine: FakeMachine) -> None:
    """Half of the customers are charged at 2 a second; some are declined, two are parked."""
    opened(world, machine, warnings=("the plan warns: 14 e-mails a second are sent at most",))
    for number in range(CUSTOMERS):
        world.closes.put_progress(_batch(number, charged=number < CUSTOMERS / 2))
    world.clock.now = at(110)


def ended(world: World, machine: FakeMachine) -> None:
    """All are charged; a day later, the first debits have arrived."""
    close = opened(world, machine)
    for number in range(CUSTOMERS):
        world.closes.put_progress(_batch(number, charged=True))
    machine.running.clear()
    world.clock.now = at(260)
    status = CloseStatus.UNFINISHED
    world.closes.put(replace(close, round=3, status=status, completed_at=at(231)))


def _batch(number: int, *, charged: bool) -> BatchProgress:
    provider, currency = "stripe" if number % 4 else "gocardless", ("EUR", "USD", "JPY", "EUR", "EUR")[number % 5]
    minor = round(4_000_000 / (number + 8)) * (1 if currency == "JPY" else 10)
    batch = Batch(number, provider, (f"cust-{number:04}",))
    second = at(10 + number / 2)
    if number in (120, 121):
        totals = Totals(customers={"parked": 1}, parked={"no_price" if number % 2 else "tax_not_covered": 1})
        return BatchProgress(OCTOBER, batch, Stage.CLOSED, 1, totals, 0, second)
    invoiced: dict[str, int] = {"invoiced": minor, "open": minor, "collected": 0, "pending": 0}
    totals = Totals(customers={"invoiced": 1}, payments={"ready": 1}, money={currency: invoiced})
    if not charged:
        stage = Stage.GENERATED
        return BatchProgress(OCTOBER, batch, stage, 1, totals, 1, at(8))
    return BatchProgress(
        OCTOBER,
        batch,
        Stage.CLOSED,
        1,
        _charged(totals, number, provider, currency, minor),
        0,
        second,
        charged_at=second,
    )


def _charged(totals: Totals, number: int, provider: str, currency: str, minor: int) -> Totals:
    if provider == "gocardless":
        money = {currency: {"invoiced": minor, "open": minor, "collected": 0, "pending": minor}}
        return replace(totals, payments={"pending": 1}, money=money, notices={"sent": 1})
    if number % 11 == 0:
        code = _CODES[number % len(_CODES)]
        return replace(
            totals, payments={"declined": 1}, declines={code: 1}, holds={"placed": number % 2}, notices={"sent": 1}
        )
    if number % 59 == 0:
        return replace(totals, payments={"unknown": 1})
    money = {currency: {"invoiced": minor, "open": 0, "collected": minor, "pending": 0}}
    return replace(totals, payments={"paid": 1}, money=money, notices={"bounced" if number % 71 == 0 else "sent": 1})
