"""A regeneration that breaks off anywhere: one credit note, one new invoice, no gap; and the books always tie."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.series import Series
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.pricing import Price, PriceBook
from monthclose.errors import TryLaterError
from monthclose.ports import Collected, InProgress
from monthclose.use_cases.batch_work import refresh_progress
from tests.fakes import reversed_by_the_bank
from tests.unit.accounts.test_adjust_account import usd
from tests.unit.dying import DiedError, dying_at
from tests.unit.invoices.regenerating import (
    NEW,
    NOVEMBER,
    OLD,
    WHY,
    account,
    books_tie,
    closed,
    content_of,
    invoice_of,
    metered,
    priced_at,
    proof,
    provider_says,
    settled,
)
from tests.world import OCTOBER, World

WRITES = 9
"""The note's draft, number, document and booking, and the same of the new invoice, with the mark on the old one."""
MARKED, NUMBERED = 5, 6


def broken_off(write: int, *, after: bool, method: str = "ok") -> World:
    """A world in which regenerating the invoice was killed."""
    world = closed(method)
    priced_at(world, "0.8")
    revive = dying_at(world, write, after=after)
    with pytest.raises(DiedError):
        world.regenerator.regenerate(OLD, WHY)
    revive()
    world.clock.pass_time(days=1)
    return world


def is_done_once(world: World) -> None:
    month = world.month("acme")
    assert [note.number for note in month.credit_notes] == ["CN-00000001"]
    assert [invoice.number for invoice in month.invoices] == [OLD, NEW]
    assert world.closes.run_of(3) is None
    assert world.closes.run_of(2, Series.CREDIT_NOTES) is None
    assert content_of(world, NEW)["replaces"] == OLD
    books_tie(world)


def test_it_takes_as_many_writes_as_are_killed_here() -> None:
    world = closed()
    count = dying_at(world, 99, after=False)
    world.regenerator.regenerate(OLD, WHY)
    assert count() == WRITES


@pytest.mark.parametrize("method", ["ok", "declined"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(WRITES))
def test_killed_at_any_write_and_run_again_it_happens_once(write: int, after: bool, method: str) -> None:
    world = broken_off(write, after=after, method=method)
    done = world.regenerator.regenerate(OLD, WHY)
    assert (done.invoice.number, done.invoice.total_minor) == (NEW, 8_000)
    assert settled(done.invoice) == ((8_000, 0, 0, 0) if method == "ok" else (0, 0, 0, 8_000))
    assert account(world) == ((0, 2_000) if method == "ok" else (8_000, 0))
    is_done_once(world)
    proof(world)


@pytest.mark.parametrize("write", range(WRITES))
def test_killed_at_any_write_it_does_not_disturb_a_close_that_runs_again(write: int) -> None:
    world = broken_off(write, after=True)
    world.change("acme", profile=replace(world.customer("acme").profile, tax_id="DE136695976"))
    month = world.month("acme")
    number_was_given = world.closes.run_of(2) is not None
    # The batch is generated again, as by a repair round.
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    for _ in range(2):
        world.generator.generate(OCTOBER, progress.batch, 2)
    assert len(world.month("acme").invoices) == (2 if number_was_given else len(month.invoices))
    assert len(world.month("acme").credit_notes) == len(month.credit_notes)
    if number_was_given:
        is_done_once(world)
    else:
        world.regenerator.regenerate(OLD, WHY)
        is_done_once(world)


@pytest.mark.parametrize("write", range(NUMBERED, WRITES - 1))
def test_a_close_that_runs_again_finishes_an_invoice_that_has_its_number(write: int) -> None:
    world = broken_off(write, after=True)
    assert world.close(execution="execution-2")["status"] == "completed"
    is_done_once(world)


def test_a_regeneration_that_broke_off_before_its_number_stays_unfinished_until_it_is_run_again() -> None:
    world = broken_off(MARKED, after=True)
    refresh_progress(world.closes, world.books, world.clock, OCTOBER, 0)
    report = world.close(execution="execution-2")
    [left] = report["unfinished"]["customers"]
    assert "is being regenerated: if that broke off, run the same `invoice regenerate` again" in left["what"]
    assert report["status"] == "unfinished"
    world.regenerator.regenerate(OLD, WHY)
    is_done_once(world)
    assert world.close(execution="execution-3")["status"] == "completed"


def test_another_regeneration_left_unfinished_is_finished_first_and_named() -> None:
    world = broken_off(NUMBERED, after=True)
    with pytest.raises(UserMistakeError, match=f"{OLD} has already been replaced by {NEW}: regenerate that one"):
        world.regenerator.regenerate(OLD, "another reason")
    is_done_once(world)


def test_a_reserved_number_whose_invoice_is_missing_says_how_to_finish_it() -> None:
    world = broken_off(NUMBERED + 1, after=True)
    with pytest.raises(UserMistakeError, match=rf"{NEW} is reserved, .*run the same `invoice regenerate` again"):
        world.issued.find(NEW)
    with pytest.raises(UserMistakeError, match=f"regenerating {OLD} broke off after the new invoice got its number"):
        world.regenerator.preview(OLD)


def test_if_it_can_no_longer_be_billed_after_the_credit_note_it_says_so_and_continues_later() -> None:
    world = closed()
    void = world.corrector.void

    def then_spoilt(number: str, reason: str) -> Any:
        note = void(number, reason)
        metered(world, 1, "e9", sku="disk")
        return note

    regenerator = replace(world.regenerator, corrector=_Spoiling(world.corrector, then_spoilt))  # type: ignore[arg-type]
    with pytest.raises(UserMistakeError, match=f"{OLD} is credited in full, but customer acme cannot be billed"):
        regenerator.regenerate(OLD, WHY)
    world.price_books.merge(PriceBook.of([Price.plain("disk", "USD", Decimal(1))]))
    world.regenerator.regenerate(OLD, WHY)
    is_done_once(world)


class _Spoiling:
    """A corrector after whose credit note something happens."""

    def __init__(self, corrector: Any, void: Any) -> None:
        self._corrector, self.void = corrector, void

    def __getattr__(self, name: str) -> Any:
        return getattr(self._corrector, name)


def test_two_regenerations_at_once_make_one_of_each() -> None:
    world = closed()
    priced_at(world, "0.8")
    reserve, others = world.closes.reserve, list[Any]()

    def overtaken(*args: Any) -> Any:
        if len(args) == 5 and not others:  # the invoice's number
            others.append(None)
            others.append(world.regenerator.regenerate(OLD, WHY))
        return reserve(*args)

    world.closes.reserve = overtaken  # type: ignore[method-assign, assignment]
    assert world.regenerator.regenerate(OLD, WHY) == others[1]
    is_done_once(world)


@pytest.mark.parametrize("look", range(2))
def test_reading_before_another_has_reserved_is_detected(look: int) -> None:
    world = closed()
    priced_at(world, "0.8")
    reservations, looks, others = world.closes.reservations, list[None](), list[Any]()

    def stale(*args: Any) -> Any:
        found = reservations(*args)
        if len(args) == 2:  # of invoices' numbers
            looks.append(None)
            if len(looks) - 1 == look:
                others.append(world.regenerator.regenerate(OLD, WHY))
        return found

    world.closes.reservations = stale  # type: ignore[method-assign, assignment]
    assert world.regenerator.regenerate(OLD, WHY) == others[0]
    is_done_once(world)


def test_a_payment_that_begins_in_between_is_awaited() -> None:
    world = broken_off(5, after=True, method="declined")
    provider_says(world, InProgress())
    with pytest.raises(TryLaterError, match=f"{OLD} is being charged"):
        world.regenerator.regenerate(OLD, WHY)
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    world.generator.generate(OCTOBER, progress.batch, 2)
    assert len(world.month("acme").invoices) == 1
    provider_says(world, Collected(usd(10_000)))
    assert settled(world.regenerator.regenerate(OLD, WHY).invoice) == (8_000, 0, 0, 0)
    assert account(world) == (0, 2_000)
    is_done_once(world)


ACTIONS = st.one_of(
    st.tuples(st.just("regenerate"), st.integers(1, 20)),
    st.tuples(st.just("credit"), st.integers(1, 6_000)),
    st.tuples(st.just("pay"), st.integers(1, 9_000)),
    st.tuples(st.just("grant"), st.integers(1, 3_000)),
    st.tuples(st.just("refund"), st.integers(1, 10_000)),
    st.tuples(st.just("dispute"), st.just(0)),
    st.tuples(st.just("collect"), st.just(0)),
    st.tuples(st.just("november"), st.integers(1, 120)),
)


@pytest.mark.long
@settings(max_examples=120)
@given(method=st.sampled_from(["ok", "ok", "declined"]), actions=st.lists(ACTIONS, min_size=2, max_size=9))
def test_after_any_sequence_both_months_books_tie(method: str, actions: list[tuple[str, int]]) -> None:
    world = closed(method)
    if method == "declined":
        world.change("acme", profile=replace(world.customer("acme").profile, payment_method="ok"))
    for step, (kind, number) in enumerate(actions):
        _act(world, kind, number, f"step {step}")
        world.clock.pass_time(hours=7)
        books_tie(world, *world.books.months("acme"))
        months = world.books.months("acme").values()
        receivable = sum(month.invoice.open.minor for month in months if month.invoice)
        assert world.customer("acme").receivable_minor == receivable


def _act(world: World, kind: str, number: int, name: str) -> None:
    invoice, [first, *_] = invoice_of(world), world.month("acme").payments
    try:
        if kind == "regenerate":
            priced_at(world, str(number / 10))
            world.regenerator.regenerate(invoice.number, name)
        elif kind == "credit":
            world.corrector.credit(invoice.number, usd(number), name)
        elif kind == "pay":
            world.cashier.pay("acme", usd(number))
        elif kind == "grant":
            world.cashier.record("acme", usd(number), name)
        elif kind == "refund" and first.state is PaymentState.PAID:
            given = min(first.refunded_minor + number, first.collected_minor)
            provider_says(world, Collected(usd(first.collected_minor), refunded_minor=given))
        elif kind == "dispute" and first.state is PaymentState.PAID:
            provider_says(world, reversed_by_the_bank(usd(first.collected_minor)))
        elif kind == "collect":
            world.collect()
        elif kind == "november" and NOVEMBER not in world.books.months("acme"):
            world.clock.now = NOVEMBER.end
            metered(world, number, "n1", NOVEMBER)
            world.close(NOVEMBER, "execution-november")
    except UserMistakeError:
        pass  # nothing left to credit, nothing open to pay
