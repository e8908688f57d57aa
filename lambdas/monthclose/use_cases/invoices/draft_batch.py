"""Draft the invoices of a batch, customer by customer: the same code for a close and for its rehearsal.

It reads only. Whoever uses it says how an account is prepared: a close books the expiry of credit first, a rehearsal
leaves the account as it is and drafts as if that had been booked.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import batched
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.invoices.draft import number_drafts
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoicing import account_after
from monthclose.domain.invoices.payable import payable_of
from monthclose.domain.money import EXPONENT_BY_CURRENCY, Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.errors import ConflictError
from monthclose.ports import Books, Clock, PriceBooks, TaxTables
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, READ_AHEAD, read_accounts, reason_to_park, retry_conflicts
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter

MOST_BYTES = 16 * 2**20
"""Largest document of an invoice, and the most of a portion's together: as drafts, they take some eight times that."""

type Prepare = Callable[[Customer], Customer]
"""Prepares an account for the month's invoice: what has expired of its credit is gone."""


class Drafted(NamedTuple):
    """A draft, and the account and month as they were read for it; `size` is that of its document, in bytes."""

    customer: Customer
    month: CustomerMonth
    draft: Draft
    size: int


class NotDrafted(NamedTuple):
    """A customer who cannot be billed, and why."""

    customer_id: str
    reason: ParkCustomerError
    held: bool = False
    """Whether they are on hold, as far as is known."""


@dataclass(frozen=True, slots=True)
class BatchDrafter:
    """Drafts the invoices of customers that have none."""

    books: Books
    price_books: PriceBooks
    tax_tables: TaxTables
    clock: Clock
    drafter: InvoiceDrafter

    def with_logo(self) -> "BatchDrafter":
        """Return one that puts the current logo on its drafts."""
        return BatchDrafter(self.books, self.price_books, self.tax_tables, self.clock, self.drafter.with_logo())

    def drafts(
        self, period: Period, batch: Batch, months: Mapping[str, CustomerMonth], close: Close | None, prepare: Prepare
    ) -> Iterator[Drafted | NotDrafted]:
        """Draft the invoices of a batch's customers, each when it is asked for.

        Parameters
        ----------
        months : mapping
            Whom to draft for, and what the close has recorded for them.
        close : Close or None
            Says up to when usage counts, and by which price book and tax table.
        """
        if not months:
            return
        self.check_rates(close)
        drafter = self.with_logo()
        for some in batched(months.items(), READ_AHEAD, strict=False):
            accounts = read_accounts(self.books, (customer_id for customer_id, _ in some))
            for customer_id, month in some:
                account = accounts.get(customer_id)
                yield drafter.draft_one(period, batch, customer_id, month, close, prepare, account)

    def today(self) -> date:
        """The company's day, which invoices are dated."""
        return self.drafter.calendar.day(self.clock())

    def check_rates(self, close: Close | None) -> None:
        """Check that a close's price book and tax table can be read: if not, no customer is to blame."""
        if close:
            self.price_books.get(close.price_book)
            self.tax_tables.get(close.tax_table)

    def draft_one(
        self,
        period: Period,
        batch: Batch,
        customer_id: str,
        month: CustomerMonth,
        close: Close | None,
        prepare: Prepare,
        account: Customer | None = None,
    ) -> Drafted | NotDrafted:
        """Draft one customer's invoice; see `billable`."""
        held = False
        try:
            customer = self.billable(customer_id, batch, prepare, account)
            held = customer.held_since is not None
            draft = self._draft(period, customer, close, parked=month.parked)
            return Drafted(customer, month, draft, bookable_bytes(draft, customer))
        except OF_ONE_CUSTOMER as error:
            return NotDrafted(customer_id, reason_to_park(error), held)

    def billable(self, customer_id: str, batch: Batch, prepare: Prepare, account: Customer | None = None) -> Customer:
        """Prepare a customer's account for the month's invoice.

        Parameters
        ----------
        account : Customer or None
            The account, if it has just been read. It is read again if somebody else has changed it meanwhile.

        Raises
        ------
        ParkCustomerError
            A person must act before this customer can be billed.
        ConflictError
            Somebody else changed the account every time.
        """
        if account:
            with suppress(ConflictError):
                return prepare(_checked(account, batch))
        return retry_conflicts(lambda: prepare(_checked(self._account(customer_id), batch)))

    def _account(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise ParkCustomerError("no_customer", f"customer {customer_id} was removed after the snapshot")
        return customer

    def _draft(self, period: Period, customer: Customer, close: Close | None, *, parked: bool) -> Draft:
        """Draft from the usage received until the close was opened: its watermark, the same for every run.

        A parked customer who cannot be billed from that is billed from what was received until this run started.
        """
        now = self.clock()
        if close is None:
            return self.drafter.draft(customer, period, "", "", now, self.today())
        draft = partial(self.drafter.draft, customer, period, close.price_book, close.tax_table, day=self.today())
        try:
            return draft(watermark=close.opened_at)
        except ParkCustomerError:
            if not parked:
                raise
        return draft(watermark=close.run_started_at)


def _checked(customer: Customer, batch: Batch) -> Customer:
    """Check that an account can be billed as the snapshot has it."""
    currency, provider = customer.profile.currency, customer.profile.payment_provider
    if provider != batch.provider:
        raise ParkCustomerError(
            "provider_changed",
            f"the snapshot says {batch.provider!r}, the profile now says {provider!r}; change it back for this period",
        )
    if currency not in EXPONENT_BY_CURRENCY:
        raise ParkCustomerError(
            "unknown_currency",
            f"{currency!r} is not an ISO 4217 currency; correct it and import the customer again",
        )
    if customer.currency != currency:
        minor = customer.balance.minor or customer.carried_minor or customer.receivable_minor
        what = Money(minor, customer.currency)
        raise ParkCustomerError(
            "currency_mismatch",
            f"the profile says {currency}, but {what} is still open; settle that or change the profile back",
        )
    return customer


def bookable_bytes(draft: Draft, customer: Customer) -> int:
    """Try out the booking of a draft, as one that cannot be booked or stored must not get a number.

    Returns
    -------
    int
        The size of its document.

    Raises
    ------
    ParkCustomerError
        Its document is too large.
    AmountTooLargeError
        The amounts on the account would be too large.
    """
    [invoice], content = number_drafts([draft], 1, "")
    if len(content) > MOST_BYTES:
        raise ParkCustomerError(
            "document_too_large",
            f"the invoice's document is larger than {MOST_BYTES // 2**20} MB; shorten descriptions, or price by "
            "SKU instead of by resource",
        )
    invoices.issue(invoice, account_after(customer, draft), payable_of(draft, customer))
    return len(content)
