"""Credit notes: what they say, what they book, and that there is one of each however it breaks off."""

import json
from dataclasses import replace
from typing import Any

import pytest

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.closes.close import totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, OutcomeUnknownError, TryLaterError
from monthclose.ports import Collected, Record
from monthclose.use_cases.payments.book_outcomes import Bookkeeper
from monthclose.use_cases.proof.report import Report
from tests.unit.accounts.test_adjust_account import moved, the_rest_of_the_close, usd, with_the_charge_queued
from tests.unit.dying import DiedError, dying_at
from tests.unit.invoices.test_taxed_invoices import TAXES, settle_in
from tests.world import OCTOBER, World

INV, WHY = "INV-00000001", "billed twice"


def a_world(method: str = "ok", amount: str = "100", country: str = "") -> World:
    """One customer with an October invoice."""
    world = World()
    if country:
        world.tax_tables.put(TAXES)
    world.add_customer("acme", method=method)
    if country:
        settle_in(world, "acme", country)
        settle_method(world, method)
    world.use("acme", amount)
    return world


def closed(method: str = "ok", amount: str = "100", country: str = "") -> World:
    """One customer whose October invoice was closed."""
    world = a_world(method, amount, country)
    world.close()
    return world


def settle_method(world: World, method: str) -> None:
    world.change("acme", profile=replace(world.customer("acme").profile, payment_method=method))


def invoice_of(world: World, period: Period = OCTOBER) -> Invoice:
    invoice = world.month("acme", period).invoice
    assert invoice
    return invoice


def settled(world: World) -> tuple[int, int, int, int]:
    """What is collected, credited, written off and open."""
    invoice = invoice_of(world)
    return (invoice.collected_minor, invoice.credited_minor, invoice.written_off_minor, invoice.open.minor)


def account(world: World) -> tuple[int, int]:
    """What is receivable, and what is credit."""
    customer = world.customer("acme")
    return customer.receivable_minor, customer.credit_minor


def legs(world: World, note: CreditNote) -> dict[str, int]:
    [entry] = [e for e in world.month("acme").entries if e.entry_id == f"credit_note/{note.number}"]
    return {leg.account: leg.minor for leg in entry.legs}


def proof(world: World, period: Period = OCTOBER) -> Report:
    """Prove the close again, from the sums as they are kept."""
    world.clock.pass_time(hours=1)
    report = world.reporter.report(period, 1)
    assert report["proof"]["ties"], report["proof"]
    return report


def document_of(world: World, number: str) -> InvoiceDocument:
    return world.issued.document(world.issued.find_issued(number))


def test_a_credit_note_on_an_open_invoice_reduces_what_is_owed() -> None:
    world = closed("declined")

    note = world.corrector.credit(INV, usd(2_500), WHY)

    assert (note.number, note.corrects, note.total_minor, note.reason) == ("CN-00000001", INV, 2_500, WHY)
    assert legs(world, note) == {Account.REVENUE: 2_500, Account.RECEIVABLE: -2_500}
    assert settled(world) == (0, 2_500, 0, 7_500)
    assert account(world) == (7_500, 0)
    assert proof(world)["money"]["USD"]["credited"] == 2_500


def test_a_credited_amount_already_paid_becomes_credit_for_the_next_invoice() -> None:
    world = closed()

    note = world.corrector.credit(INV, usd(2_500), WHY)

    assert legs(world, note) == {Account.REVENUE: 2_500, Account.CREDIT: -2_500}
    assert settled(world) == (7_500, 2_500, 0, 0)
    assert account(world) == (0, 2_500)
    proof(world)
    world.use("acme", "60", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    assert world.close(OCTOBER.next, "execution-2")["status"] == "completed"
    assert moved(world) == [10_000, 3_500]


def test_credit_from_a_paid_amount_covers_older_open_invoices_at_once() -> None:
    world = closed("declined")
    settle_method(world, "ok")
    world.use("acme", "30", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")

    world.corrector.void("INV-00000002", WHY)

    assert settled(world) == (0, 3_000, 0, 7_000)
    assert account(world) == (7_000, 0)
    proof(world, OCTOBER.next)
    proof(world)


def test_voiding_a_part_paid_invoice_cancels_the_rest_and_credits_the_paid_part() -> None:
    world = a_world()
    with_the_charge_queued(world)
    world.cashier.pay("acme", usd(4_000))

    note = world.corrector.void(INV, WHY)

    assert legs(world, note) == {Account.REVENUE: 10_000, Account.RECEIVABLE: -6_000, Account.CREDIT: -4_000}
    assert settled(world) == (0, 10_000, 0, 0)
    assert the_rest_of_the_close(world, 0)["status"] == "completed"
    assert moved(world) == [4_000], "a void invoice is not charged"


def test_a_voided_invoices_credit_note_is_its_exact_opposite() -> None:
    world = closed(country="DE")
    invoice = invoice_of(world)
    assert (invoice.total_minor, invoice.tax_minor) == (11_900, 1_900)
    before = world.issued.content(invoice)

    note = world.corrector.void(INV, WHY)

    original, opposite = document_of(world, INV), document_of(world, note.number)
    assert (opposite.kind, opposite.corrects, opposite.notes) == (DocumentKind.CREDIT_NOTE, INV, (WHY,))
    assert [x.amount_minor for x in opposite.lines] == [-x.amount_minor for x in original.lines]
    assert (opposite.total_minor, opposite.tax_minor) == (-11_900, -1_900)
    assert opposite.seller == original.seller
    assert opposite.customer == original.customer
    assert legs(world, note) == {Account.REVENUE: 10_000, Account.TAX: 1_900, Account.CREDIT: -11_900}
    assert world.issued.content(invoice_of(world)) == before
    assert world.issued.pdf(note).startswith(b"%PDF")
    assert b"CN-00000001" in world.issued.xml(note)
    proof(world)


@pytest.mark.parametrize("country", ["DE", "GB"])
def test_parts_add_up_to_the_invoice_and_its_tax_to_the_minor_unit(country: str) -> None:
    world = closed(amount="0.97", country=country)
    invoice = invoice_of(world)
    for minor in (1, 3, 33):
        world.corrector.credit(INV, usd(minor), f"part of {minor}")
    last = world.corrector.void(INV, "the rest")

    notes = world.month("acme").credit_notes
    assert [note.number for note in notes] == [f"CN-{n:08}" for n in (1, 2, 3, 4)]
    assert sum(note.total_minor for note in notes) == invoice.total_minor
    assert sum(note.tax_minor for note in notes) == invoice.tax_minor
    for note in notes:
        document = document_of(world, note.number)  # its sums are checked
        assert (document.total_minor, document.tax_minor) == (-note.total_minor, -note.tax_minor)
    assert last.total_minor == invoice.total_minor - 37
    proof(world)


def test_money_that_the_provider_refunds_afterwards_comes_out_of_the_credit() -> None:
    world = closed()
    world.corrector.void(INV, WHY)
    refund_at_the_provider(world, 10_000)
    assert account(world) == (0, 0)
    assert settled(world) == (0, 10_000, 0, 0)
    proof_of_books(world)


def test_a_credit_note_on_refunded_money_credits_nothing_twice() -> None:
    world = closed()
    refund_at_the_provider(world, 4_000)
    note = world.corrector.void(INV, WHY)
    assert legs(world, note) == {Account.REVENUE: 10_000, Account.WRITE_OFF: -4_000, Account.CREDIT: -6_000}
    assert account(world) == (0, 6_000)
    proof_of_books(world)


def test_credit_used_before_its_money_was_refunded_is_our_loss_and_the_books_tie() -> None:
    world = closed()
    world.corrector.void(INV, WHY)
    world.use("acme", "100", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")
    refund_at_the_provider(world, 10_000)
    assert settled(world) == (0, 10_000, 0, 0)
    payment = world.month("acme").payment
    assert payment
    assert payment.lost_minor == 10_000
    proof_of_books(world)


def refund_at_the_provider(world: World, minor: int) -> None:
    """The company refunds the payment at the provider, and its webhook says so."""
    payment = world.month("acme").payment
    assert payment
    world.gateway.outcomes[payment.provider_ref] = Collected(usd(10_000), refunded_minor=minor)
    bookkeeper = Bookkeeper(world.books, world.clock)
    case = bookkeeper.read(PaymentKey("acme", OCTOBER))
    assert case
    bookkeeper.book(case, Collected(usd(10_000), refunded_minor=minor))


def proof_of_books(world: World) -> None:
    """Prove from the records themselves."""
    totals, _ = totals_of([world.month("acme")])
    assert check_totals(totals, 1) == []


@pytest.mark.parametrize(
    ("number", "amount", "reason", "message"),
    [
        ("INV-00000009", None, WHY, "that number has not been used"),
        ("CN-00000001", None, WHY, "is not the number of any invoice"),
        (INV, usd(10_001), WHY, r"at most 100.00 USD of INV-00000001 can be credited, not 100.01 USD"),
        (INV, usd(0), WHY, "more than zero"),
        (INV, usd(-5), WHY, "more than zero"),
        (INV, Money(5, "EUR"), WHY, "INV-00000001 is in USD"),
        (INV, None, "  ", "a reason is needed"),
    ],
)
def test_an_impossible_credit_note_says_why_and_uses_no_number(
    number: str, amount: Money | None, reason: str, message: str
) -> None:
    world = closed()
    with pytest.raises(UserMistakeError, match=message):
        world.corrector.credit(number, amount, reason)
    assert world.corrector.credit(INV, usd(1), WHY).number == "CN-00000001"


def test_no_more_than_the_rest_is_credited() -> None:
    world = closed()
    world.corrector.credit(INV, usd(6_000), WHY)
    with pytest.raises(UserMistakeError, match=r"at most 40\.00 USD"):
        world.corrector.credit(INV, usd(6_000), "and again")
    world.corrector.void(INV, "the rest")
    with pytest.raises(UserMistakeError, match="credited in full by CN-00000001, CN-00000002"):
        world.corrector.void(INV, "once more")


def test_a_negative_invoice_has_nothing_to_credit() -> None:
    world = closed(amount="-10")
    with pytest.raises(UserMistakeError, match="it charges nothing"):
        world.corrector.void(INV, WHY)


def test_an_invoice_in_another_currency_than_the_account_is_not_credited_into_it() -> None:
    world = closed()
    profile = replace(world.customer("acme").profile, currency="EUR")
    world.change("acme", profile=profile, account_currency="EUR", credit_minor=5)
    with pytest.raises(UserMistakeError, match="the account of customer acme is in EUR now"):
        world.corrector.void(INV, WHY)
    assert world.closes.run_of(1, Series.CREDIT_NOTES) is None


def test_an_invoice_that_is_being_charged_waits_for_the_outcome() -> None:
    world = a_world()
    batch = with_the_charge_queued(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("answer lost")]
    world.batch_charger.charge(OCTOBER, batch, 1)

    with pytest.raises(TryLaterError, match="INV-00000001 is being charged; try again once the outcome is known"):
        world.corrector.void(INV, WHY)

    the_rest_of_the_close(world, batch)
    assert world.corrector.void(INV, WHY).number == "CN-00000001"
    assert account(world) == (0, 10_000)


def test_the_same_correction_again_shows_its_credit_note() -> None:
    world = closed()
    first = world.corrector.credit(INV, usd(2_000), WHY)
    assert world.corrector.credit(INV, usd(2_000), f" {WHY} ") == first
    assert world.corrector.credit(INV, usd(2_000), "for another reason").number == "CN-00000002"
    assert account(world) == (0, 4_000)


def test_a_credit_note_that_settles_everything_lifts_the_hold() -> None:
    world = closed("declined")
    assert world.customer("acme").held_since
    world.corrector.void(INV, WHY)
    assert not world.customer("acme").held_since


@pytest.mark.parametrize("write", range(4))
@pytest.mark.parametrize("again", [("the same", usd(2_500), WHY), ("another", usd(500), "an outage")])
def test_dying_before_any_write_leaves_one_credit_note_of_each_and_no_gap(
    write: int, again: tuple[str, Money, str]
) -> None:
    world = closed()
    revive = dying_at(world, write, after=False)
    with pytest.raises(DiedError):
        world.corrector.credit(INV, usd(2_500), WHY)
    revive()
    world.clock.pass_time(days=1)

    world.corrector.credit(INV, again[1], again[2])
    world.corrector.credit(INV, usd(2_500), WHY)

    notes = world.month("acme").credit_notes
    assert sorted(note.total_minor for note in notes) == sorted({2_500, again[1].minor})
    assert [note.number for note in notes] == [f"CN-{n:08}" for n in range(1, len(notes) + 1)]
    assert account(world) == (0, sum({2_500, again[1].minor}))
    for note in notes:
        assert json.loads(world.issued.content(note))["number"] == note.number
    proof(world)


def test_a_reserved_number_whose_note_is_missing_says_what_to_do() -> None:
    world = closed()
    revive = dying_at(world, 3, after=False)
    with pytest.raises(DiedError):
        world.corrector.credit(INV, usd(2_500), WHY)
    revive()
    with pytest.raises(UserMistakeError, match=r"reserved for INV-00000001, .* with the same reason"):
        world.issued.find_credit_note("CN-00000001")


def test_two_voids_at_once_void_the_invoice_once() -> None:
    world = closed()
    reserve, other = world.closes.reserve, list[CreditNote]()

    def overtaken(*args: Any) -> Any:
        world.closes.reserve = reserve  # type: ignore[method-assign]
        other.append(world.corrector.void(INV, "faster"))
        return reserve(*args)

    world.closes.reserve = overtaken  # type: ignore[method-assign, assignment]
    with pytest.raises(UserMistakeError, match="credited in full by CN-00000001"):
        world.corrector.void(INV, WHY)
    assert world.month("acme").credit_notes == (replace(other[0], version=1),)
    assert account(world) == (0, 10_000)


def test_a_conflicting_write_makes_it_read_again_and_keep_the_number() -> None:
    world = closed("declined")
    commit = world.books.commit

    def overtaken(*records: Record) -> tuple[Record, ...]:
        world.books.commit = commit  # type: ignore[method-assign]
        world.change("acme", hold_reason="changed meanwhile")
        with pytest.raises(ConflictError):
            commit(*records)
        raise ConflictError("somebody was first")

    world.books.commit = overtaken  # type: ignore[method-assign]
    assert world.corrector.credit(INV, usd(100), WHY).number == "CN-00000001"
    assert account(world) == (9_900, 0)


def test_a_queued_payment_charges_only_what_a_credit_note_has_left() -> None:
    world = a_world()
    batch = with_the_charge_queued(world)
    world.corrector.credit(INV, usd(3_000), WHY)
    assert the_rest_of_the_close(world, batch)["status"] == "completed"
    assert moved(world) == [7_000]
    payment = world.month("acme").payment
    assert payment
    assert payment.state is PaymentState.PAID
