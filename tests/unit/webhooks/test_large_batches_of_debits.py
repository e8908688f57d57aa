"""Bank debits of a large batch settle one after the other, for days: the batch is not summed up for each of them."""

import pytest

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from monthclose.ports import Collected, ProviderEvent
from monthclose.settings import CloseSettings
from tests.fakes import CountingBooks
from tests.world import OCTOBER, World


def pending_debits(customers: int) -> World:
    world = World(books=CountingBooks(), close_settings=CloseSettings(max_batches=1))
    for number in range(customers):
        world.use(world.add_customer(f"c{number}", method="debit"), "10")
    world.close()
    return world


def settle(world: World, number: int) -> None:
    reference = f"pi_2026-10/c{number}_1"
    world.gateway.settle(reference, Collected(Money(1000, "USD")))
    world.applier.finish(world.applier.book(ProviderEvent(f"evt_{number}", "payments.confirmed", reference)))


def paid(world: World) -> int:
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    return progress.totals.payments.get(PaymentState.PAID, 0)


@pytest.mark.parametrize(("customers", "at_once"), [(20, True), (21, False)])
def test_a_small_batch_is_summed_up_at_once_and_a_large_one_with_the_next_poll(customers: int, at_once: bool) -> None:
    world = pending_debits(customers)
    settle(world, 3)
    assert paid(world) == at_once
    world.settle()
    assert paid(world) == 1
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert not progress.outdated


def test_a_debit_of_a_large_batch_costs_a_handful_of_reads() -> None:
    world = pending_debits(100)
    assert isinstance(world.books, CountingBooks)
    before = world.books.read
    for number in range(10):
        settle(world, number)
    assert (world.books.read - before) / 10 < 10  # 200 more each, if the batch was summed up
    world.settle()
    assert paid(world) == 10


def test_the_last_debit_completes_the_close_when_the_books_are_compared() -> None:
    world = pending_debits(25)
    for number in range(25):
        settle(world, number)
    world.settle()
    assert world.reconcile().report["status"] == CloseStatus.COMPLETED
