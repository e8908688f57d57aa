"""What every store of closes promises, fake or real: closes, batches, numbers, claims, rehearsals."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.bootstrap import Runtime
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.invoices.series import Series
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Approval, Rehearsal, RehearsalStatus
from monthclose.errors import ConflictError
from monthclose.ports import Claim
from tests.contract.conftest import AnyWorld
from tests.contract.records import NOON
from tests.world import OCTOBER

CLOSE = Close(OCTOBER, CloseStatus.RUNNING, "execution", 1, NOON, NOON, warnings=("slow",))


def test_a_close_is_fenced_by_its_version(world: AnyWorld) -> None:
    stored = world.closes.put(CLOSE)
    assert world.closes.get(OCTOBER) == stored
    with pytest.raises(ConflictError):
        world.closes.put(CLOSE)
    done = world.closes.put(replace(stored, status=CloseStatus.COMPLETED, completed_at=NOON))
    earlier = world.closes.put(replace(CLOSE, period=Period(2026, 9)))
    assert world.closes.all() == [done, earlier]
    assert world.closes.get(Period(2026, 8)) is None


def test_a_close_stored_before_tax_tables_existed_is_read(aws: Runtime) -> None:
    aws.closes.put(replace(CLOSE, price_book="1", tax_table="2"))
    item = ClosesItem.get("closes", str(OCTOBER))
    del item.content["tax_table"]
    item.save()
    close = aws.closes.get(OCTOBER)
    assert close
    assert (close.price_book, close.tax_table) == ("1", "")


def test_a_claim_is_fenced_by_its_version(world: AnyWorld) -> None:
    assert world.claims.get("reconcile") is None
    world.claims.put(Claim("reconcile", "first", NOON))
    assert world.claims.get("reconcile") == Claim("reconcile", "first", NOON, 1)
    with pytest.raises(ConflictError):
        world.claims.put(Claim("reconcile", "second", NOON))
    world.claims.put(Claim("reconcile", "second", NOON, 1))
    assert world.claims.get("reconcile") == Claim("reconcile", "second", NOON, 2)
    assert world.closes.all() == []


def test_progress_is_overwritten_and_listed(world: AnyWorld) -> None:
    def progress(number: int, stage: Stage) -> BatchProgress:
        totals = Totals(customers={"invoiced": 2}, money={"USD": {"invoiced": 5}}, ledger={"USD": {"revenue": -5}})
        return BatchProgress(OCTOBER, Batch(number, "stripe", ("a", "b")), stage, 1, totals, 1, NOON)

    for number in range(40):
        world.closes.put_progress(progress(number, Stage.GENERATED))
    world.closes.put_progress(progress(7, Stage.CLOSED))

    listed = sorted(world.closes.all_progress(OCTOBER), key=lambda p: p.batch.number)
    assert [p.stage for p in listed] == [Stage.CLOSED if n == 7 else Stage.GENERATED for n in range(40)]
    assert world.closes.progress(OCTOBER, 7) == progress(7, Stage.CLOSED)
    assert world.closes.progress(OCTOBER, 99) is None
    dated = replace(progress(8, Stage.CHARGED), charged_at=NOON)
    world.closes.put_progress(dated)
    assert world.closes.progress(OCTOBER, 8) == dated
    assert list(world.closes.all_progress(Period(2026, 9))) == []


def test_numbers_are_reserved_without_gaps_and_once_per_batch(world: AnyWorld) -> None:
    first = world.closes.reserve(OCTOBER, 1, 0, "drafts/1", 10)
    second = world.closes.reserve(OCTOBER, 2, 0, "drafts/2", 5)
    with pytest.raises(ConflictError):
        world.closes.reserve(OCTOBER, 1, 0, "drafts/1-again", 3)
    third = world.closes.reserve(OCTOBER, 1, 1, "drafts/1-more", 2)

    note = world.closes.reserve(OCTOBER, 1, 0, "drafts/note", 1, Series.CREDIT_NOTES)
    with pytest.raises(ConflictError):
        world.closes.reserve(OCTOBER, 1, 0, "drafts/another-note", 1, Series.CREDIT_NOTES)
    assert (note.first, note.count) == (1, 1)
    assert world.closes.reservations(OCTOBER, 1, Series.CREDIT_NOTES) == [note]

    assert [(r.first, r.count) for r in (first, second, third)] == [(1, 10), (11, 5), (16, 2)]
    assert world.closes.reservations(OCTOBER, 1) == [first, third]


def test_a_rehearsal_is_stored_with_all_it_knows_and_fenced_by_its_version(world: AnyWorld) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    approval = Approval(1, "ann", now, "as expected", ("total:EUR", "parked"), "snapshots/2026-10/run-1.json")
    rehearsal = Rehearsal(
        *(OCTOBER, 2, "execution-1", now),
        status=RehearsalStatus.COMPLETED,
        last_period=OCTOBER.previous,
        counts={"stripe": 3},
        completed_at=now,
        task_token="token-1",
        approval=approval,
    )
    assert world.rehearsals.get(OCTOBER) is None
    stored = world.rehearsals.put(rehearsal)
    assert world.rehearsals.get(OCTOBER) == stored == replace(rehearsal, version=1)
    world.rehearsals.put(replace(stored, number=3, approval=None))
    with pytest.raises(ConflictError):
        world.rehearsals.put(stored)
