"""Regenerate an issued invoice: a credit note for everything that is left of it, and a new invoice that replaces it.

The new invoice is drafted by the same code as in a close, from the current prices, taxes, profile and usage. It is
tried out in full first, so an invoice that cannot be regenerated stays untouched. Then, each step stored before the
next: the credit note (see correct_invoice.py), the draft, a number reserved for that very draft in the old invoice's
batch, the document, the booking. The draft names the invoice that it replaces, so the next call finds it and continues.
"""

import json
from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote, left_to_credit
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.draft import number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import Invoice, amount_due
from monthclose.domain.invoices.invoicing import InvoicingPolicy, account_after
from monthclose.domain.invoices.replacing import take_its_place
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.text import check_reason
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock, Closes, Documents, Reservation
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.invoices.replace_invoice import Replacer
from monthclose.use_cases.invoices.stored_drafts import store_drafts


@dataclass(frozen=True, slots=True)
class Regenerated:
    """A regenerated invoice.

    Parameters
    ----------
    note : CreditNote or None
        The last credit note on the replaced invoice; None if it charged nothing.
    credited : Money
        What earlier credit notes took off the replaced invoice; the new one bills it again.
    """

    replaced: Invoice
    note: CreditNote | None
    invoice: Invoice
    credited: Money


@dataclass(frozen=True, slots=True)
class Preview:
    """A regenerated invoice as it would be.

    Parameters
    ----------
    due : Money
        What would be left to pay, after payments and credit.
    credited : Money
        What earlier credit notes took off the replaced invoice; the new one would bill it again.
    unchanged : bool
        Whether it would bill the same as the replaced one.
    """

    replaced: Invoice
    draft: Draft
    due: Money
    credited: Money
    unchanged: bool

    @property
    def total(self) -> Money:
        """Total of the new invoice."""
        return Money(self.draft["total_minor"], self.draft["currency"])


@dataclass(frozen=True, slots=True)
class Regenerator:
    """Regenerates invoices."""

    books: Books
    closes: Closes
    documents: Documents
    clock: Clock
    issued: IssuedDocuments
    holds: HoldKeeper
    corrector: Corrector
    drafter: InvoiceDrafter
    replacer: Replacer
    policy: InvoicingPolicy

    def preview(self, number: str, reason: str = "") -> Preview:
        """Show an invoice as it would be if it were regenerated now; writes nothing.

        Raises
        ------
        UserMistakeError
            There is no such invoice, it was replaced before, or it cannot be regenerated; the message says why.
        TryLaterError
            The invoice is being charged right now.
        """
        invoice = self.issued.find(number)
        if invoice.replaced_by:
            raise _replaced(invoice)
        if self._started(invoice, self._reserved(invoice, self._batch(invoice))):
            raise UserMistakeError(
                f"regenerating {invoice.number} broke off after the new invoice got its number: run `monthclose "
                "invoice regenerate` to finish it"
            )
        return self._try_out(invoice, reason)

    def _try_out(self, invoice: Invoice, reason: str) -> Preview:
        customer, month = self._read(invoice)
        self._check(invoice, customer, month)
        left = left_to_credit(invoice, month.notes_on(invoice.number))
        if left:
            customer = self.corrector.rehearse(invoice, reason)
        try:
            draft = self._draft(customer, invoice, reason)
        except ParkCustomerError as error:
            raise UserMistakeError(f"{_cannot(invoice, error)}; {invoice.number} is unchanged") from None
        if not self.policy.invoices(draft) and not self.policy.carries(draft):
            raise UserMistakeError(
                f"regenerated, {invoice.number} would come to nothing: void it instead (monthclose invoice void "
                f"{invoice.number})"
            )
        [new], _ = number_drafts([draft], 0, "")
        held = sum(payment.net_minor for payment in month.payments)
        issued, account, _ = take_its_place(new, account_after(customer, draft), held)
        unchanged = InvoiceDocument.of(draft).bills_the_same(self.issued.document(invoice))
        return Preview(invoice, draft, amount_due(issued, account), invoice.total - left, unchanged)

    def regenerate(self, number: str, reason: str) -> Regenerated:
        """Credit an invoice in full, and issue a new one for the same month that replaces it.

        The new one is issued even if its amount is below the policy's minimum: the month has an invoice already. The
        daily collections charge what is due, or a person does. A second call with the same reason finishes what broke
        off, or returns what was done.

        Raises
        ------
        UserMistakeError
            As `preview`, or there is no reason. If it can no longer be regenerated after the credit note was issued,
            the message says so, and the same call continues from there.
        TryLaterError
            The invoice is being charged right now.
        """
        reason = check_reason(reason, "a reason is needed: the credit note and the new invoice show it")
        invoice = self.issued.find(number)
        if not invoice.replaced_by:
            batch = self._batch(invoice)
            if not self._started(invoice, self._reserved(invoice, batch)):
                self._try_out(invoice, reason)
                self._void(invoice, reason)
            retry_conflicts(partial(self._replace, invoice, batch, reason))
        done = self._done(invoice, reason)
        month = self.books.month(invoice.customer_id, invoice.period)
        self.holds.settle_up(invoice.customer_id, [(invoice.period, month)])
        return done

    def _check(self, invoice: Invoice, customer: Customer, month: CustomerMonth) -> None:
        if invoice.total_minor < 0:
            raise UserMistakeError(
                f"{invoice.number} is for {invoice.total}, which became the customer's credit: a credit note cannot "
                "reverse that"
            )
        if customer.profile.currency != invoice.currency:
            raise UserMistakeError(
                f"{invoice.number} is in {invoice.currency}, the profile of customer {invoice.customer_id} says "
                f"{customer.profile.currency}: change it back first, or void the invoice"
            )
        if customer.currency != invoice.currency:
            raise UserMistakeError(
                f"{invoice.number} is in {invoice.currency}, the account of customer {invoice.customer_id} is in "
                f"{customer.currency} now: settle that account first"
            )
        if month.money_moves():
            raise TryLaterError(f"{invoice.number} is being charged or refunded; try again once the outcome is known")

    def _void(self, invoice: Invoice, reason: str) -> None:
        """Issue the credit note; an invoice that was already credited in full needs none."""
        self.corrector.finish(invoice)
        _, month = self._read(invoice)
        if left_to_credit(invoice, month.notes_on(invoice.number)):
            self.corrector.void(invoice.number, reason)

    def _replace(self, invoice: Invoice, batch: int, reason: str) -> None:
        """Issue the new invoice: from the draft that already has a number, or else from a new one."""
        reserved = self._reserved(invoice, batch)
        started = self._started(invoice, reserved)  # if somebody reserves after this read, ours conflicts
        if started:
            self.replacer.issue(*started, batch)
            return
        customer, _ = self._read(invoice)
        try:
            draft = self._draft(customer, invoice, reason)
        except ParkCustomerError as error:
            raise UserMistakeError(
                f"{invoice.number} is credited in full, but {_cannot(invoice, error)}; fix that and run the same "
                "command again"
            ) from None
        key = store_drafts(self.documents, invoice.period, f"{batch:05}", [draft])
        self._mark_being_replaced(invoice)
        reservation = self.closes.reserve(invoice.period, batch, len(reserved), key, 1)
        self.replacer.issue(reservation, draft, batch)

    def _mark_being_replaced(self, invoice: Invoice) -> None:
        """Mark the old invoice before a number is reserved: if this breaks off, its batch counts as unfinished."""
        _, month = self._read(invoice)
        if month.invoice and month.invoice.number == invoice.number and not month.invoice.being_replaced:
            self.books.commit(replace(month.invoice, being_replaced=True))
            self.holds.settle_up(invoice.customer_id, [(invoice.period, month)])

    def _reserved(self, invoice: Invoice, batch: int) -> list[Reservation]:
        return self.closes.reservations(invoice.period, batch)

    def _started(self, invoice: Invoice, reserved: list[Reservation]) -> tuple[Reservation, Draft] | None:
        """Find the number reserved for an invoice's replacement, and the draft."""
        for reservation in reserved:
            if reservation.count == 1:
                [draft] = json.loads(self.documents.get(reservation.drafts_key))
                if draft.get("replaces") == invoice.number:
                    return reservation, draft
        return None

    def _done(self, invoice: Invoice, reason: str) -> Regenerated:
        _, month = self._read(invoice)
        replaced = month.invoice_of(invoice.number)
        new = month.invoice_of(replaced.replaced_by) if replaced else None
        if replaced is None or new is None:
            raise ValueError(f"{invoice.number} was replaced, but the new invoice cannot be read")
        if self.issued.document(new).notes != (reason,):
            raise _replaced(replaced)
        notes = month.notes_on(replaced.number)
        before = sum(note.total_minor for note in notes if note.reason != reason)
        return Regenerated(replaced, notes[-1] if notes else None, new, Money(before, replaced.currency))

    def _draft(self, customer: Customer, invoice: Invoice, reason: str) -> Draft:
        document = json.loads(self.issued.content(invoice))
        return self.drafter.with_logo().redraft(customer, document, reason, self.clock())

    def _batch(self, invoice: Invoice) -> int:
        run = self.closes.run_of(Series.INVOICES.number_of(invoice.number))
        if run is None:
            raise ValueError(f"{invoice.number} is not in any reserved range of numbers")
        return run.batch

    def _read(self, invoice: Invoice) -> tuple[Customer, CustomerMonth]:
        customer = self.books.customer(invoice.customer_id)
        if customer is None:
            raise ValueError(f"customer {invoice.customer_id} of {invoice.number} no longer exists")
        return customer, self.books.month(invoice.customer_id, invoice.period)


def _replaced(invoice: Invoice) -> UserMistakeError:
    return UserMistakeError(f"{invoice.number} has already been replaced by {invoice.replaced_by}: regenerate that one")


def _cannot(invoice: Invoice, error: ParkCustomerError) -> str:
    return f"customer {invoice.customer_id} cannot be billed for {invoice.period}: {error.detail}"
