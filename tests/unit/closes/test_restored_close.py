"""Tables that were set back to the middle of a close: it is run again, on a provider that has all of its charges."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from monthclose.ports import ChargeOrder
from monthclose.use_cases.closes.snapshot import read_batches
from tests.fakes import FakeGateway
from tests.world import OCTOBER, World

NAMES = ("a", "b", "c", "d")


class Forgetful(FakeGateway):
    """A provider that has forgotten its idempotency keys: an order without a reference is another order."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    def prepare(self, order: ChargeOrder) -> str:
        if order.reference:
            return super().prepare(order)
        reference = f"pi_{next(self._numbers)}"
        self.orders[reference] = order
        return reference


@dataclass
class Backup:
    """The tables as they were at one moment, without what a restore never sets back: the runs of numbers."""

    world: World

    def __post_init__(self) -> None:
        self.records = dict(self.world.books.records)
        self.closes, self.progress = dict(self.world.closes._closes), dict(self.world.closes._progress)

    def put_back(self) -> None:
        self.world.books.set_back(self.records)
        closes: Any = self.world.closes
        closes._closes, closes._progress = dict(self.closes), dict(self.progress)
        self.world.use_cases.restore_mark.put("ada")


@pytest.mark.parametrize("done", range(len(NAMES) + 1))
def test_nobody_is_charged_twice_and_the_books_tie(done: int) -> None:
    world = World(gateway=Forgetful())
    for name in NAMES:
        world.use(world.add_customer(name), "100")
        world.change(name, registered_provider_customer_id=f"cus_{name}")
    plan = world.planner.plan(OCTOBER, world.open())
    for batch in list(read_batches(world.documents, plan.round_key))[:done]:
        world.close_batch(OCTOBER, batch, plan.close.round)
    backup = Backup(world)
    world.workflow.running.clear()
    world.close(execution="execution-2")
    charged = list(world.gateway.money_moved)
    invoices = {name: world.month(name).invoice for name in NAMES}
    assert len(charged) == len(NAMES)

    backup.put_back()
    world.clock.pass_time(days=3)
    report = world.close(execution="execution-3")

    assert world.gateway.money_moved == charged
    assert report["proof"]["ties"], report["proof"]
    assert report["money"]["USD"]["collected"] == 40_000
    assert world.reconcile().findings == 0
    for name, invoice in invoices.items():
        again = world.month(name).invoice
        assert invoice
        assert again
        assert again.number == invoice.number, "the number that the customer was told"
