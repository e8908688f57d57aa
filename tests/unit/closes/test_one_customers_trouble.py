"""A problem with one customer parks only that one, and the rest of their batch is billed, without a gap."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.closes.close import Batch
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import MOST_MINOR, Money
from monthclose.domain.usage import UsageEvent
from monthclose.errors import AmountTooLargeError, RecordRefusedError, TryLaterError
from monthclose.ports import Record
from tests.world import OCTOBER, World

BATCH = Batch(0, "stripe", ("first", "middle", "last"))
HUGE = Decimal("1E+27")


@pytest.fixture
def world() -> World:
    world = World()
    for name in BATCH.customer_ids:
        world.use(world.add_customer(name), "10")
    world.open()
    return world


def more(world: World, number: int = 0, **changes: Any) -> None:
    """Add usage to the customer in the middle."""
    event = UsageEvent(f"more-{number}", "middle", "sku", Decimal(1), OCTOBER.start, Decimal(1), "Something")
    world.usage.put([replace(event, **changes)])


def broken(world: World, error: Exception) -> None:
    """Have the usage of the customer in the middle fail while it is read."""
    read = world.usage.events

    def events(customer_id: str, period: Any) -> Any:
        if customer_id == "middle":
            raise error
        return read(customer_id, period)

    world.usage.events = events  # type: ignore[method-assign]


def taxed(world: World) -> None:
    world.tax_tables.put(b'seller = "US"\n[[rate]]\ncountries = ["US"]\nname = "Tax"\npercent = "19"\n')
    for name in BATCH.customer_ids:
        world.change(name, profile=replace(world.customer(name).profile, country="US"))
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, tax_table=world.tax_tables.latest()))
    more(world, unit_price=Decimal(MOST_MINOR) / 100)


def both_ways(world: World) -> None:
    more(world, 1, quantity=HUGE)
    more(world, 2, quantity=-HUGE, sku="other")


def credited(world: World) -> None:
    world.change("middle", credit_minor=MOST_MINOR)
    more(world, quantity=Decimal(-11))


def wordy(world: World) -> None:
    for number in range(16):
        more(world, number, sku=f"sku-{number}", description="x" * (1 << 20))


TROUBLES: dict[str, tuple[str, Callable[[World], None]]] = {
    "a quantity without sense": ("amount_too_large", lambda w: more(w, quantity=HUGE)),
    "a price without sense": ("amount_too_large", lambda w: more(w, unit_price=HUGE)),
    "both": ("amount_too_large", lambda w: more(w, quantity=HUGE, unit_price=HUGE)),
    "a credit without sense": ("amount_too_large", lambda w: more(w, quantity=-HUGE)),
    "lines that make up for each other": ("amount_too_large", both_ways),
    "one minor unit too much in all": (
        "amount_too_large",
        lambda w: more(w, unit_price=Decimal(MOST_MINOR - 999) / 100),
    ),
    "a tax on top that is too much": ("amount_too_large", taxed),
    "an account that is full": ("amount_too_large", lambda w: w.change("middle", receivable_minor=MOST_MINOR)),
    "a credit that is full": ("amount_too_large", credited),
    "no number at all": ("cannot_be_billed", lambda w: more(w, quantity=Decimal("sNaN"))),
    "half a character": ("cannot_be_billed", lambda w: more(w, description="a\ud800b")),
    "a text that fills the store": ("document_too_large", wordy),
    "a stored record that cannot be read": ("cannot_be_billed", lambda w: broken(w, KeyError("quantity"))),
    "an error of arithmetic": ("cannot_be_billed", lambda w: broken(w, OverflowError("too large"))),
    "a record that the store refuses": ("cannot_be_billed", lambda w: broken(w, RecordRefusedError("too large"))),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_others_are_billed_and_the_one_is_parked_before_a_number_is_reserved(world: World, trouble: str) -> None:
    reason, cause_trouble = TROUBLES[trouble]
    cause_trouble(world)
    world.generator.generate(OCTOBER, BATCH, 1)
    assert [invoice_number(world, name) for name in BATCH.customer_ids] == ["INV-00000001", "", "INV-00000002"]
    parking = world.month("middle").parking
    assert parking
    assert (parking.active, parking.reason) == (True, reason)
    assert [run.count for run in world.closes.reservations(OCTOBER, 0)] == [2]


def invoice_number(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    return invoice.number if invoice else ""


def test_too_many_lines_park_only_their_customer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monthclose.domain.pricing.rating.MOST_LINES", 50)
    for number in range(50):
        more(world, number, sku=f"sku-{number}")
    world.generator.generate(OCTOBER, BATCH, 1)
    parking = world.month("middle").parking
    assert parking
    assert parking.reason == "too_many_lines"
    assert "price it by SKU instead of by resource" in parking.detail
    assert [invoice_number(world, name) for name in BATCH.customer_ids] == ["INV-00000001", "", "INV-00000002"]


def test_an_amount_at_the_limit_is_billed(world: World) -> None:
    more(world, unit_price=Decimal(MOST_MINOR - 1000) / 100)
    world.generator.generate(OCTOBER, BATCH, 1)
    assert world.customer("middle").balance == Money(MOST_MINOR, "USD")


def test_the_reason_says_what_to_look_for(world: World) -> None:
    more(world, quantity=HUGE)
    world.generator.generate(OCTOBER, BATCH, 1)
    parking = world.month("middle").parking
    assert parking
    assert parking.detail == (
        "the line for 'sku' has 30 digits in the minor unit of USD; the books hold at most 18: "
        "check the quantities, prices and amounts"
    )


def test_a_fixed_customer_is_billed_by_the_next_run_with_the_next_number(world: World) -> None:
    more(world, quantity=HUGE)
    world.generator.generate(OCTOBER, BATCH, 1)
    more(world, quantity=Decimal(1))
    world.generator.generate(OCTOBER, BATCH, 2)
    assert invoice_number(world, "middle") == "INV-00000003"
    assert not world.month("middle").parked


def test_carried_amounts_have_the_same_limit(world: World) -> None:
    world.generator = replace(world.generator, policy=InvoicingPolicy({"default": MOST_MINOR}))
    world.change("middle", carried_minor=MOST_MINOR)
    world.generator.generate(OCTOBER, BATCH, 1)
    assert [bool(world.month(name).carried) for name in BATCH.customer_ids] == [True, False, True]
    parking = world.month("middle").parking
    assert parking
    assert parking.reason == "amount_too_large"


@pytest.mark.parametrize("error", [ValueError("the account is in EUR"), RecordRefusedError("too large")])
def test_an_invoice_that_cannot_be_booked_keeps_its_number_and_the_others_are_billed(
    world: World, error: Exception
) -> None:
    commit = world.books.commit

    def refusing(*records: Record) -> tuple[Record, ...]:
        if any(isinstance(record, Invoice) and record.customer_id == "middle" for record in records):
            raise error
        return commit(*records)

    world.books.commit = refusing  # type: ignore[method-assign]
    for round_number in (1, 2):  # a repair round makes no second number of it
        world.generator.generate(OCTOBER, BATCH, round_number)
        assert [invoice_number(world, name) for name in BATCH.customer_ids] == ["INV-00000001", "", "INV-00000003"]
        parking = world.month("middle").parking
        assert parking
        assert parking.active
        assert parking.reason == "not_booked"
        assert parking.detail.startswith("INV-00000002 has its number and its document, but cannot be booked: ")
    world.books.commit = commit  # type: ignore[method-assign]
    world.generator.generate(OCTOBER, BATCH, 3)
    assert invoice_number(world, "middle") == "INV-00000002"
    assert not world.month("middle").parked
    assert [(run.first, run.count) for run in world.closes.reservations(OCTOBER, 0)] == [(1, 3)]


def test_an_account_that_fills_up_between_the_draft_and_its_booking_keeps_its_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = world.closes.reserve

    def meanwhile(*args: Any) -> Any:
        world.change("middle", receivable_minor=MOST_MINOR)
        return reserve(*args)

    monkeypatch.setattr(world.closes, "reserve", meanwhile)
    world.generator.generate(OCTOBER, BATCH, 1)
    assert [invoice_number(world, name) for name in BATCH.customer_ids] == ["INV-00000001", "", "INV-00000003"]
    world.change("middle", receivable_minor=0)
    world.generator.generate(OCTOBER, BATCH, 2)
    assert invoice_number(world, "middle") == "INV-00000002"


def test_a_store_that_is_briefly_unavailable_parks_nobody(world: World) -> None:
    broken(world, TryLaterError("throttled"))
    with pytest.raises(TryLaterError):
        world.generator.generate(OCTOBER, BATCH, 1)
    assert not any(world.month(name).parked for name in BATCH.customer_ids)


def test_an_unreadable_price_book_parks_no_single_customer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(version: str) -> Any:
        raise KeyError(version)

    monkeypatch.setattr(world.price_books, "get", lost)
    with pytest.raises(KeyError):
        world.generator.generate(OCTOBER, BATCH, 1)
    assert not any(world.month(name).parked for name in BATCH.customer_ids)


def test_a_whole_close_ends_with_the_one_parked_and_the_others_paid() -> None:
    world = World()
    for name in BATCH.customer_ids:
        world.use(world.add_customer(name), "10")
    more(world, quantity=HUGE)
    report = world.close()
    assert report["customers"] == {"snapshot": 3, "invoiced": 2, "parked": 1, "nothing_to_bill": 0}
    assert report["parked"] == {"amount_too_large": 1}
    assert report["proof"]["ties"]


def grant(world: World) -> None:
    world.cashier.credit("acme", Money(1, "USD"), "sorry", GrantKind.GOODWILL)


def receive(world: World) -> None:
    world.cashier.record("acme", Money(1, "USD"), "transfer 1")


@pytest.mark.parametrize("act", [grant, receive])
def test_credit_and_money_received_cannot_exceed_an_accounts_limit(act: Callable[[World], None]) -> None:
    world = World()
    world.add_customer("acme")
    world.change("acme", credit_minor=MOST_MINOR)
    with pytest.raises(AmountTooLargeError, match="the credit of customer acme has 19 digits"):
        act(world)
    assert world.customer("acme").credit_minor == MOST_MINOR


def test_a_run_contains_no_documents_of_parked_customers(world: World) -> None:
    more(world, quantity=HUGE)
    world.generator.generate(OCTOBER, BATCH, 1)
    lines = next(text for key, text in world.documents.objects.items() if key.startswith("invoices/")).splitlines()
    assert [InvoiceDocument.parse(line).customer.customer_id for line in lines] == ["first", "last"]


def test_lines_of_late_usage_count_among_an_invoice_s_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    september = OCTOBER.previous
    for number in range(30):
        more(world, number, sku=f"sku-{number}")
        more(world, 100 + number, sku=f"sku-{number}", time=september.start, received_at=world.clock())
    world.change("middle", late_usage={str(september): world.clock().isoformat()})
    monkeypatch.setattr("monthclose.domain.pricing.rating.MOST_LINES", 50)
    world.generator.generate(OCTOBER, BATCH, 1)
    parking = world.month("middle").parking
    assert parking
    assert parking.reason == "too_many_lines"
