"""What the stages of a batch read: each customer's month once, accounts together where nothing is charged or told."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.closes.close import Batch, BatchProgress, totals_of
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, Parking
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import Record
from monthclose.use_cases.batch_work import refresh_progress
from tests.fakes import FakeBooks
from tests.world import OCTOBER, World

_KINDS = ("ok", "declined", "needs_action", "")
CUSTOMERS = 30


class CountedBooks(FakeBooks):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = Counter[str]()

    def customer(self, customer_id: str) -> Customer | None:
        self.read["an account"] += 1
        return super().customer(customer_id)

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        self.read["accounts together"] += 1
        found = {name: FakeBooks.customer(self, name) for name in customer_ids}
        return {name: customer for name, customer in found.items() if customer}

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        self.read["a month"] += 1
        return super().month(customer_id, period)


def a_batch(books: FakeBooks, customers: int = CUSTOMERS) -> tuple[World, Batch]:
    world = World(books=books)
    names = [world.add_customer(f"c-{number:02}", method=_KINDS[number % len(_KINDS)]) for number in range(customers)]
    for number, name in enumerate(names):
        if number % 7:
            world.use(name, "12.30")
    world.open()
    return world, Batch(0, "stripe", tuple(names))


def stages(world: World, batch: Batch) -> dict[str, Callable[[], object]]:
    return {
        "generate": lambda: world.generator.generate(OCTOBER, batch, 1),
        "charge": lambda: world.batch_charger.charge(OCTOBER, 0, 1),
        "notify": lambda: world.sender.send(OCTOBER, 0, 1),
        "hold": lambda: world.keeper.apply(OCTOBER, 0, 1),
    }


def progress_of(world: World) -> BatchProgress:
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    return progress


def test_each_stage_reads_a_month_once_and_accounts_together_where_nothing_moves_money() -> None:
    books = CountedBooks()
    world, batch = a_batch(books)
    found = {}
    for name, stage in stages(world, batch).items():
        books.read.clear()
        stage()
        found[name] = dict(books.read)
    assert found["generate"] == {"a month": CUSTOMERS, "accounts together": 2}
    assert found["charge"] == {"a month": CUSTOMERS, "an account": CUSTOMERS}
    placed = sum(progress_of(world).totals.holds.values())
    assert 0 < placed < CUSTOMERS / 3
    assert found["notify"]["a month"] == CUSTOMERS + placed, "the e-mail says that they are on hold now"
    assert found["hold"]["a month"] == CUSTOMERS
    assert found["hold"]["accounts together"] == 2
    assert found["hold"]["an account"] < CUSTOMERS, "of those who owe something only"


def test_what_a_batch_sums_up_is_what_its_records_say() -> None:
    world, batch = a_batch(FakeBooks())
    for name, stage in stages(world, batch).items():
        stage()
        totals, unsettled = totals_of(world.month(customer_id) for customer_id in batch.customer_ids)
        progress = progress_of(world)
        assert (progress.totals, progress.unsettled) == (totals, unsettled), name
    assert progress_of(world).totals.customers["invoiced"] > 20


@pytest.mark.parametrize("kind", [Invoice, Payment, Entry])
def test_sums_are_right_when_a_write_is_lost_and_made_again(kind: type) -> None:
    """A write that conflicts may have been somebody else's: what it left is read again."""
    world, batch = a_batch(FakeBooks())
    commit, lost = world.books.commit, Counter[str]()

    def losing(*records: Record) -> tuple[Record, ...]:
        written = commit(*records)
        for record in written:
            if isinstance(record, kind) and not lost[record.customer_id]:
                lost[record.customer_id] += 1
                raise ConflictError("the answer to it was lost")
        return written

    world.books.commit = losing  # type: ignore[method-assign]
    for name, stage in stages(world, batch).items():
        stage()
        totals, unsettled = totals_of(world.month(customer_id) for customer_id in batch.customer_ids)
        progress = progress_of(world)
        assert (progress.totals, progress.unsettled) == (totals, unsettled), name
    assert lost
    assert len(world.gateway.money_moved) == len({payment for payment, _ in world.gateway.money_moved})


def test_a_charge_whose_last_write_had_no_answer_counts_as_it_is_in_the_books() -> None:
    world, batch = a_batch(FakeBooks())
    world.generator.generate(OCTOBER, batch, 1)
    commit = world.books.commit

    def unanswered(*records: Record) -> tuple[Record, ...]:
        written = commit(*records)
        if any(isinstance(record, Payment) and record.state is PaymentState.PAID for record in records):
            raise TryLaterError("DynamoDB did not answer")
        return written

    world.books.commit = unanswered  # type: ignore[method-assign]
    world.batch_charger.charge(OCTOBER, 0, 1)
    totals, _ = totals_of(world.month(customer_id) for customer_id in batch.customer_ids)
    assert totals.payments[PaymentState.PAID] > 5
    assert progress_of(world).totals == totals


def test_what_somebody_else_has_summed_up_while_a_batch_was_charged_stays_so() -> None:
    world, batch = a_batch(FakeBooks(), 5)
    world.generator.generate(OCTOBER, batch, 1)
    commit, first = world.books.commit, batch.customer_ids[1]

    def parked_meanwhile(*records: Record) -> tuple[Record, ...]:
        written = commit(*records)
        if any(isinstance(record, Payment) and record.state is PaymentState.PAID for record in records):
            world.books.commit = commit  # type: ignore[method-assign]
            world.books.commit(Parking(first, OCTOBER, "why", "somebody parked them", world.clock()))
            refresh_progress(world.closes, world.books, world.clock, OCTOBER, 0)
        return written

    assert world.month(first).invoice
    world.books.commit = parked_meanwhile  # type: ignore[method-assign]
    world.batch_charger.charge(OCTOBER, 0, 1)
    totals, _ = totals_of(world.month(customer_id) for customer_id in batch.customer_ids)
    assert totals.parked == {"why": 1}
    assert progress_of(world).totals == totals


def test_an_account_that_changes_after_it_was_read_with_others_is_billed_as_it_is_then() -> None:
    class Changed(FakeBooks):
        def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
            found = super().customers(customer_ids)
            for customer in found.values():
                self.commit(replace(customer, credit_minor=customer.credit_minor))  # a new version of the same
            return found

    world, batch = a_batch(Changed(), 5)
    world.close_batch(OCTOBER, batch, 1)
    assert progress_of(world).totals.customers == {"invoiced": 4, "nothing_to_bill": 1}
