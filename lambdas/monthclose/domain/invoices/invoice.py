"""The invoice of one customer and period, and how it is settled.

Totals and lines never change once the invoice has its number. What changes is how much of it is settled:
total = collected + credited + written off + open, always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Parts, Payable, merged
from monthclose.domain.accounts.ledger import Account, Leg, entry_legs
from monthclose.domain.money import Money
from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """Where an invoice's document is: a slice of one stored object, and the SHA-256 of that slice."""

    key: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """An issued invoice; amounts in minor units.

    Parameters
    ----------
    tax_minor : int
        What of the total is tax.
    total_minor : int
        Sum of the lines and taxes. Negative when the month's corrections exceed its usage: such an invoice charges
        nothing and its amount becomes credit.
    collected_minor, credited_minor, written_off_minor : int
        How it has been settled so far.
    grants_used : Parts
        What of the credit that it was settled with was of grants.
    replaces, replaced_by : str
        Number of the invoice whose place it took, and of the one that took its own; empty if there is none.
    being_replaced : bool
        A number is reserved, or about to be, for one that takes its place: its batch isn't finished until that is done.
    first_payment : int
        Sequence number of the first payment that is its own: what is open of it is collected by that one.
    """

    number: str
    customer_id: str
    period: Period
    currency: str
    total_minor: int
    issued_on: date
    document: DocumentPlace
    tax_minor: int = 0
    collected_minor: int = 0
    credited_minor: int = 0
    written_off_minor: int = 0
    grants_used: Parts = ()
    replaces: str = ""
    replaced_by: str = ""
    being_replaced: bool = False
    first_payment: int = 1
    version: int = 0

    @property
    def entry_id(self) -> str:
        """Id of the ledger entry that books it, among those of its month."""
        return f"invoice/{self.number}" if self.replaces else "invoice"

    @property
    def total(self) -> Money:
        """The invoiced amount."""
        return Money(self.total_minor, self.currency)

    @property
    def open(self) -> Money:
        """What is still to be paid; zero for a negative invoice."""
        settled = self.collected_minor + self.credited_minor + self.written_off_minor
        return Money(max(self.total_minor, 0) - settled, self.currency)


type Booking = tuple[Invoice, Customer, tuple[Leg, ...]]
"""The invoice and the account afterwards, and the legs of the ledger entry."""


def issue(invoice: Invoice, customer: Customer, payable: Payable | None = None) -> Booking:
    """Book a new invoice on the customer's account, using up their credit first.

    Parameters
    ----------
    payable : Payable or None
        What credit for named SKUs may pay for (see `payable`).

    Raises
    ------
    ValueError
        The account has amounts in another currency. The caller must have parked the customer.
    """
    total, tax = invoice.total_minor, invoice.tax_minor
    earned = {Account.REVENUE: tax - total, Account.TAX: -tax}
    if (customer.receivable_minor or customer.credit_minor) and customer.currency != invoice.currency:
        raise ValueError(f"invoice {invoice.number} is in {invoice.currency}, the account in {customer.currency}")
    customer = replace(customer, account_currency=invoice.currency)
    if total < 0:  # we owe them: credit for the months to come
        after = replace(credit.add(customer, -total), last_invoiced_minor=0)
        return invoice, after, entry_legs({Account.CREDIT: total, **earned})
    customer, used, grants = credit.use(customer, total, invoice.period, payable)
    legs = entry_legs({Account.RECEIVABLE: total - used, Account.CREDIT: used, **earned})
    receivable = customer.receivable_minor + total - used
    after = replace(customer, receivable_minor=receivable, last_invoiced_minor=total)
    return replace(invoice, credited_minor=used, grants_used=grants), after, legs


def settle(invoice: Invoice, customer: Customer, collected: Money, rest_minor: int = 0) -> Booking:
    """Book money collected for an invoice; the customer's credit covers what it leaves open, as far as it goes.

    What is collected beyond what is open (a customer authenticates an old charge after they have paid otherwise)
    becomes their credit.

    Parameters
    ----------
    rest_minor : int
        What no charge can take, in minor units: if no more than that is left open, it is written off.

    Raises
    ------
    ValueError
        Less than nothing was collected.
    """
    if collected.minor < 0:
        raise ValueError(f"{collected} cannot be collected for invoice {invoice.number}")
    applied = min(collected, invoice.open).minor
    excess = collected.minor - applied
    customer, used, grants = credit.use(customer, invoice.open.minor - applied, invoice.period)
    left = invoice.open.minor - applied - used
    dropped = left if left <= rest_minor else 0
    settled = replace(
        invoice,
        collected_minor=invoice.collected_minor + applied,
        credited_minor=invoice.credited_minor + used,
        written_off_minor=invoice.written_off_minor + dropped,
        grants_used=merged(*invoice.grants_used, *grants),
    )
    receivable = customer.receivable_minor - applied - used - dropped
    after = replace(credit.add(customer, excess), receivable_minor=receivable)
    legs = {
        Account.CLEARING: collected.minor,
        Account.CREDIT: used - excess,
        Account.WRITE_OFF: dropped,
        Account.RECEIVABLE: -applied - used - dropped,
    }
    return settled, after, entry_legs(legs)


def use_credit(invoice: Invoice, customer: Customer, rest_minor: int = 0) -> Booking:
    """Let the customer's credit cover what is open of an invoice, as far as it goes; a rest as in `settle`."""
    return settle(invoice, customer, Money(0, invoice.currency), rest_minor)


def amount_due(invoice: Invoice, customer: Customer, limit_minor: int | None = None) -> Money:
    """Decide what to charge for an invoice now: what is open of it, but never more than the customer owes in all.

    Parameters
    ----------
    limit_minor : int or None
        The most that may be charged, in minor units.
    """
    owed = customer.receivable_minor - credit.usable_minor(customer, invoice.period)
    due = Money(max(min(invoice.open.minor, owed), 0), invoice.currency)
    return due if limit_minor is None else min(due, Money(limit_minor, invoice.currency))
