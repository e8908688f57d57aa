"""The invoice of one customer and period, and how it is settled.

Totals and lines never change once the invoice has its number. What changes is how much of it is settled:
total = collected + credited + written off + open, always.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from monthclose.domain import credit
from monthclose.domain.customer import Customer
from monthclose.domain.document import Buyer, Deduction, DocumentLine, InvoiceDocument, Seller, amounts_of
from monthclose.domain.grant import Grant, GrantKind, Parts, merged, sum_minor
from monthclose.domain.ledger import Account, Leg, entry_legs
from monthclose.domain.money import Money
from monthclose.domain.period import Period, day_in_words
from monthclose.domain.pricing import InvoiceLine
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.series import Series
from monthclose.domain.tax import Taxation, taxed

Draft = dict[str, Any]
"""An invoice's document without its number, as JSON."""


_CREDIT_IN_WORDS = {
    GrantKind.PROMOTIONAL: "Promotional credit",
    GrantKind.GOODWILL: "Goodwill credit",
    GrantKind.PAID: "Prepaid credit",
}


def documents_key(period: Period, batch: int, first: int) -> str:
    """Name the object that holds the documents of a batch's run of numbers."""
    return f"invoices/{period}/{batch:05}-{first:08}.jsonl"


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


def issue(invoice: Invoice, customer: Customer) -> Booking:
    """Book a new invoice on the customer's account, using up their credit first.

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
    customer, used, grants = credit.use(customer, total, invoice.period)
    legs = entry_legs({Account.RECEIVABLE: total - used, Account.CREDIT: used, **earned})
    receivable = customer.receivable_minor + total - used
    after = replace(customer, receivable_minor=receivable, last_invoiced_minor=total)
    return replace(invoice, credited_minor=used, grants_used=grants), after, legs


def settle(invoice: Invoice, customer: Customer, collected: Money) -> Booking:
    """Book money collected for an invoice; credit of the customer's covers what it leaves open, as far as it goes.

    What is collected beyond what is open (a customer authenticates an old charge after they have paid otherwise)
    becomes credit of theirs.

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
    settled = replace(
        invoice,
        collected_minor=invoice.collected_minor + applied,
        credited_minor=invoice.credited_minor + used,
        grants_used=merged(*invoice.grants_used, *grants),
    )
    after = replace(credit.add(customer, excess), receivable_minor=customer.receivable_minor - applied - used)
    legs = {Account.CLEARING: collected.minor, Account.CREDIT: used - excess, Account.RECEIVABLE: -applied - used}
    return settled, after, entry_legs(legs)


def use_credit(invoice: Invoice, customer: Customer) -> Booking:
    """Let the customer's credit cover what is open of an invoice, as far as it goes."""
    return settle(invoice, customer, Money(0, invoice.currency))


def take_back(invoice: Invoice, customer: Customer, amount: Money) -> Booking:
    """Book that money collected for an invoice is gone again (dispute, charge-back): the invoice opens again.

    What had become credit of the customer's is taken from it; credit that was used meanwhile is our loss.
    """
    reopened = min(amount.minor, invoice.collected_minor)
    customer, returned, _ = credit.take_paid(customer, amount.minor - reopened)
    written_off = amount.minor - reopened - returned
    after = replace(customer, receivable_minor=customer.receivable_minor + reopened)
    lost = min(written_off, invoice.credited_minor)
    legs = {
        Account.CLEARING: -amount.minor,
        Account.RECEIVABLE: reopened,
        Account.CREDIT: returned,
        Account.WRITE_OFF: written_off,
    }
    taken_back = replace(
        invoice,
        collected_minor=invoice.collected_minor - reopened,
        credited_minor=invoice.credited_minor - lost,
        written_off_minor=invoice.written_off_minor + lost,
    )
    return taken_back, after, entry_legs(legs)


def refund(invoice: Invoice, customer: Customer, amount: Money, excess_minor: int) -> Booking:
    """Book money that was given back on purpose: the invoice stays settled, the amount is written off.

    Parameters
    ----------
    excess_minor : int
        What of the payment had become credit of the customer's: that is given back first.
    """
    after, from_credit, _ = credit.take_paid(customer, min(amount.minor, excess_minor))
    from_collected = min(amount.minor - from_credit, invoice.collected_minor)
    # A credit note's credit that was used meanwhile: it is given twice, and that is our loss.
    from_credited = min(amount.minor - from_credit - from_collected, invoice.credited_minor)
    refunded = replace(
        invoice,
        collected_minor=invoice.collected_minor - from_collected,
        credited_minor=invoice.credited_minor - from_credited,
        written_off_minor=invoice.written_off_minor + from_collected + from_credited,
    )
    legs = {
        Account.CLEARING: -amount.minor,
        Account.CREDIT: from_credit,
        Account.WRITE_OFF: amount.minor - from_credit,
    }
    return refunded, after, entry_legs(legs)


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


def draft(
    customer: Customer,
    period: Period,
    lines: Iterable[InvoiceLine | LineContent],
    taxation: Taxation,
    issued_on: date,
    seller: Seller,
    *,
    due_on: date | None = None,
    more: Mapping[str, Any] | None = None,
) -> Draft:
    """Write down everything an invoice will say but its number, so that what gets the number is fixed before.

    Credit is what the account had when this was written. `issue` uses what there is then: the two differ if somebody
    changes the account in between, and the document stays true of its day.

    Parameters
    ----------
    lines : iterable of InvoiceLine or LineContent
        As priced, or as another document has them.
    more : mapping or None
        What it was made from (see `stages.draft_invoice`).
    """
    currency = customer.profile.currency
    content = [line.content(period) if isinstance(line, InvoiceLine) else line for line in lines]
    untaxed = InvoiceDocument(
        number="",
        period=period,
        issued_on=issued_on,
        currency=currency,
        seller=seller,
        customer=Buyer.of(customer),
        lines=tuple(DocumentLine.of(line) for line in content),
        total_minor=sum(line["amount_minor"] for line in content),
        due_on=due_on,
        more=more or {},
    )
    sums = taxed(amounts_of(untaxed.lines, (), currency), taxation, currency)
    document = untaxed.with_taxes(sums, inclusive=taxation.inclusive)
    return replace(document, credits=_credits(document, customer)).content()


def _credits(document: InvoiceDocument, customer: Customer) -> tuple[Deduction, ...]:
    """Say what of the total the customer's credit covers."""
    if customer.currency != document.currency or document.total_minor <= 0:
        return ()
    _, used, parts = credit.use(customer, document.total_minor, document.period)
    own = used - sum_minor(parts)
    granted = [Deduction(_described(part.grant), -part.minor) for part in parts]
    return (*granted, *((Deduction(f"Your credit on {day_in_words(document.issued_on)}", -own),) if own else ()))


def _described(grant: Grant) -> str:
    last = grant.last_day
    when = f", good until {day_in_words(last)}" if last else f" of {day_in_words(grant.granted_at)}"
    return _CREDIT_IN_WORDS[grant.kind] + when


def numbered(drafts: list[Draft], first: int, key: str) -> tuple[list[Invoice], bytes]:
    """Number drafts one after the other, and write their documents.

    Returns
    -------
    tuple
        The invoices, each with its place in the object `key`, and that object's content: one canonical JSON
        document a line, so that the same drafts give the same bytes and hashes.
    """
    invoices, content = [], bytearray()
    for number, content_of_one in enumerate(drafts, start=first):
        name = Series.INVOICES.numbered(number)
        document = json.dumps(
            {"number": name, **content_of_one}, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        ).encode()
        invoices.append(
            Invoice(
                number=name,
                customer_id=content_of_one["customer"]["customer_id"],
                period=Period.parse(content_of_one["period"]),
                currency=content_of_one["currency"],
                total_minor=content_of_one["total_minor"],
                tax_minor=sum(tax["amount_minor"] for tax in content_of_one.get("taxes", ())),
                issued_on=date.fromisoformat(content_of_one["issued_on"]),
                document=DocumentPlace(key, len(content), len(document), hashlib.sha256(document).hexdigest()),
                replaces=content_of_one.get("replaces", ""),
            )
        )
        content += document + b"\n"
    return invoices, bytes(content)
