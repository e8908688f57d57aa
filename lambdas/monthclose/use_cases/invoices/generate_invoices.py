"""Generate the invoices of a batch, numbered without gaps, and book them on the customers' accounts.

The order of the steps makes it safe to break off anywhere: store the drafts, reserve numbers for those very drafts,
store the numbered documents, book each invoice. A later run first finishes the invoices that have numbers.

A problem with one customer parks that customer; the others are billed. Before numbers are reserved, the booking of each
invoice is tried out: one that cannot be booked gets no number. If booking fails later all the same, the invoice keeps
its number and waits.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.closes.close import Batch, BatchProgress, Stage
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.invoices.draft import number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.invoices.invoicing import InvoicingPolicy, account_after, carried_minor, carrying
from monthclose.domain.invoices.payable import payable_of
from monthclose.domain.month import Carried, CustomerMonth
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Documents, Reservation
from monthclose.use_cases.accounts.expire_credit import expire_credit
from monthclose.use_cases.batch_work import (
    OF_ONE_CUSTOMER,
    park,
    read_months,
    reason_to_park,
    retry_conflicts,
    summed_up,
    unparked,
)
from monthclose.use_cases.invoices.document_keys import documents_key
from monthclose.use_cases.invoices.draft_batch import MOST_BYTES, BatchDrafter, Drafted, NotDrafted
from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts
from monthclose.use_cases.invoices.replace_invoice import Replacer
from monthclose.use_cases.invoices.stored_drafts import store_drafts
from monthclose.use_cases.payments.own_payment import own_payment
from monthclose.use_cases.seen_months import SeenMonths

PORTION = 100
"""Most customers in a portion: what a call that is killed has to do again."""


class _Seen(NamedTuple):
    """A customer as this call read them; what is decided on that basis stands unless a commit conflicts."""

    customer: Customer
    month: CustomerMonth


class _Issue(NamedTuple):
    """An invoice to be booked, its draft, and its batch."""

    invoice: Invoice
    draft: Draft
    batch: int


@dataclass(slots=True)
class _Portion:
    """The part of a batch whose invoices are numbered and stored together, so that memory has room for any batch."""

    seen: dict[str, _Seen] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    small: list[Draft] = field(default_factory=list)
    """Drafts too small to invoice, or for nothing but with sizes that the next month begins with."""
    size: int = 0
    """Bytes of all their documents."""
    held: int = 0
    """Customers on hold."""

    def has_room(self, size: int) -> bool:
        """Whether another document of some bytes belongs in it."""
        return len(self.drafts) + len(self.small) < PORTION and self.size + size <= MOST_BYTES


@dataclass(frozen=True, slots=True)
class Generated:
    """A batch's progress, and how many customers billed just now are on hold: they may have paid meanwhile."""

    progress: BatchProgress
    held: int


@dataclass(frozen=True, slots=True)
class InvoiceGenerator:
    """Generates invoices, one batch at a time."""

    books: Books
    closes: Closes
    documents: Documents
    clock: Clock
    batch_drafter: BatchDrafter
    judged: JudgedDrafts
    replacer: Replacer
    adapters: frozenset[str]
    """Providers that have an adapter."""
    policy: InvoicingPolicy

    def generate(self, period: Period, batch: Batch, round_number: int, only: Collection[str] = ()) -> Generated:
        """Invoice every customer of the batch, or record that there is nothing to bill, or park them.

        Parameters
        ----------
        only : collection of str
            The only customers of the batch to bill; empty for all.

        Raises
        ------
        ConflictError
            Another worker is generating the same batch; try again.
        """
        reserved = self.closes.reservations(period, batch.number)
        waiting = set[str]().union(*(self._finish(period, batch, reservation) for reservation in reserved))
        billed = [name for name in batch.customer_ids if name not in waiting and (not only or name in only)]
        books = SeenMonths(self.books)
        held = replace(self, books=books)._bill(period, batch, read_months(books, billed, period), len(reserved))
        months = books.seen(batch.customer_ids, period)
        progress = summed_up(period, batch, months.values(), Stage.GENERATED, round_number, self.clock)
        if not progress.totals.customers.get("invoiced") and not held:
            progress = replace(progress, stage=Stage.CLOSED)  # nobody to charge, notify or put on hold
        self.closes.put_progress(progress, months.values())
        return Generated(progress, held)

    def _bill(self, period: Period, batch: Batch, months: Mapping[str, CustomerMonth], runs: int) -> int:
        """Bill customers, portion by portion, and return how many of them are on hold; `runs` of numbers are there."""
        held = 0
        for portion in self._portions(period, batch, months):
            self._carry(period, batch, portion)
            runs += self._invoice(period, batch, runs, portion)
            held += portion.held
            del portion  # its memory is the next one's
        return held

    def _finish(self, period: Period, batch: Batch, reservation: Reservation) -> set[str]:
        """Issue the invoices of a reservation; a replacement waits while the invoice that it replaces is being charged.

        Returns
        -------
        set of str
            The customers whose numbered invoices cannot be booked: they must not get another.
        """
        drafts = json.loads(self.documents.get(reservation.drafts_key))
        if not drafts[0].get("replaces"):
            return self._issue(period, batch, reservation, drafts, {})
        with suppress(TryLaterError):
            self.replacer.issue(reservation, drafts[0], batch.number)
        return set()

    def _invoice(self, period: Period, batch: Batch, earlier: int, portion: _Portion) -> bool:
        """Number and issue a portion's invoices, and say whether there were any.

        Parameters
        ----------
        earlier : int
            The batch's reservations so far.
        """
        if portion.drafts:
            key = store_drafts(self.documents, period, f"{batch.number:05}", portion.drafts)
            reservation = self.closes.reserve(period, batch.number, earlier, key, len(portion.drafts))
            self._issue(period, batch, reservation, portion.drafts, portion.seen)
        return bool(portion.drafts)

    def _portions(self, period: Period, batch: Batch, months: Mapping[str, CustomerMonth]) -> Iterator[_Portion]:
        """Draft the invoices of all customers without one; each portion is to be issued before the next is drafted."""
        todo = {name: month for name, month in months.items() if not month.invoice and not month.carried}
        if not todo:
            return
        portion = _Portion()
        for found in self._drafts(period, batch, todo):
            try:
                if isinstance(found, NotDrafted):
                    portion.held += found.held
                    raise found.reason
                if not portion.has_room(found.size):
                    yield portion
                    portion = _Portion()
                portion.held += found.customer.held_since is not None
                self._add(portion, found)
            except OF_ONE_CUSTOMER as error:
                name = found.customer_id if isinstance(found, NotDrafted) else found.customer.customer_id
                park(self.books, self.clock, name, period, reason_to_park(error))
        yield portion

    def _drafts(
        self, period: Period, batch: Batch, todo: Mapping[str, CustomerMonth]
    ) -> Iterator[Drafted | NotDrafted]:
        """Draft invoices, or read the drafts that were judged before the close was let through its gate."""
        close = self.closes.get(period)
        prepare = partial(expire_credit, self.books, period=period, now=self.clock())
        if close and close.rehearsal:
            return self.judged.drafts(period, batch, todo, close, prepare)
        return self.batch_drafter.drafts(period, batch, todo, close, prepare)

    def _add(self, portion: _Portion, found: Drafted) -> None:
        """Add a draft to a portion, unless there is nothing to bill."""
        draft, seen = found.draft, _Seen(found.customer, found.month)
        if self.policy.invoices(draft):
            portion.drafts.append(draft)
        elif self.policy.keeps(draft):
            portion.small.append(draft)
        else:
            return self._commit_nothing(draft, seen)
        portion.seen[seen.customer.customer_id] = seen
        portion.size += found.size
        return None

    def _commit_nothing(self, draft: Draft, seen: _Seen) -> None:
        account = account_after(seen.customer, draft)
        changed = [account] if account != seen.customer else []
        self.books.commit(*changed, *unparked(seen.month.parking))

    def _carry(self, period: Period, batch: Batch, portion: _Portion) -> None:
        """Add amounts too small to invoice to what the accounts carry, and store their drafts."""
        small, seen = portion.small, portion.seen
        if not small:
            return
        content = [json.dumps(draft, sort_keys=True, ensure_ascii=False).encode() + b"\n" for draft in small]
        key = f"carried/{period}/{batch.number:05}-{hashlib.sha256(b''.join(content)).hexdigest()[:16]}.jsonl"
        self.documents.put(key, b"".join(content), "application/jsonl")
        offset = 0
        for draft, text in zip(small, content, strict=True):
            place = DocumentPlace(key, offset, len(text), hashlib.sha256(text).hexdigest())
            offset += len(text)
            customer_id = draft["customer"]["customer_id"]
            try:
                currency, minor = draft["currency"], carried_minor(draft)
                record = Carried(customer_id, period, currency, minor, self.clock(), place)
                self._commit_carried(seen[customer_id], draft, record)
            except OF_ONE_CUSTOMER as error:
                park(self.books, self.clock, customer_id, period, reason_to_park(error))

    def _commit_carried(self, seen: _Seen, draft: Draft, record: Carried) -> None:
        account = carrying(account_after(seen.customer, draft), draft)
        self.books.commit(account, record, *unparked(seen.month.parking))

    def _issue(
        self, period: Period, batch: Batch, reservation: Reservation, drafts: list[Draft], seen: Mapping[str, _Seen]
    ) -> set[str]:
        """Store the documents of a reservation and book those of its invoices that aren't booked yet.

        Returns
        -------
        set of str
            The customers whose invoices cannot be booked. They are parked; closing again retries.
        """
        key = documents_key(period, batch.number, reservation.first)
        numbered, content = number_drafts(drafts, reservation.first, key)
        if not seen:
            numbered = [i for i in numbered if not self.books.month(i.customer_id, period).invoice]
        if not numbered:
            return set()
        self.documents.put_new(key, content, "application/jsonl")  # the same drafts always give the same content
        by_customer, unbooked = {draft["customer"]["customer_id"]: draft for draft in drafts}, set[str]()
        for invoice in numbered:
            issue = _Issue(invoice, by_customer[invoice.customer_id], batch.number)
            try:
                self._book(issue, seen.get(invoice.customer_id))
            except OF_ONE_CUSTOMER as error:
                park(self.books, self.clock, invoice.customer_id, period, _not_booked(invoice, error))
                unbooked.add(invoice.customer_id)
        return unbooked

    def _book(self, issue: _Issue, seen: _Seen | None) -> None:
        """Book an invoice on the account that was read; if that has changed since, read it again."""
        if seen:
            try:
                return self._commit(issue, seen)
            except ConflictError:
                pass
        return retry_conflicts(partial(self._read_and_book, issue))

    def _read_and_book(self, issue: _Issue) -> None:
        invoice = issue.invoice
        customer = self.books.customer(invoice.customer_id)
        if customer is None:
            raise ValueError(f"customer {invoice.customer_id} disappeared after invoice {invoice.number} was numbered")
        month = self.books.month(invoice.customer_id, invoice.period)
        if not month.invoice:
            self._commit(issue, _Seen(customer, month))

    def _commit(self, issue: _Issue, seen: _Seen) -> None:
        invoice = issue.invoice
        payable = payable_of(issue.draft, seen.customer)
        issued, account, legs = invoices.issue(invoice, account_after(seen.customer, issue.draft), payable)
        memo = f"invoice {invoice.number} for {invoice.total}"
        entry = ("invoice", invoice.customer_id, invoice.period, invoice.currency, self.clock(), legs, memo)
        entries = [Entry(*entry)] if legs else []  # an invoice for zero has no entry
        payment = own_payment(issued, account, self.adapters, self.clock(), batch=issue.batch)
        self.books.commit(account, issued, *entries, payment, *unparked(seen.month.parking))


def _not_booked(invoice: Invoice, error: Exception) -> ParkCustomerError:
    return ParkCustomerError(
        "not_booked",
        f"{invoice.number} has its number and its document, but cannot be booked: {reason_to_park(error).detail}; "
        f"close {invoice.period} again once that is fixed: it keeps its number",
    )
