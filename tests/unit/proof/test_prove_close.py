"""The proof from the records: a healthy month passes every check, and each kind of damage fails its own check only."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry, Leg
from monthclose.domain.closes.checks import Check, CheckResult, State
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.payments.payment import Payment
from monthclose.ports import NumberedRun, Record, Reservation
from monthclose.use_cases.proof.prove_close import Proof
from tests.unit.proof.proving import CARRIED, CREDITED, HELD, PAID, PENDING, a_month, damage, more, stored
from tests.world import OCTOBER, World


def prove(world: World) -> Proof:
    return world.use_cases.prover.prove(OCTOBER)


def states(proof: Proof) -> dict[str, State]:
    return {result.check: result.state for result in proof.results}


def failed(results: Proof) -> list[CheckResult]:
    return [result for result in results.results if result.state is State.FAILED]


def an_entry_that_does_not_balance(world: World) -> None:
    key, entry = next(stored(world, Entry, PAID))
    broken = replace(entry)
    object.__setattr__(broken, "legs", (*entry.legs, Leg(entry.legs[0].account, 5)))
    world.books.records[key] = broken


def delete(kind: type[Record], customer_id: str) -> Callable[[World], None]:
    def do(world: World) -> None:
        for key, _ in stored(world, kind, customer_id):
            del world.books.records[key], world.books._keys[customer_id][key]

    return do


def a_second_receipt(world: World) -> None:
    notice = world.month(PAID).notice
    assert notice
    world.books.commit(replace(notice, step="paid-1-9", version=0))


def a_number_reserved_for_nobody(world: World) -> None:
    """A batch's drafts got numbers a second time."""
    key, runs = next((key, runs) for key, runs in world.closes._reservations.items() if key[0] is Series.INVOICES)
    world.closes.reserve(OCTOBER, key[2], len(runs), runs[0].drafts_key, runs[0].count)


def a_run_of_numbers_that_is_gone(world: World) -> None:
    """A batch's reservation and its entry in the index are lost."""
    key = next(key for key in world.closes._reservations if key[0] is Series.INVOICES)
    world.closes._reservations[key] = []


def a_number_that_two_batches_have(world: World) -> None:
    keys = [key for key in world.closes._reservations if key[0] is Series.INVOICES]
    first, second = (world.closes._reservations[key] for key in keys[:2])
    second.append(first[0])


def a_gap_between_two_runs(world: World) -> None:
    """Numbers that no run explains: the series moved on, and nobody has them."""
    reserved = world.closes._reservations
    last = max(run.first + run.count for runs in reserved.values() for run in runs)
    key = next(key for key in reserved if key[0] is Series.INVOICES)
    world.closes._runs[Series.INVOICES].append(NumberedRun(OCTOBER, key[2], last + 5, 0))
    drafts = f"drafts/2026-10/empty-{hashlib.sha256(b'[]').hexdigest()[:16]}.json"
    world.documents.put(drafts, b"[]")
    reserved[key].append(Reservation(last + 5, 0, drafts))


def a_credit_note_that_was_never_reserved(world: World) -> None:
    key = next(key for key in world.closes._reservations if key[0] is Series.CREDIT_NOTES)
    world.closes._reservations[key] = []


def place_of(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    assert invoice
    return invoice.document.key


def a_changed_document(world: World) -> None:
    key = place_of(world, PAID)
    world.documents.objects[key] = world.documents.objects[key].replace(b'"USD"', b'"EUR"')


def a_missing_document(world: World) -> None:
    del world.documents.objects[place_of(world, PAID)]


def a_shortened_document(world: World) -> None:
    world.documents.objects[place_of(world, PAID)] = b""


def missing_drafts(world: World) -> None:
    del world.documents.objects[next(key for key in world.documents.objects if key.startswith("drafts/"))]


def changed_drafts(world: World) -> None:
    key = next(key for key in world.documents.objects if key.startswith("drafts/2026-10/0"))
    world.documents.objects[key] += b" "


def a_missing_snapshot(world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    del world.documents.objects[close.snapshot_key]


def a_broken_snapshot(world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    world.documents.objects[close.snapshot_key] = b'[{"batch": 0'


def somebody_else_in_the_snapshot(world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    content = world.documents.objects[close.snapshot_key]
    world.documents.objects[close.snapshot_key] = content.replace(b'"idle"', b'"else"')


def a_batch_without_progress(world: World) -> None:
    del world.closes._progress[OCTOBER, next(n for n, p in progress_of(world) if "idle" in p.batch.customer_ids)]


def progress_of(world: World) -> Iterator[tuple[int, BatchProgress]]:
    for progress in world.closes.all_progress(OCTOBER):
        yield progress.batch.number, progress


def a_status_with_another_sum(world: World) -> None:
    progress = next(p for _, p in progress_of(world) if PAID in p.batch.customer_ids)
    money = {"USD": {**progress.totals.money["USD"], "collected": 1}}
    world.closes.put_progress(replace(progress, totals=replace(progress.totals, money=money)))


def an_unreadable_progress(world: World) -> None:
    read = world.closes.progress

    def progress(period: Any, batch: int) -> BatchProgress | None:
        if batch == 0:
            raise KeyError("stage")
        return read(period, batch)

    world.closes.progress = progress  # type: ignore[method-assign]


def one_day_ago(_: Any) -> Any:
    return World().clock.now - timedelta(days=1)


DAMAGES: list[tuple[Check, str, Callable[[World], None]]] = [
    (Check.RECORDS, "a record that cannot be read", damage(Invoice, PAID, total_minor=None)),
    (Check.RECORDS, "a payment that cannot be read", damage(Payment, PAID, currency=None, collected_minor=None)),
    (Check.ENTRIES, "an entry that does not balance", an_entry_that_does_not_balance),
    (Check.BALANCES, "an account that owes more", damage(Customer, HELD, receivable_minor=more(100))),
    (Check.BALANCES, "an account with other credit", damage(Customer, CREDITED, credit_minor=more(1))),
    (Check.BALANCES, "an account that carries more", damage(Customer, CARRIED, carried_minor=more(-1))),
    (Check.BALANCES, "an account that carries nothing", damage(Customer, CARRIED, carried_minor=0)),
    (Check.EQUATION, "an invoice that is less open", damage(Invoice, HELD, collected_minor=more(100))),
    (Check.EQUATION, "an invoice with more written off", damage(Invoice, HELD, written_off_minor=more(1))),
    (Check.EQUATION, "a loss that is not in the ledger", damage(Payment, PAID, lost_minor=more(1))),
    (Check.LEDGER, "an invoice with other tax", damage(Invoice, PAID, tax_minor=more(7))),
    (Check.CREDIT_NOTES, "a credit note over more", damage(CreditNote, CREDITED, total_minor=more(5))),
    (Check.PAYMENTS, "a payment that collected more", damage(Payment, PAID, collected_minor=more(100))),
    (Check.PAYMENTS, "a refund that is not booked", damage(Payment, PAID, refunded_minor=more(100))),
    (Check.NUMBERS, "an invoice with a number of its own", damage(Invoice, PAID, number="INV-00009999")),
    (Check.NUMBERS, "a name that is no number", damage(Invoice, PAID, number="42")),
    (Check.NUMBERS, "a lost reservation", a_run_of_numbers_that_is_gone),
    (Check.NUMBERS, "a gap between runs", a_gap_between_two_runs),
    (Check.NUMBERS, "a number that two batches have", a_number_that_two_batches_have),
    (Check.NUMBERS, "a number that nobody has", a_number_reserved_for_nobody),
    (Check.CREDIT_NOTE_NUMBERS, "a credit note without reservation", a_credit_note_that_was_never_reserved),
    (Check.CUSTOMERS, "a payment in flight that nobody looks up", damage(Customer, PENDING, open_payment="")),
    (Check.CUSTOMERS, "a missing snapshot", a_missing_snapshot),
    (Check.CUSTOMERS, "a broken snapshot", a_broken_snapshot),
    (Check.CUSTOMERS, "another customer in the snapshot", somebody_else_in_the_snapshot),
    (Check.CUSTOMERS, "a batch nobody worked on", a_batch_without_progress),
    (Check.NOTICES, "a notice that is gone", delete(Notice, PAID)),
    (Check.NOTICES, "a notice that was withdrawn", damage(Notice, PAID, state=NoticeState.WITHDRAWN)),
    (Check.NOTICES, "a second receipt", a_second_receipt),
    (Check.HOLDS, "somebody on hold who has paid", damage(Customer, PAID, held_since=one_day_ago)),
    (Check.HOLDS, "somebody on hold whose debit is under way", damage(Customer, PENDING, held_since=one_day_ago)),
    (Check.DOCUMENTS, "a changed document", a_changed_document),
    (Check.DOCUMENTS, "a missing document", a_missing_document),
    (Check.DOCUMENTS, "an empty document", a_shortened_document),
    (Check.DOCUMENTS, "missing drafts", missing_drafts),
    (Check.DOCUMENTS, "changed drafts", changed_drafts),
    (Check.STATUS, "a status with another sum", a_status_with_another_sum),
    (Check.RECORDS, "a batch whose progress cannot be read", an_unreadable_progress),
]


def test_a_healthy_month_after_many_stories_passes_every_check() -> None:
    world = a_month()
    proof = prove(world)
    assert [(r.check, r.failures, r.rows) for r in failed(proof)] == []
    assert set(states(proof).values()) == {State.PASSED}
    assert set(states(proof)) == set(Check)
    report = world.reporter.report(OCTOBER, 1)
    assert report["proof"]["ties"], report["proof"]["findings"]


@pytest.mark.parametrize(("check", "do"), [pytest.param(c, do, id=f"{c}: {name}") for c, name, do in DAMAGES])
def test_damage_fails_its_own_check_and_no_other(check: Check, do: Callable[[World], None]) -> None:
    world = a_month()
    do(world)
    found = failed(prove(world))
    assert [result.check for result in found] == [check], found
    [result] = found
    assert result.failures
    assert result.failures_in_all == len(result.failures)


def test_a_month_that_was_never_closed_cannot_be_proved() -> None:
    with pytest.raises(UserMistakeError, match="has not been closed"):
        prove(World())
