"""What every store of the books promises, fake or real."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monthclose.adapters.dynamo.models import BillingItem, InvoiceItem
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Part
from monthclose.domain.accounts.ledger import Account, Leg
from monthclose.domain.invoices.invoice import DocumentPlace
from monthclose.domain.money import MOST_MINOR
from monthclose.domain.month import (
    Carried,
    CustomerMonth,
    HoldAction,
    HoldChange,
    Notice,
    NoticeState,
    Parking,
)
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import ConflictError, RecordRefusedError
from monthclose.ports import Record
from tests.contract.conftest import AnyWorld
from tests.contract.records import ENTRY, GRANT, INVOICE, NOON, NOTE, PAYMENT, PROFILE
from tests.world import OCTOBER


def test_committed_records_are_read_back(world: AnyWorld) -> None:
    customer = Customer(
        "acme", PROFILE, receivable_minor=7, credit_minor=2, held_since=NOON, hold_reason="why", held_by="ada"
    )
    customer = replace(
        customer,
        carried_minor=30,
        carried_by_class={"books": 10},
        sized_in="2026-10",
        late_usage={"2026-09": NOON.isoformat()},
        grants=(Part(GRANT, 2),),
    )
    customer = replace(customer.with_successor("MD1", "MD2"), lost_provider_customer_id="cus_gone")
    customer = (
        replace(customer, returned_at=NOON)
        .asked_for_method("cs_1", NOON, "https://page", "digest")
        .giving("pm_new", "cus_1", NOON)
    )
    carried = Carried("acme", OCTOBER, "USD", 30, NOON, DocumentPlace("carried/key", 5, 7, "hash"))
    notice = Notice("acme", OCTOBER, "receipt", NoticeState.SENT, NOON, "message-1")
    reminders = [Notice("acme", OCTOBER, "reminder", NoticeState.CLAIMED, NOON, step="2026-11-01-day-3")]
    reminders.append(
        replace(reminders[0], state=NoticeState.SENT, step="2026-11-01-day-10", time=NOON + timedelta(days=7))
    )
    told = [replace(reminders[0], kind="credit_note", step=f"CN-0000000{number}") for number in (1, 2)]
    holds = [HoldChange("acme", OCTOBER, HoldAction.PLACED, "declined", NOON)]
    holds.append(HoldChange("acme", OCTOBER, HoldAction.LIFTED, "they called", NOON, number=2, by="ada"))
    parking = Parking("acme", OCTOBER, "no_price", "SKU x", NOON)

    notes = [replace(NOTE, number="CN-00000001", tax_minor=0), NOTE]

    records: list[Record] = [notice, *reversed(reminders), *reversed(holds), parking, carried, *reversed(notes)]
    world.books.commit(customer, INVOICE, PAYMENT, ENTRY, *records, *reversed(told))

    assert world.books.customer("acme") == replace(customer, version=1)
    month = CustomerMonth(
        invoice=replace(INVOICE, version=1),
        payment=replace(PAYMENT, version=1),
        notice=replace(notice, version=1),
        holds=tuple(replace(change, version=1) for change in holds),
        parking=replace(parking, version=1),
        carried=replace(carried, version=1),
        reminders=tuple(replace(reminder, version=1) for reminder in reminders),
        correction_notices=tuple(replace(notice, version=1) for notice in told),
        entries=(ENTRY,),
        credit_notes=tuple(replace(note, version=1) for note in notes),
    )
    assert world.books.month("acme", OCTOBER) == month
    assert dict(world.books.months("acme")) == {OCTOBER: month}


def test_a_commit_returns_the_records_as_they_are_then(world: AnyWorld) -> None:
    """A month need not be read again after a commit: it is the one before with what the commit returned."""
    told = Notice("acme", OCTOBER, "receipt", NoticeState.CLAIMED, NOON)
    reminder = replace(told, kind="reminder", step="2026-11-01-day-3")
    replaced = replace(INVOICE, replaced_by="INV-00000009")
    steps: list[list[Record]] = [
        [Customer("acme", PROFILE), INVOICE, PAYMENT, ENTRY],
        [replace(ENTRY, entry_id="a later one", time=NOON + timedelta(days=1)), replace(PAYMENT, sequence=2)],
        [replace(PAYMENT, version=1).to(PaymentState.PAID, NOON, "collected"), NOTE],
        [told],
        [replace(told, state=NoticeState.SENT, message_id="message-1", version=1)],
        [replace(told, kind="credit_note", step=NOTE.number), reminder],
        [HoldChange("acme", OCTOBER, HoldAction.PLACED, "declined", NOON)],
        [HoldChange("acme", OCTOBER, HoldAction.LIFTED, "paid", NOON, number=2)],
        [Parking("acme", OCTOBER, "no_price", "SKU x", NOON)],
        [Parking("acme", OCTOBER, "no_price", "SKU x", NOON, active=False, version=1)],
        [Carried("acme", OCTOBER, "USD", 30, NOON, DocumentPlace("carried/key", 5, 7, "hash"))],
        [replaced, replace(INVOICE, number="INV-00000009", version=1)],
        [],
    ]
    known = CustomerMonth()
    for records in steps:
        written = world.books.commit(*records)
        known = known.after(*(record for record in written if not isinstance(record, Customer)))
        assert known == world.books.month("acme", OCTOBER)
        assert [type(record) for record in written] == [type(record) for record in records]
    assert known.superseded
    assert known.invoice
    assert known.invoice.number == "INV-00000009"


def test_missing_records_are_none_or_empty(world: AnyWorld) -> None:
    assert world.books.customer("nobody") is None
    assert world.books.month("nobody", OCTOBER) == CustomerMonth()
    assert dict(world.books.months("nobody")) == {}


def test_a_customer_whose_id_starts_like_anothers_has_their_own_months(world: AnyWorld) -> None:
    world.books.commit(replace(INVOICE, customer_id="acme"))
    world.books.commit(replace(INVOICE, customer_id="acme2"))
    found = world.books.month("acme2", OCTOBER).invoice
    assert found
    assert found.customer_id == "acme2"


@pytest.mark.parametrize(
    "record", [INVOICE, PAYMENT, ENTRY, NOTE, Customer("acme", PROFILE)], ids=lambda r: type(r).__name__
)
def test_creating_an_existing_record_is_a_conflict(world: AnyWorld, record: Record) -> None:
    world.books.commit(record)
    with pytest.raises(ConflictError):
        world.books.commit(record)


def test_a_credit_note_is_never_written_again(world: AnyWorld) -> None:
    world.books.commit(NOTE)
    with pytest.raises(ConflictError):
        world.books.commit(replace(NOTE, total_minor=1, version=1))
    assert world.books.month("acme", OCTOBER).credit_notes == (replace(NOTE, version=1),)


def test_changing_a_record_that_somebody_else_changed_is_a_conflict(world: AnyWorld) -> None:
    world.books.commit(PAYMENT)
    read = replace(PAYMENT, version=1)
    world.books.commit(read.to(PaymentState.PAID, NOON, "collected"))
    with pytest.raises(ConflictError):
        world.books.commit(read.to(PaymentState.UNKNOWN, NOON, "lost"))
    payment = world.books.month("acme", OCTOBER).payment
    assert payment
    assert payment.state is PaymentState.PAID


def test_a_commit_with_one_conflict_writes_nothing(world: AnyWorld) -> None:
    world.books.commit(ENTRY)
    with pytest.raises(ConflictError):
        world.books.commit(INVOICE, PAYMENT, ENTRY)
    month = world.books.month("acme", OCTOBER)
    assert month.invoice is None
    assert month.payment is None


def test_an_entry_keeps_the_company_s_day_of_its_booking(world: AnyWorld) -> None:
    late = replace(ENTRY, time=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    world.books.commit(replace(late, day=date(2026, 11, 1)), replace(late, entry_id="other"))
    days = {entry.entry_id: entry.booked_on for entry in world.books.month("acme", OCTOBER).entries}
    assert days == {late.entry_id: date(2026, 11, 1), "other": date(2026, 10, 31)}


def test_who_pays_for_whom_is_kept_with_the_accounts(world: AnyWorld) -> None:
    payer = Customer("head", PROFILE, children={"acme": "", "left": "2026-10-01T00:00:00+00:00"})
    child = Customer("acme", replace(PROFILE, payer="head"), payers=(("", "head"),))
    world.books.commit(payer, child)
    assert world.books.customer("head") == replace(payer, version=1)
    assert world.books.customer("acme") == replace(child, version=1)


def test_grants_stored_in_another_order_are_read_in_the_order_of_use(aws: Runtime) -> None:
    old, soon = replace(GRANT, grant_id="granted/2", expires_at=None), Part(GRANT, 2)
    aws.books.commit(
        Customer("acme", PROFILE, credit_minor=9, grants=(Part(old, 7), soon)),
        replace(INVOICE, grants_used=(Part(old, 2), soon)),
    )
    customer, invoice = aws.books.customer("acme"), aws.books.month("acme", OCTOBER).invoice
    assert customer
    assert invoice
    assert customer.grants == (soon, Part(old, 7))
    assert invoice.grants_used == (soon, Part(old, 2))


def test_an_invoice_stored_before_taxes_existed_has_none(aws: Runtime) -> None:
    aws.books.commit(INVOICE)
    (item,) = BillingItem.scan()
    item.update(actions=[InvoiceItem.tax_minor.remove()])
    invoice = aws.books.month("acme", OCTOBER).invoice
    assert invoice
    assert (invoice.total_minor, invoice.tax_minor) == (1000, 0)


@pytest.mark.parametrize("minor", [MOST_MINOR, MOST_MINOR - 1, 10**17])
def test_the_largest_amounts_are_read_back_to_the_minor_unit(world: AnyWorld, minor: int) -> None:
    """A reader of JSON that takes numbers for fractions would lose the last digits."""
    customer = Customer("acme", PROFILE, receivable_minor=minor, credit_minor=minor, carried_minor=-minor)
    invoice = replace(INVOICE, total_minor=minor, tax_minor=minor, grants_used=(), credited_minor=minor)
    legs = (Leg(Account.RECEIVABLE, minor), Leg(Account.REVENUE, -minor))
    world.books.commit(replace(customer, last_invoiced_minor=minor), invoice, replace(ENTRY, legs=legs))
    found, month = world.books.customer("acme"), world.books.month("acme", OCTOBER)
    assert found == replace(customer, last_invoiced_minor=minor, version=1)
    assert month.invoice == replace(invoice, version=1)
    assert month.entries[0].legs == legs


@pytest.mark.parametrize("alone", [True, False])
def test_a_record_the_store_can_never_hold_is_refused_and_nothing_is_written(world: AnyWorld, alone: bool) -> None:
    large = replace(ENTRY, memo="x" * 410_000)
    with pytest.raises(RecordRefusedError):
        world.books.commit(large, *([] if alone else [Customer("acme", PROFILE)]))
    assert world.books.month("acme", OCTOBER) == CustomerMonth()
    assert world.books.customer("acme") is None
