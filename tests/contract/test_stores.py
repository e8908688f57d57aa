"""What every store promises, fake or real."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, InvoiceItem
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import SELDOM, Customer, Profile
from monthclose.domain.accounts.cycles import Cycle
from monthclose.domain.accounts.grant import Grant, GrantKind, Part
from monthclose.domain.accounts.ledger import Account, Entry, Leg
from monthclose.domain.calendar import ZoneSince, changed
from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import MOST_MINOR, Money
from monthclose.domain.month import (
    Carried,
    CustomerMonth,
    HoldAction,
    HoldChange,
    Notice,
    NoticeState,
    Parking,
)
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.rehearsals.rehearsal import Approval, Rehearsal, RehearsalStatus
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.errors import ConflictError, RecordRefusedError
from monthclose.ports import Billed, Claim, Record
from tests.usage import store_usage
from tests.world import OCTOBER, World, unit_price

AnyWorld = World | Runtime
NOON = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROFILE = Profile("Łódź Hosting", "billing@example.com", "USD", "stripe", "pm_card_visa", "Poland", language="pl")
GRANT = Grant("granted/1", GrantKind.PROMOTIONAL, 9, NOON, NOON + timedelta(days=30), ("disk", "cpu"))
PLACE = DocumentPlace("key", 0, 10, "hash")
INVOICE = Invoice(
    "INV-1", "acme", OCTOBER, "USD", 1000, date(2026, 11, 1), PLACE, tax_minor=160, grants_used=(Part(GRANT, 3),)
)
NOTE = CreditNote(
    "CN-00000002", "INV-1", "acme", OCTOBER, "USD", 300, 48, date(2026, 11, 2), "więcej", "id", INVOICE.document
)
ENTRY = Entry("invoice", "acme", OCTOBER, "USD", NOON, (Leg(Account.RECEIVABLE, 5), Leg(Account.REVENUE, -5)), "memo")
PAYMENT = replace(
    Payment("acme", OCTOBER, "stripe", "USD").start(Money(1000, "USD"), "pm_card_visa", NOON),
    more_minor=500,
    rest_minor=2,
    gathers=(OCTOBER.previous, OCTOBER.previous.previous),
    card_brand="visa",
    gathered_minor=30,
    refunds=(Refund(1, 300, 0, RefundKind.SERVICE, "więcej", NOON, "ada", RefundState.DONE, "re_1", "CN-1", "late"),),
)


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


def test_importing_a_profile_again_keeps_the_account(world: AnyWorld) -> None:
    world.directory.put_profiles([("acme", PROFILE)])
    customer = world.books.customer("acme")
    assert customer
    world.books.commit(replace(customer, receivable_minor=500, open_payment="p"))

    world.directory.put_profiles([("acme", replace(PROFILE, name="New"))])

    after = world.books.customer("acme")
    assert after
    assert (after.profile.name, after.receivable_minor, after.open_payment) == ("New", 500, "p")


def test_another_time_zone_is_left_to_the_account_that_must_keep_the_one_before(world: AnyWorld) -> None:
    tokyo, berlin = replace(PROFILE, time_zone="Asia/Tokyo"), replace(PROFILE, time_zone="Europe/Berlin")
    assert world.directory.put_profiles([("acme", PROFILE), ("tokyo", tokyo)]) == {}
    assert world.directory.put_profiles([("acme", tokyo), ("tokyo", tokyo)]) == {"acme": tokyo}
    assert world.directory.put_profiles([("tokyo", PROFILE)]) == {"tokyo": PROFILE}
    customer = world.books.customer("tokyo")
    assert customer
    assert customer.profile == tokyo

    zones = changed((), "Asia/Tokyo", "Europe/Berlin", date(2026, 11, 15))
    world.books.commit(replace(customer, profile=berlin, zones=zones))

    assert world.directory.put_profiles([("tokyo", replace(berlin, name="New"))]) == {}
    billed = world.directory.billed(["acme", "tokyo"])
    assert billed["acme"] == Billed(PROFILE, (), ())
    assert billed["tokyo"] == Billed(replace(berlin, name="New"), (), zones)
    assert billed["tokyo"].billing_zones == zones
    world.directory.put_profiles([("new", tokyo)])
    scanned = {one.customer_id: one.zones for one in world.directory.scan()}
    assert scanned == {"acme": (), "tokyo": zones, "new": (ZoneSince("Asia/Tokyo"),)}


def test_an_entry_keeps_the_company_s_day_of_its_booking(world: AnyWorld) -> None:
    late = replace(ENTRY, time=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    world.books.commit(replace(late, day=date(2026, 11, 1)), replace(late, entry_id="other"))
    days = {entry.entry_id: entry.booked_on for entry in world.books.month("acme", OCTOBER).entries}
    assert days == {late.entry_id: date(2026, 11, 1), "other": date(2026, 10, 31)}


def test_another_billing_day_is_stored_with_the_account_only(world: AnyWorld) -> None:
    on_15 = replace(PROFILE, billing_day=15)
    assert world.directory.put_profiles([("acme", PROFILE), ("mid", on_15)]) == {}
    assert world.directory.put_profiles([("acme", PROFILE), ("mid", on_15)]) == {}, "the same again"

    moved = world.directory.put_profiles([("acme", on_15), ("mid", replace(PROFILE, name="New"))])

    assert moved == {"acme": on_15, "mid": replace(PROFILE, name="New")}
    known = world.directory.known(["acme", "mid"])
    assert known == {"acme": PROFILE, "mid": on_15}, "both stay as they were"
    customer = world.books.customer("acme")
    assert customer
    cycles = (Cycle(1), Cycle(15, date(2026, 12, 1)))
    world.books.commit(replace(customer, profile=on_15, cycles=cycles, fees_ahead="2026-12-15"))
    after = world.books.customer("acme")
    assert after
    assert (after.profile, after.cycles, after.fees_ahead) == (on_15, cycles, "2026-12-15")
    assert {one.customer_id: one.cycles for one in world.directory.scan()} == {"acme": cycles, "mid": (Cycle(15),)}
    assert world.directory.billed(["acme"])["acme"] == (on_15, cycles, ())


def test_what_few_customers_have_comes_with_an_import_and_goes_with_one(world: AnyWorld) -> None:
    seldom: dict[str, Any] = {name: f"some {name}" for name in SELDOM if name not in ("payer", "time_zone")}
    world.directory.put_profiles([("acme", replace(PROFILE, **seldom))])
    customer = world.books.customer("acme")
    assert customer
    assert customer.profile == replace(PROFILE, **seldom)
    world.books.commit(replace(customer, receivable_minor=5))
    assert world.directory.known(["acme"]) == {"acme": replace(PROFILE, **seldom)}

    world.directory.put_profiles([("acme", PROFILE)])

    after = world.books.customer("acme")
    assert after
    assert after.profile == PROFILE


def test_a_profile_that_names_another_payer_is_not_stored_but_handed_back(world: AnyWorld) -> None:
    under_head = replace(PROFILE, payer="head")
    assert world.directory.put_profiles([("acme", PROFILE), ("new", under_head)]) == {"new": under_head}
    assert world.directory.put_profiles([("acme", under_head)]) == {"acme": under_head}
    customer = world.books.customer("acme")
    assert customer
    assert customer.profile == PROFILE
    assert world.books.customer("new") is None

    world.books.commit(replace(customer, profile=under_head, payers=(("2026-10-01T00:00:00+00:00", "head"),)))

    assert world.directory.put_profiles([("acme", replace(under_head, name="New"))]) == {}
    assert world.directory.put_profiles([("acme", PROFILE)]) == {"acme": PROFILE}
    after = world.books.customer("acme")
    assert after
    assert (after.profile.name, after.payers) == ("New", (("2026-10-01T00:00:00+00:00", "head"),))


def test_who_pays_for_whom_is_kept_with_the_accounts(world: AnyWorld) -> None:
    payer = Customer("head", PROFILE, children={"acme": "", "left": "2026-10-01T00:00:00+00:00"})
    child = Customer("acme", replace(PROFILE, payer="head"), payers=(("", "head"),))
    world.books.commit(payer, child)
    assert world.books.customer("head") == replace(payer, version=1)
    assert world.books.customer("acme") == replace(child, version=1)


def test_an_import_makes_earlier_readers_conflict(world: AnyWorld) -> None:
    world.directory.put_profiles([("acme", PROFILE)])
    customer = world.books.customer("acme")
    assert customer
    world.directory.put_profiles([("acme", replace(PROFILE, payment_method="new"))])
    with pytest.raises(ConflictError):
        world.books.commit(replace(customer, receivable_minor=1))


def test_the_directory_scans_all_customers_and_finds_named_ones(world: AnyWorld) -> None:
    world.directory.put_profiles((f"c{n}", PROFILE) for n in range(120))
    assert sorted(world.directory.scan()) == sorted(Planned(f"c{n}", "stripe", 0, "USD") for n in range(120))
    found = world.directory.known([*(f"c{n}" for n in range(110)), "nobody", "c1"])
    assert found.keys() == {f"c{n}" for n in range(110)}
    profiles = {name: customer.profile for name in found if (customer := world.books.customer(name))}
    assert profiles == found


def test_a_scan_continues_after_the_customer_it_is_given(world: AnyWorld) -> None:
    world.directory.put_profiles((f"c{n}", PROFILE) for n in range(7))
    everybody = list(world.directory.scan())
    for number, customer in enumerate(everybody):
        assert list(world.directory.scan(customer.customer_id)) == everybody[number + 1 :]


def test_usage_is_streamed_by_customer_and_month_exact_and_once(world: AnyWorld) -> None:
    def event(number: int, **changes: object) -> UsageEvent:
        usual = UsageEvent(f"e{number:03}", "acme", "sku", Decimal("0.1"), OCTOBER.start, None, "")
        return replace(usual, **changes)  # type: ignore[arg-type]

    fine = event(1, quantity=Decimal("-1234567890.123456789012345678"), unit_price=Decimal("0.00893"), description="ü")
    store_usage(world.usage, [event(0), fine, event(0), *(event(n) for n in range(2, 60))])
    store_usage(world.usage, [event(0), event(0, customer_id="other"), event(0, time=OCTOBER.end)])

    stored = sorted(world.usage.events("acme", OCTOBER), key=lambda e: e.event_id)
    assert [e.event_id for e in stored] == [f"e{n:03}" for n in range(60)]
    assert stored[1] == fine
    assert len(list(world.usage.events("acme", Period(2026, 11)))) == 1


def test_stored_events_are_looked_up_by_their_ids(world: AnyWorld) -> None:
    events = [
        UsageEvent(
            f"e{number:03}",
            "acme",
            "sku",
            Decimal("1.50"),
            OCTOBER.start,
            resource="web-1",
            replaces="e" if number else "",
            received_at=NOON,
            replaced_by="later" if number == 7 else "",
            returned_at=NOON if number == 8 else None,
            replaced_at=NOON if number == 7 else None,
            attributes=(("region", "łódź"), ("tier", "ssd")) if number % 2 else (),
        )
        for number in range(130)
    ]
    store_usage(world.usage, events)

    month, next_month = events[0].key.month, UsageMonth("acme", OCTOBER.next)
    found = world.usage.look_up({month: [event.event_id for event in events], next_month: ["e000"]})

    assert found[month].events == {event.event_id: event for event in events}
    assert found[next_month].events == {}
    assert world.usage.look_up({}) == {}


def test_price_books_are_merged_into_versions_that_never_change(world: AnyWorld) -> None:
    assert world.price_books.get(world.price_books.latest()).prices == ()
    first = world.price_books.merge(
        PriceBook.of([Price.plain("a", "USD", Decimal("0.10"), "h", "A"), Price.plain("b", "USD", Decimal(1))])
    )
    version = world.price_books.latest()
    world.price_books.merge(PriceBook.of([Price.plain("a", "USD", Decimal("0.20"))]))

    assert version == first.version
    assert world.price_books.get(version) == first
    latest = world.price_books.get(world.price_books.latest())
    assert [unit_price(latest, sku) for sku in "ab"] == [Decimal("0.20"), Decimal(1)]


def test_documents_are_read_whole_and_in_slices(world: AnyWorld) -> None:
    world.documents.put("a/b", "zażółć".encode())
    assert world.documents.get("a/b").decode() == "zażółć"
    assert world.documents.get_slice("a/b", 2, 2).decode() == "ż"
    with pytest.raises(KeyError):
        world.documents.get("missing")


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


def test_every_customers_currency_is_listed(world: AnyWorld) -> None:
    euros = replace(PROFILE, currency="EUR")
    world.directory.put_profiles([("a", euros), ("b", euros), ("c", replace(PROFILE, currency="JPY"))])
    assert sorted(world.directory.currencies()) == ["EUR", "EUR", "JPY"]


def test_only_customers_who_owe_or_are_on_hold_are_found(world: AnyWorld) -> None:
    world.directory.put_profiles([(name, PROFILE) for name in ("new", "paid", "owes", "held", "other")])
    changes = {
        "paid": {"receivable_minor": 0, "credit_minor": 5, "open_payment": "2026-10/paid"},
        "owes": {"receivable_minor": 5},
        "held": {"held_since": NOON},
        "other": {"receivable_minor": 5, "profile": replace(PROFILE, payment_provider="gocardless")},
    }
    for name, change in changes.items():
        found = world.books.customer(name)
        assert found
        world.books.commit(replace(found, **change))  # type: ignore[arg-type]
    assert sorted(world.directory.owing()) == [("held", "stripe"), ("other", "gocardless"), ("owes", "stripe")]


def test_an_object_is_written_piece_by_piece(world: AnyWorld) -> None:
    world.documents.write("snapshots/list.json", (piece for piece in (b"[1,", b"2", b"]")))
    assert world.documents.get("snapshots/list.json") == b"[1,2]"


def test_an_object_is_read_line_by_line(world: AnyWorld) -> None:
    world.documents.write("snapshots/lines.jsonl", (f"{number}\n".encode() for number in range(1000)))
    assert [int(line) for line in world.documents.lines("snapshots/lines.jsonl")] == list(range(1000))
    with pytest.raises(KeyError):
        next(iter(world.documents.lines("snapshots/missing.jsonl")))


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


def test_a_rehearsal_is_stored_with_all_it_knows_and_fenced_by_its_version(world: World | Runtime) -> None:
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
