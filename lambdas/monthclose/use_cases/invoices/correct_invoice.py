"""Correct an issued invoice with a credit note, for part of it or for everything that is left.

As for invoices, the order of the steps makes it safe to break off anywhere: store the draft, reserve a number for that
very draft, store the numbered document, book the credit note. Reservations belong to the invoice, and each is
conditional on how many came before it: two people who correct an invoice at once cannot credit more than is left, and
the next call finishes what an earlier one left unfinished, so no number is lost.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.collections.hold import lift_if_paid_up
from monthclose.domain.collections.unconfirmed import leased_to_withdraw
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import (
    CreditNote,
    amount_to_credit,
    book_credit_note,
    draft_credit_note,
    left_to_credit,
    number_credit_note,
)
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.text import check_reason
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock, Closes, Documents, Reservation
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.cover_open import Cover, cover_with_credit, open_months
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.invoices.document_keys import credit_note_key
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.invoices.stored_drafts import store_drafts


class _Request(NamedTuple):
    """A requested correction; one that comes with a refund has the refund's name."""

    invoice: Invoice
    amount: Money | None
    reason: str
    refund: str = ""

    @property
    def correction(self) -> str:
        """Its id: the same invoice, amount and reason are the same correction, and so is each refund's own."""
        minor = self.amount.minor if self.amount else None
        named = [self.refund] if self.refund else []
        content = json.dumps([self.invoice.number, minor, self.reason, *named], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Corrector:
    """Issues credit notes."""

    books: Books
    closes: Closes
    documents: Documents
    issued: IssuedDocuments
    holds: HoldKeeper
    clock: Clock
    calendar: BillingCalendar = IN_UTC

    def credit(self, number: str, amount: Money | None, reason: str, *, refund: str = "") -> CreditNote:
        """Credit an amount of an invoice, tax included; None for everything that is left of it.

        What is open is no longer owed; what was paid becomes credit, which covers other open invoices at once. A
        second call with the same amount and reason returns the same credit note.

        Parameters
        ----------
        refund : str
            The name of the refund that it comes with, if it comes with one.

        Raises
        ------
        UserMistakeError
            The invoice does not exist, has less left than that, or the reason is missing.
        TryLaterError
            The invoice is being charged right now, or refunded.
        """
        reason = check_reason(reason, "a reason is needed: the credit note shows it")
        request = _Request(self.issued.find(number), amount, reason, refund)
        if amount is not None and amount.currency != request.invoice.currency:
            raise UserMistakeError(
                f"invoice {request.invoice.number} is in {request.invoice.currency}, not {amount.currency}"
            )
        if amount is not None and amount.minor <= 0:
            raise UserMistakeError("the amount must be more than zero")
        note = retry_conflicts(partial(self._correct, request))
        self.holds.settle_up(note.customer_id, [(note.period, self.books.month(note.customer_id, note.period))])
        return note

    def void(self, number: str, reason: str) -> CreditNote:
        """Credit everything that is left of an invoice; see `credit`."""
        return self.credit(number, None, reason)

    def check(self, invoice: Invoice, amount: Money) -> None:
        """Check that an amount of an invoice is left to be credited.

        Raises
        ------
        UserMistakeError
            It is not.
        """
        notes = self.books.month(invoice.customer_id, invoice.period).notes_on(invoice.number)
        amount_to_credit(invoice, notes, amount)

    def rehearse(self, invoice: Invoice, reason: str) -> Customer:
        """Work out the account as it would be if everything left were credited; writes nothing.

        Raises
        ------
        UserMistakeError, TryLaterError
            As `credit`.
        """
        customer, _, _ = self._read(invoice.customer_id, invoice.period)
        _, account = self._draft(_Request(invoice, None, reason))
        return self._cover(customer, account, invoice.period, "", self.clock()).customer

    def finish(self, invoice: Invoice) -> list[CreditNote]:
        """Finish the credit notes on an invoice that already have numbers, and return them in order."""
        owner = Series.INVOICES.number_of(invoice.number)
        reserved = self.closes.reservations(invoice.period, owner, Series.CREDIT_NOTES)
        return [self._issue(r, json.loads(self.documents.get(r.drafts_key))) for r in reserved]

    def _correct(self, request: _Request) -> CreditNote:
        invoice = request.invoice
        owner, issued = Series.INVOICES.number_of(invoice.number), self.finish(invoice)
        for note in issued:
            if note.correction == request.correction:
                return note
        draft, _ = self._draft(request)
        key = store_drafts(self.documents, invoice.period, invoice.number, draft)
        reservation = self.closes.reserve(invoice.period, owner, len(issued), key, 1, Series.CREDIT_NOTES)
        return self._issue(reservation, draft)

    def _draft(self, request: _Request) -> tuple[Draft, Customer]:
        """Draft the credit note and check that it can be booked: once it has a number, it must be.

        Returns
        -------
        tuple
            The draft, and the account after booking it.
        """
        customer, month, invoice = self._read(request.invoice.customer_id, request.invoice.period)
        if month.money_moves(but=request.refund):  # what was paid would go back twice: as money and as credit
            raise TryLaterError(f"{invoice.number} is being refunded; try again once that is done")
        if invoice.number != request.invoice.number:
            by = request.invoice.replaced_by or invoice.number
            raise UserMistakeError(f"{request.invoice.number} was replaced by {by}: correct that one")
        notes = month.notes_on(invoice.number)
        amount = amount_to_credit(invoice, notes, request.amount)
        before = invoice.total - left_to_credit(invoice, notes)
        document, day = self.issued.document(invoice), self.calendar.day(self.clock())
        draft = draft_credit_note(document, before, amount, request.reason, request.correction, day)
        _, account, _ = book_credit_note(number_credit_note(draft, 0, "")[0], invoice, customer, notes)
        return draft, account

    def _issue(self, reservation: Reservation, draft: Draft) -> CreditNote:
        """Store the document of a reserved number, and book it if it isn't booked yet."""
        number = reservation.first
        key = credit_note_key(Period.parse(draft["period"]), Series.CREDIT_NOTES.numbered(number))
        note, content = number_credit_note(draft, number, key)
        month = self.books.month(note.customer_id, note.period)
        if all(issued.number != note.number for issued in month.credit_notes):
            self.documents.put_new(note.document.key, content)  # the same draft always gives the same content
            changed = self._commit(note)
            self.holds.settle_up(note.customer_id, changed.months)
        return note

    def _read(self, customer_id: str, period: Period) -> tuple[Customer, CustomerMonth, Invoice]:
        customer, month = self.books.customer(customer_id), self.books.month(customer_id, period)
        if customer is None or month.invoice is None:
            raise ValueError(f"customer {customer_id} or their invoice for {period} no longer exists")
        if any(payment.in_flight for payment in month.payments):
            raise TryLaterError(f"{month.invoice.number} is being charged; try again once the outcome is known")
        return customer, month, month.invoice

    def _commit(self, note: CreditNote) -> Cover:
        customer, month, invoice = self._read(note.customer_id, note.period)
        if invoice.number != note.corrects:
            raise ValueError(f"{note.number} corrects {note.corrects}, which was replaced by {invoice.number}")
        corrected, account, legs = book_credit_note(note, invoice, customer, month.notes_on(invoice.number))
        now, entry_id = self.clock(), note.entry_id
        memo = f"credit note {note.number} for {note.total} on invoice {note.corrects}: {note.reason}"
        entry = Entry(entry_id, note.customer_id, note.period, note.currency, now, legs, memo)
        cover = self._cover(customer, account, note.period, entry_id, now)
        account, change = lift_if_paid_up(cover.customer, note.period, len(month.holds) + 1, now)
        account = leased_to_withdraw(
            account, self.books.months(note.customer_id).values(), [corrected, *cover.records], now
        )
        self.books.commit(account, corrected, note, entry, *cover.records, *change)
        return cover

    def _cover(self, before: Customer, account: Customer, period: Period, entry_id: str, now: datetime) -> Cover:
        """Let new credit cover what is open in other months."""
        if account.credit_minor <= before.credit_minor:
            return Cover(account, [], [])
        others = [(p, m) for p, m in open_months(self.books, account.customer_id) if p != period]
        return cover_with_credit(account, others, entry_id, now)
