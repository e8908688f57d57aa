"""The table of crash points: every fault of a provider at every call, times a process that dies at every point."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from monthclose.domain.money import Money
from sandbox.chaos.faults import Fault, When
from tests.simulation.providers import TWINS
from tests.simulation.universe import CUSTOMER, KEY, SOON, TOTAL, Universe, story

FAULTS = tuple((fault, when) for fault in Fault if fault is not Fault.DELAY for when in When)
"""A delay is no fault here: time passes between the processes anyway."""


class Row(NamedTuple):
    """A provider's fault at one of its calls; without one, everything works."""

    provider: str
    method: str
    call: int | None = None
    fault: Fault | None = None
    when: When | None = None

    def __str__(self) -> str:
        if self.fault is None:
            return f"{self.provider} {self.method}: no fault"
        return f"{self.provider} {self.method}: {self.fault} {self.when} call {self.call}"

    def universe(self) -> Universe:
        universe = Universe(TWINS[self.provider], self.method)
        if self.fault and self.when and self.call is not None:
            universe.line.arm(self.fault, self.when, self.call)
        return universe


def rows() -> Iterator[Row]:
    """Generate the table: the calls are those that an undisturbed charge makes."""
    for provider, twin in TWINS.items():
        for method in ("pays", "refused"):
            undisturbed = Row(provider, method)
            yield undisturbed
            universe = Universe(twin, method)
            with universe.process():
                universe.charger.charge(KEY)
            for call in range(universe.line.calls):
                yield from (Row(provider, method, call, fault, when) for fault, when in FAULTS)


def points(row: Row) -> list[str]:
    """Name the points that a charge passes with a row's fault."""
    universe = row.universe()
    with universe.process() as fuse:
        universe.charger.charge(KEY)
    return fuse.passed


Disturbance = Callable[[Universe], None]


def dying_at(number: int) -> Disturbance:
    """A first process that dies at a point."""

    def disturb(universe: Universe) -> None:
        with universe.process(dies_at=number):
            universe.charger.charge(KEY)

    return disturb


def others_charge(universe: Universe) -> None:
    """Another worker and the reconciler do the same work."""
    with universe.process():
        universe.charger.charge(KEY)
    with universe.process():
        universe.charger.look_up(KEY, go_on=True)


def a_person_pays(universe: Universe) -> None:
    """Support charges the customer by hand."""
    with universe.process():
        universe.cashier.pay(CUSTOMER, Money(4_000, "USD"))


def a_person_grants_credit(universe: Universe) -> None:
    """Support grants a part of the invoice."""
    universe.grant(3_000)


MEANWHILE: Mapping[str, Disturbance] = {
    "others charge": others_charge,
    "a person pays a part": a_person_pays,
    "a person grants credit": a_person_grants_credit,
}


def suspended_at(number: int, meanwhile: Disturbance, minutes: int = 0) -> Disturbance:
    """A first process that is suspended at a point while something else happens, and then continues."""

    def disturb(universe: Universe) -> None:
        paused, go_on = threading.Event(), threading.Event()

        def late_worker() -> None:
            with universe.process() as fuse:
                fuse.pause = (number, paused, go_on)
                universe.charger.charge(KEY)

        worker = threading.Thread(target=late_worker)
        worker.start()
        assert paused.wait(20)
        universe.clock.pass_time(minutes=minutes)
        meanwhile(universe)
        go_on.set()
        worker.join(20)
        assert not worker.is_alive()

    return disturb


def check(row: Row, disturb: Disturbance, waits: tuple[timedelta, ...]) -> str | None:
    """Run a row with a disturbance, let it recover, and tell the story if anything is wrong."""
    universe = row.universe()
    disturb(universe)
    universe.heal(waits)
    account, pays, moved = universe.customer, row.method == "pays", sum(universe.moved())
    right = (
        moved + universe.granted + account.receivable_minor - account.credit_minor == TOTAL
        and (account.receivable_minor == 0 if pays else moved == 0)
        and not (account.receivable_minor and account.credit_minor)
        and not universe.findings()
        and not account.open_payment
    )
    return None if right else story(universe)


class MoneyBack(NamedTuple):
    """Money that is reversed after it was collected, and a worker that books it: a webhook's, or the reconciler's."""

    provider: str
    draws: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.provider}: {', '.join(map(str, self.draws))}"

    def begun(self) -> tuple[Universe, list[str]]:
        """Charge the customer, and let it happen: the first is booked, as it was heard of, what follows is not."""
        universe = Universe(TWINS[self.provider], "pays")
        with universe.process():
            universe.charger.charge(KEY)
        universe.heal(SOON)
        happened = [universe.twin.befall(self.draws[0])]
        with universe.process():
            universe.charger.look_up(KEY)
        happened += map(universe.twin.befall, self.draws[1:])
        return universe, [name for name in happened if name]


def money_back_rows(number: int = 60) -> Iterator[MoneyBack]:
    """Generate rows of one to four things that happen, the same each time."""
    rng = random.Random(2026)
    for provider in TWINS:
        for _ in range(number):
            yield MoneyBack(provider, tuple(rng.randrange(2**31) for _ in range(rng.randint(1, 4))))


def money_back_points(row: MoneyBack) -> list[str]:
    """Name the points that the worker booking a row's money passes."""
    universe, _ = row.begun()
    with universe.process() as fuse:
        universe.charger.look_up(KEY)
    return fuse.passed


def check_money_back(row: MoneyBack, dies_at: int | None) -> str | None:
    """Kill the worker that books it at a point, let it recover, and tell the story if anything is wrong."""
    universe, _ = row.begun()
    with universe.process(dies_at):
        universe.charger.look_up(KEY)
    universe.heal(SOON)
    right = not universe.findings() and not universe.overcharged() and not universe.customer.open_payment
    return None if right else story(universe)
