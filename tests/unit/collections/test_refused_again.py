"""What collecting reads of the batches whose customers are refused again."""

from monthclose.settings import CloseSettings
from tests.fakes import CountingBooks
from tests.world import OCTOBER, World

CUSTOMERS = 50


def test_only_an_outcome_that_changes_a_batchs_sums_has_all_of_its_customers_read() -> None:
    books = CountingBooks()
    world = World(books=books, close_settings=CloseSettings(max_batches=1))
    for number in range(CUSTOMERS):
        world.use(world.add_customer(f"c{number:02}", method="declined" if number == 7 else "ok"), "10")
    world.close()
    world.clock.pass_time(days=1)
    today = world.clock.now.date()

    before = books.read
    assert world.collector.collect(["c07"], today).retried == 1
    assert books.read - before < CUSTOMERS / 2

    world.add_customer("c07", method="ok")
    world.clock.pass_time(days=2)
    assert world.collector.collect(["c07"], world.clock.now.date()).paid == 1
    world.settle()  # a batch of this size is summed up by the reconciler
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.payments == {"paid": CUSTOMERS}
