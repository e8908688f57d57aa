"""Replace an invoice that was credited in full: store the new document, then book it in one commit.

The draft and its number were stored before, so running the same command again finishes a replacement that broke off.
So does running the close again: the old invoice is marked before a number is reserved, which makes its batch
unfinished.
"""

from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.collections.hold import lift_if_paid_up
from monthclose.domain.invoices.draft import number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.invoicing import account_after
from monthclose.domain.invoices.payable import payable_of
from monthclose.domain.invoices.replacing import take_its_place
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock, Documents, Reservation
from monthclose.use_cases.batch_work import retry_conflicts, unparked
from monthclose.use_cases.invoices.document_keys import documents_key
from monthclose.use_cases.payments.own_payment import own_payment


@dataclass(frozen=True, slots=True)
class Replacer:
    """Issues invoices that replace others.

    Parameters
    ----------
    adapters : frozenset of str
        Providers that have an adapter.
    """

    books: Books
    documents: Documents
    clock: Clock
    adapters: frozenset[str]

    def issue(self, reservation: Reservation, draft: Draft, batch: int) -> None:
        """Store the document of a reserved number, and book its invoice if it isn't booked yet.

        Raises
        ------
        TryLaterError
            A payment or refund of the month is under way: its outcome decides what is open.
        """
        key = documents_key(Period.parse(draft["period"]), batch, reservation.first)
        [invoice], content = number_drafts([draft], reservation.first, key)
        if self.books.month(invoice.customer_id, invoice.period).invoice_of(invoice.number):
            return
        self.documents.put_new(key, content, "application/jsonl")  # the same draft always gives the same content
        retry_conflicts(partial(self._commit, invoice, draft, batch))

    def _commit(self, invoice: Invoice, draft: Draft, batch: int) -> None:
        customer = self.books.customer(invoice.customer_id)
        month, now = self.books.month(invoice.customer_id, invoice.period), self.clock()
        if month.invoice_of(invoice.number):
            return
        before = month.invoice
        if customer is None or before is None or before.number != invoice.replaces:
            raise ValueError(f"{invoice.replaces} disappeared after {invoice.number} was numbered to replace it")
        if month.money_moves():
            raise TryLaterError(f"{before.number} is being charged or refunded; try again once the outcome is known")
        held = sum(payment.net_minor for payment in month.payments)
        issued, account, legs = take_its_place(
            invoice, account_after(customer, draft), held, payable_of(draft, customer)
        )
        issued, payment = self._with_payment(issued, account, month, batch)
        memo = f"invoice {issued.number} for {issued.total}, replacing {before.number}"
        entry = (issued.entry_id, issued.customer_id, issued.period, issued.currency, now, legs, memo)
        account, change = lift_if_paid_up(account, issued.period, len(month.holds) + 1, now)
        self.books.commit(
            account,
            replace(issued, version=before.version),
            replace(before, replaced_by=issued.number, being_replaced=False, version=0),
            *([Entry(*entry)] if legs else []),  # an invoice for zero has no entry
            *payment,
            *change,
            *unparked(month.parking),
        )

    def _with_payment(
        self, invoice: Invoice, account: Customer, month: CustomerMonth, batch: int
    ) -> tuple[Invoice, list[Payment]]:
        """Give an invoice its payment: the old invoice's if it has not started yet, else a new one."""
        if month.collecting and month.collecting.never_begun:
            return replace(invoice, first_payment=month.collecting.sequence), []
        last = month.payments[-1].sequence
        new = own_payment(invoice, account, self.adapters, self.clock(), sequence=last + 1, batch=batch)
        return replace(invoice, first_payment=new.sequence), [new]
