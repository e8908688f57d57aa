"""What may be given back of a payment or given up of an invoice, and how a write-off is booked."""

from collections.abc import Iterable
from dataclasses import replace

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import sum_minor
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoice import Booking, Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.payments.refund import RefundKind, RefundState

WRITE_OFF = "write_off/"
"""What the ids of the entries begin with that book what a person has written off."""


def write_off(invoice: Invoice, customer: Customer, amount: Money) -> Booking:
    """Give up a part of what is open of an invoice."""
    given_up = replace(invoice, written_off_minor=invoice.written_off_minor + amount.minor)
    after = replace(customer, receivable_minor=customer.receivable_minor - amount.minor)
    return given_up, after, entry_legs({Account.WRITE_OFF: amount.minor, Account.RECEIVABLE: -amount.minor})


def given_up(currency: str, payments: Iterable[Payment], entries: Iterable[Entry]) -> Money:
    """Sum up what was refunded and written off of a month's invoices by hand so far, refunds under way included."""
    refunds = (refund for payment in payments for refund in payment.refunds)
    refunded = sum(refund.amount_minor for refund in refunds if refund.state is not RefundState.REFUSED)
    legs = (leg for entry in entries if entry.entry_id.startswith(WRITE_OFF) for leg in entry.legs)
    return Money(refunded + sum(leg.minor for leg in legs if leg.account is Account.WRITE_OFF), currency)


def amount_to_write_off(invoice: Invoice, amount: Money | None) -> Money:
    """Check how much is to be written off; None is everything that is open.

    Raises
    ------
    UserMistakeError
        Nothing is open, or less than what was asked for.
    """
    if not invoice.open:
        raise UserMistakeError(f"{invoice.number} cannot be written off: nothing of it is open")
    if amount is not None and amount > invoice.open:
        raise UserMistakeError(f"at most {invoice.open} of {invoice.number} can be written off, not {amount}")
    return amount or invoice.open


def amount_to_refund(
    kind: RefundKind, amount: Money | None, invoice: Invoice, customer: Customer, payment: Payment, excess_minor: int
) -> Money:
    """Check how much of a payment is to be refunded; None is as much as can be.

    Parameters
    ----------
    excess_minor : int
        What the providers hold of the month's payments beyond what is collected for the invoice, in minor units.

    Raises
    ------
    UserMistakeError
        It has less left than that, or the money is to go back for another reason first.
    """
    if payment.state is not PaymentState.PAID:
        raise UserMistakeError(f"payment {payment.payment_id} is {payment.state}: only what was paid can be refunded")
    if invoice.open:
        raise UserMistakeError(
            f"{invoice.open} of {invoice.number} is still open: credit that or write it off first (`invoice credit`, "
            "`write-off`), or what is refunded would be charged again"
        )
    own_credit = max(min(excess_minor, customer.credit_minor - sum_minor(customer.grants)), 0)
    most = Money(_most(kind, invoice, payment, own_credit), payment.currency)
    if not most:
        why = _NOTHING[kind].format(number=invoice.number)
        raise UserMistakeError(f"nothing of payment {payment.payment_id} can be refunded as {kind}: {why}")
    if kind is not RefundKind.OVERPAYMENT and own_credit:
        raise UserMistakeError(
            f"{Money(own_credit, payment.currency)} was paid beyond what was due and is the customer's credit: refund "
            "that first, with `--for overpayment`"
        )
    if amount is not None and amount > most:
        raise UserMistakeError(f"at most {most} of payment {payment.payment_id} can be refunded, not {amount}")
    return amount or most


_NOTHING = {
    RefundKind.SERVICE: "nothing is left that was collected for {number}",
    RefundKind.GOODWILL: "nothing is left that was collected for {number}",
    RefundKind.OVERPAYMENT: "no more was paid than was due for {number}, or that credit has been used",
}


def _most(kind: RefundKind, invoice: Invoice, payment: Payment, own_credit: int) -> int:
    if kind is RefundKind.OVERPAYMENT:
        return min(payment.net_minor, own_credit)
    return max(min(payment.net_minor, invoice.collected_minor), 0)
