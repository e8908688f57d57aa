"""Credit notes: whatever happens to an invoice before and after, nothing falls below zero and the books tie."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.grant import GrantKind, Part, merged
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs, used_id
from monthclose.domain.closes.close import totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import (
    CreditNote,
    Effect,
    amount_to_credit,
    book_credit_note,
    draft_credit_note,
    effect_of,
    left_to_credit,
    number_credit_note,
)
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Buyer, DocumentLine, Seller
from monthclose.domain.invoices.invoice import Booking, DocumentPlace, issue, settle
from monthclose.domain.invoices.money_back import Effect as Moved
from monthclose.domain.invoices.money_back import refund, regain, returned_by, reverse
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Taxable, Taxation, TaxRate
from tests.unit.any import OCTOBER, TODAY, a_customer, a_grant, a_payment, an_entry, an_invoice, any_document

PLACE = DocumentPlace("key", 0, 1, "hash")


def usd(minor: int) -> Money:
    return Money(minor, "USD")


class AnInvoicesLife(RuleBasedStateMachine):
    """An invoice that is paid, refunded, reversed and corrected, in any order."""

    def __init__(self) -> None:
        super().__init__()
        total = 10_000
        invoice = replace(an_invoice(total), tax_minor=1_597)
        # Credit from before is not this month's, but a part of the invoice that it has paid is.
        gifts = merged(Part(a_grant("gift", 900), 500), Part(a_grant("bought", 400, GrantKind.PAID), 400))
        self.invoice, self.customer, legs = issue(invoice, a_customer(credit=1_500, grants=gifts))
        self.entries: list[Entry] = [an_entry(legs)]
        self.notes: list[CreditNote] = []
        self.collected = self.refunded = self.reversed = self.lost = 0

    def book(self, booking: Booking, what: str = "") -> None:
        self.invoice, self.customer, legs = booking
        if legs:
            self.entries.append(an_entry(legs, f"{what}{len(self.entries)}"))

    def book_moved(self, moved: Moved, what: str) -> None:
        self.lost += moved.lost
        self.book(moved.booking, what)

    def regain(self, *, refunded: int, reversed_: int) -> None:
        done = returned_by(self.entries, ("refund/", "reversal/"), self.lost)
        moved = regain(self.invoice, self.customer, done, usd(refunded), usd(reversed_), self.excess)
        self.book_moved(moved, "refund/")
        self.refunded, self.reversed = refunded, reversed_

    @property
    def excess(self) -> int:
        return self.collected - self.refunded - self.reversed - self.invoice.collected_minor

    @precondition(lambda self: self.collected < 20_000)
    @rule(minor=st.integers(1, 9_000))
    def collect(self, minor: int) -> None:
        self.collected += minor
        self.book(settle(self.invoice, self.customer, usd(minor)))

    @precondition(lambda self: self.collected > self.refunded)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        minor = data.draw(st.integers(1, self.collected - self.refunded))
        self.book_moved(refund(self.invoice, self.customer, usd(minor), self.excess), "refund/")
        self.refunded += minor

    @precondition(lambda self: bool(self.refunded))
    @rule(data=st.data())
    def a_refund_fails(self, data: st.DataObject) -> None:
        minor = data.draw(st.integers(1, self.refunded))
        self.regain(refunded=self.refunded - minor, reversed_=self.reversed)

    @precondition(lambda self: self.collected > self.reversed)
    @rule(data=st.data())
    def a_bank_reverses_it(self, data: st.DataObject) -> None:
        """Also what was refunded before: then more goes back than was collected."""
        minor = data.draw(st.integers(1, self.collected - self.reversed))
        self.book_moved(reverse(self.invoice, self.customer, usd(minor), self.excess), "reversal/")
        self.reversed += minor

    @precondition(lambda self: bool(self.reversed))
    @rule(data=st.data())
    def a_dispute_is_won(self, data: st.DataObject) -> None:
        minor = data.draw(st.integers(1, self.reversed))
        self.regain(refunded=self.refunded, reversed_=self.reversed - minor)

    @precondition(lambda self: bool(self.customer.credit_minor))
    @rule(data=st.data())
    def use_credit_for_another_invoice(self, data: st.DataObject) -> None:
        used = data.draw(st.integers(1, self.customer.credit_minor))
        self.customer = credit.use(self.customer, used, OCTOBER).customer

    @precondition(lambda self: bool(left_to_credit(self.invoice, self.notes)))
    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        left = left_to_credit(self.invoice, self.notes).minor
        minor = data.draw(st.integers(1, left) | st.just(left))
        tax = data.draw(st.integers(0, min(minor, 1_597 - sum(note.tax_minor for note in self.notes))))
        number = Series.CREDIT_NOTES.numbered(len(self.notes) + 1)
        note = CreditNote(
            number, self.invoice.number, "C-1", self.invoice.period, "USD", minor, tax, TODAY, "why", number, PLACE
        )
        before = self.customer.balance.minor
        written_off = self.invoice.written_off_minor
        booking = book_credit_note(note, self.invoice, self.customer, self.notes)
        self.book(booking)
        self.notes.append(note)
        already_back = written_off - self.invoice.written_off_minor
        entries = [an_entry(booking[2], note.entry_id)] if booking[2] else []
        assert sum(effect_of(note, entries)) == minor - already_back
        assert self.customer.balance.minor == before - minor + already_back

    @invariant()
    def nothing_is_below_zero(self) -> None:
        invoice, customer = self.invoice, self.customer
        amounts = (invoice.collected_minor, invoice.credited_minor, invoice.written_off_minor, invoice.open.minor)
        assert min(*amounts, customer.receivable_minor, customer.credit_minor) >= 0
        assert sum(amounts) == invoice.total_minor
        assert customer.receivable_minor == invoice.open.minor
        assert left_to_credit(invoice, self.notes).minor >= 0
        merged(*customer.grants, *invoice.grants_used)  # raises if there is more of a grant than was granted

    @invariant()
    def the_books_tie(self) -> None:
        paid = replace(
            a_payment(PaymentState.PAID, amount=self.collected),
            refunded_minor=self.refunded,
            reversed_minor=self.reversed,
            lost_minor=self.lost,
        )
        month = CustomerMonth(self.invoice, paid, entries=tuple(self.entries), credit_notes=tuple(self.notes))
        totals, _ = totals_of([month])
        assert check_totals(totals, 1) == []


TestAnInvoicesLife = pytest.mark.long(AnInvoicesLife.TestCase)


def chargeable(document: InvoiceDocument) -> bool:
    return document.total_minor > 0 and all(tax.amount.minor >= 0 for tax in document.taxes)


@st.composite
def a_small_document(draw: st.DrawFn) -> InvoiceDocument:
    """Amounts so small that every share of a tax has to be rounded."""
    minor, percents = draw(st.integers(1, 999)), draw(st.lists(st.integers(1, 300), max_size=2))
    rates = tuple(TaxRate(f"tax {index}", Decimal(tenths) / 10) for index, tenths in enumerate(percents))
    inclusive = draw(st.booleans())
    sums = taxed([Taxable(usd(minor))], Taxation(rates, inclusive), "USD")
    line = DocumentLine("x", "X", Decimal(1), minor)
    untaxed = InvoiceDocument("", OCTOBER, TODAY, "USD", Seller("Example"), Buyer("C-1", "Ada"), (line,), minor)
    return untaxed.with_taxes(sums, inclusive=inclusive)


@pytest.mark.long
@given(
    st.one_of(any_document().filter(chargeable), a_small_document()),
    st.lists(st.integers(1, 99), max_size=6),
    st.booleans(),
)
def test_an_invoices_credit_notes_add_up_to_it_tax_by_tax(
    document: InvoiceDocument, parts: list[int], whole: bool
) -> None:
    document = replace(document, number="INV-00000001")
    invoice = replace(an_invoice(document.total_minor, currency=document.currency), tax_minor=document.tax_minor)
    notes, content = list[CreditNote](), list[InvoiceDocument]()

    def correct(amount: Money | None) -> None:
        amount = amount_to_credit(invoice, tuple(notes), amount)
        before = invoice.total - left_to_credit(invoice, notes)
        draft = draft_credit_note(document, before, amount, "why", "id", TODAY)
        note, stored = number_credit_note(draft, len(notes) + 1, "key")
        notes.append(note)
        content.append(InvoiceDocument.parse(stored))
        assert content[-1].canonical() == stored

    for part in [] if whole else parts:
        if part < left_to_credit(invoice, notes).minor:
            correct(Money(part, document.currency))
    correct(None)

    assert not left_to_credit(invoice, notes)
    assert sum(note.tax_minor for note in notes) == document.tax_minor
    for index, tax in enumerate(document.taxes):
        assert sum(of.taxes[index].amount.minor for of in content) == -tax.amount.minor
    assert {of.corrects for of in content} == {"INV-00000001"}
    with pytest.raises(UserMistakeError, match="credited in full by CN-00000001"):
        correct(None)


def test_a_partial_credit_note_is_one_line_that_a_program_can_multiply() -> None:
    document = InvoiceDocument.of(
        {
            "number": "INV-00000001",
            "period": "2026-10",
            "issued_on": "2026-11-01",
            "currency": "USD",
            "seller": "Example Cloud",
            "seller_details": {
                "name": "Example Cloud",
                "terms": "Payable at once.",
                "email": "billing@example.com",
            },
            "customer": {"customer_id": "C-1", "name": "Ada", "email": "", "country": ""},
            "lines": [
                {
                    "sku": "x",
                    "description": "X",
                    "model": "rated",
                    "unit": "",
                    "quantity": "1",
                    "unit_price": "11.9",
                    "amount_minor": 1190,
                }
            ],
            "taxes": [
                {"name": "VAT", "percent": "19", "category": "S", "base_minor": 1000, "amount_minor": 190},
            ],
            "prices_include_tax": True,
            "total_minor": 1190,
        }
    )
    draft = draft_credit_note(document, usd(0), usd(119), "the outage", "id", TODAY)
    [line] = InvoiceDocument.of(draft).lines
    assert (line.quantity, line.unit_price, line.amount_minor) == (Decimal(-1), Decimal("1"), -100)
    assert (draft["total_minor"], draft["notes"]) == (-119, ["the outage"])
    assert draft["seller_details"] == {"name": "Example Cloud", "email": "billing@example.com"}


@pytest.mark.parametrize(
    ("series", "name", "number"),
    [(Series.INVOICES, " inv-00000042", 42), (Series.CREDIT_NOTES, "CN-00000007", 7), (Series.CREDIT_NOTES, "cn-7", 7)],
)
def test_a_number_is_read_as_people_type_it(series: Series, name: str, number: int) -> None:
    assert series.number_of(name) == number
    assert series.has(name)


def test_a_number_of_another_series_is_refused_with_an_example() -> None:
    with pytest.raises(
        UserMistakeError, match="'INV-1' is not the number of any credit note; they look like CN-00000042"
    ):
        Series.CREDIT_NOTES.number_of("INV-1")


@pytest.mark.parametrize(
    ("used", "effect"), [(0, Effect(300, 0, 700)), (500, Effect(300, 500, 200)), (900, Effect(300, 700, 0))]
)
def test_the_ledger_shows_what_a_credit_note_did_apart_from_other_credit(used: int, effect: Effect) -> None:
    note = CreditNote("CN-00000001", "INV-1", "C-1", OCTOBER, "USD", 1_000, 0, TODAY, "why", "id", PLACE)
    booked = {Account.REVENUE: 1_000, Account.RECEIVABLE: -300, Account.CREDIT: -700}
    entries = [an_entry(entry_legs(booked), note.entry_id)]
    entries.append(
        an_entry(entry_legs({Account.RECEIVABLE: -100, Account.CREDIT: 100}), "used/credit_note/CN-00000002")
    )
    if used:
        entries.append(an_entry(entry_legs({Account.RECEIVABLE: -used, Account.CREDIT: used}), used_id(note.entry_id)))
    assert effect_of(note, entries) == effect
