"""Invoice numbers 1 to n without a gap or repetition, wherever the workers that assign them die or meet."""

from collections import defaultdict
from collections.abc import Callable
from itertools import batched, count
from typing import Any

import pytest

from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.ports import Reservation
from monthclose.use_cases.batch_work import read_months
from monthclose.use_cases.invoices.generate_invoices import Generated, InvoiceGenerator
from tests.fakes import FakeCloses
from tests.simulation.numbering import Fate, Numbering, OnStep, Step
from tests.simulation.universe import ProcessDiedError

BATCHES = 20


class DyingEverywhere:
    """Workers of whom each dies at the first step at which none of its batch has died yet.

    Dying at a read leaves behind what dying after the write before it does: each read is the end of one batch's worker,
    each write, before and after it took effect, of every batch's.
    """

    def __init__(self) -> None:
        self.died: dict[int, set[Step]] = defaultdict(set)

    def __call__(self, batch: Batch) -> OnStep:
        places = {name: place for place, name in enumerate(batch.customer_ids)}
        died = self.died[batch.number]

        def on_step(step: Step) -> None:
            its_turn = step.writes or places.get(step.about, step.repeated) % BATCHES == batch.number
            if its_turn and step not in died:
                died.add(step)
                raise ProcessDiedError(step)

        return on_step


def test_a_thousand_invoices_are_numbered_1_to_n_though_batches_break_off_at_every_step() -> None:
    numbering, deaths = Numbering(seed=1, batches=BATCHES, restless=0.002), DyingEverywhere()

    numbering.run_until_done(deaths)

    assert list(numbering.wrong()) == []
    for batch in numbering.todo:
        died = [(step.when, step.call) for step in deaths.died[batch.number]]
        for when in ("before", "after"):
            assert died.count((when, "commit")) >= len(batch.customer_ids) == 50
            for call in ("put", "reserve", "put_new", "put_progress"):
                assert (when, call) in died
    assert numbering.conflicts
    assert numbering.granted


def test_closing_again_afterwards_renumbers_nobody_and_the_books_tie() -> None:
    numbering = Numbering(seed=2, customers=100, batches=BATCHES, restless=0.01)
    numbering.run_until_done(DyingEverywhere())
    world = numbering.world
    world.workflow.running.clear()
    documents = {name: invoice.document for name, invoice in numbering.invoices().items() if invoice}

    report = world.close(execution="execution-2")

    assert {name: invoice.document for name, invoice in numbering.invoices().items() if invoice} == documents
    assert len(documents) == 100
    assert report["customers"]["invoiced"] == 100
    assert report["proof"]["ties"]
    assert report["money"]["USD"]["invoiced"] == sum(numbering.amounts.values())


def steps_of_a_batch() -> list[Step]:
    """List the steps that a batch's only worker takes if nothing happens."""
    numbering, steps = Numbering(0, customers=10, batches=1), list[Step]()
    numbering.work(numbering.todo[0], lambda _batch: steps.append)
    return steps


def dies(_numbering: Numbering, _batch: Batch, step: Step) -> None:
    raise ProcessDiedError(step)


def is_overtaken(numbering: Numbering, batch: Batch, _step: Step) -> None:
    numbering.work(batch)


def loses_a_race(numbering: Numbering, batch: Batch, _step: Step) -> None:
    for name in batch.customer_ids:
        numbering.grant(name)


@pytest.mark.parametrize("happens", [dies, is_overtaken, loses_a_race])
def test_whatever_step_the_first_worker_dies_at_the_next_finishes_its_numbers(
    happens: Callable[[Numbering, Batch, Step], None],
) -> None:
    conflicts = 0
    for numbers in batched(range(len(steps_of_a_batch())), BATCHES, strict=False):
        numbering = Numbering(seed=numbers[0], customers=200, batches=BATCHES)
        at = dict(zip([batch.number for batch in numbering.todo], numbers, strict=False))
        numbering.run_until_done(once(numbering, at, happens))
        assert list(numbering.wrong()) == [], numbers
        conflicts += numbering.conflicts
    assert bool(conflicts) == (happens is is_overtaken)


def once(numbering: Numbering, at: dict[int, int], happens: Callable[[Numbering, Batch, Step], None]) -> Fate:
    """Let something happen to the first worker of each batch, at the step of that number."""
    begun = set[int]()

    def fate(batch: Batch) -> OnStep:
        steps = count()
        first = batch.number not in begun
        begun.add(batch.number)

        def on_step(step: Step) -> None:
            if first and next(steps) == at.get(batch.number):
                happens(numbering, batch, step)

        return on_step

    return fate


def drafts_recomputed(patch: pytest.MonkeyPatch) -> None:
    """Numbers are reserved for a count of drafts, and the next worker gives them to its own drafts."""

    def generate(self: InvoiceGenerator, period: Period, batch: Batch, round_number: int) -> Generated:
        for reservation in self.closes.reservations(period, batch.number):
            months = read_months(self.books, batch.customer_ids, period)
            drafts = [draft for portion in self._portions(period, batch, months) for draft in portion.drafts]
            self._issue(period, batch, reservation, drafts[: reservation.count], {})
        return original(self, period, batch, round_number)

    original = InvoiceGenerator.generate
    patch.setattr(InvoiceGenerator, "generate", generate)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """Numbers are reserved without asking whether another worker of the batch has reserved some meanwhile."""

    def reserve(self: FakeCloses, period: Period, batch: int, earlier: int, key: str, number: int) -> Reservation:
        return original(self, period, batch, len(self.reservations(period, batch)), key, number)

    original = FakeCloses.reserve
    patch.setattr(FakeCloses, "reserve", reserve)


def reservations_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What another worker has reserved is left alone: a customer without an invoice gets another number."""

    def issue(self: InvoiceGenerator, *arguments: Any) -> set[str]:
        return original(self, *arguments) if arguments[-1] else set()

    original = InvoiceGenerator._issue
    patch.setattr(InvoiceGenerator, "_issue", issue)


def documents_written_over(patch: pytest.MonkeyPatch) -> None:
    """An invoice is booked from the drafts of the day, though its document may be stored already."""

    def issue(self: InvoiceGenerator, period: Period, batch: Batch, reservation: Reservation, *rest: Any) -> set[str]:
        drafts, seen = rest
        today = self.clock().date().isoformat()
        return original(self, period, batch, reservation, [draft | {"issued_on": today} for draft in drafts], seen)

    original = InvoiceGenerator._issue
    patch.setattr(InvoiceGenerator, "_issue", issue)


@pytest.mark.parametrize("remove", [drafts_recomputed, no_fence, reservations_forgotten, documents_written_over])
def test_without_this_rule_numbers_are_lost_or_documents_are_not_what_was_booked(
    remove: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch)
    numbering = Numbering(seed=3, customers=60, batches=BATCHES, restless=0.05)
    numbering.run_until_done(DyingEverywhere())
    assert list(numbering.wrong())
