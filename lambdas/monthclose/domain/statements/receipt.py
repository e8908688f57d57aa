"""The receipt for a payment: what was paid, when, for which invoices, and what of it has gone back since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document_parts import Buyer, Seller
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.domain.statements.statement import invoice_paid_by


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """What of a payment an invoice was paid with, in minor units."""

    number: str
    issued_on: date
    period: Period
    minor: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment, as its customer gets it confirmed; amounts in minor units.

    Parameters
    ----------
    payment_id : str
        Its name: `2026-10/acme`.
    paid_on : date
        When it was booked.
    to_credit_minor : int
        What of it was more than the invoices needed, and became credit.
    refunded_minor, reversed_minor : int
        What we, and the customer's bank, have returned of it since.
    language : str
        What it is written in, as a tag (BCP 47).
    """

    payment_id: str
    seller: Seller
    buyer: Buyer
    currency: str
    paid_on: date
    invoices: tuple[PaidInvoice, ...]
    to_credit_minor: int = 0
    refunded_minor: int = 0
    reversed_minor: int = 0
    language: str = ""

    @property
    def paid_minor(self) -> int:
        """What was paid."""
        return sum(invoice.minor for invoice in self.invoices) + self.to_credit_minor

    @property
    def kept_minor(self) -> int:
        """What of it has not gone back."""
        return self.paid_minor - self.refunded_minor - self.reversed_minor


def receipt_for(
    payment: Payment, months: Mapping[Period, CustomerMonth], seller: Seller, buyer: Buyer, language: str
) -> Receipt:
    """Write the receipt of a payment that was collected.

    Raises
    ------
    UserMistakeError
        It was not; the message says what it is.
    """
    month = months[payment.period]
    booked = next((entry for entry in month.entries if _books(entry, payment)), None)
    if booked is None:
        raise UserMistakeError(
            f"payment {payment.payment_id} has collected nothing (it is {payment.state}): there is no receipt for it"
        )
    paid = _sum(booked, Account.CLEARING)
    applied = paid + min(_sum(booked, Account.CREDIT), 0)
    number = invoice_paid_by(month, payment.sequence)
    invoices, rest = list(_paid(month, number, applied)), paid - applied
    for period in payment.gathers:
        earlier = months.get(period, CustomerMonth())
        gathered = min(rest, _gathered(payment, earlier))
        invoices += _paid(earlier, earlier.invoice.number if earlier.invoice else "", gathered)
        rest -= gathered
    return Receipt(
        payment.payment_id,
        seller,
        buyer,
        payment.currency,
        booked.booked_on,
        tuple(invoices),
        rest,
        payment.refunded_minor,
        payment.reversed_minor,
        language,
    )


def _books(entry: Entry, payment: Payment) -> bool:
    return entry.entry_id.startswith(f"payment/{payment.sequence}/")


def _sum(entry: Entry, account: Account) -> int:
    return sum(leg.minor for leg in entry.legs if leg.account is account)


def _gathered(payment: Payment, month: CustomerMonth) -> int:
    """What a payment settled of an earlier invoice, without what was written off of it."""
    of = f"gathered/{payment.period}/{payment.sequence}/"
    entries = [entry for entry in month.entries if entry.entry_id.startswith(of)]
    return sum(_sum(entry, Account.CREDIT) for entry in entries)


def _paid(month: CustomerMonth, number: str, minor: int) -> Iterator[PaidInvoice]:
    invoice = month.invoice_of(number)
    if invoice and minor:
        yield PaidInvoice(number, invoice.issued_on, invoice.period, minor)
