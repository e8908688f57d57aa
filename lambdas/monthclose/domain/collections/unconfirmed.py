"""Charges that wait for their customer on a page of the bank, when what they would collect is no longer due. Pure.

Such a page can be left open in a browser for hours, and completing it collects the amount of its day. So what makes
that amount too much takes the customer's lease for the payment, in the same commit: whoever has the provider's key then
withdraws the order (the reconciler, at the latest), and nobody else charges the customer before.
"""

from collections.abc import Iterable
from datetime import datetime

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.invoices.invoice import Invoice, amount_due
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentState


def waits_for_customer(payment: Payment) -> bool:
    """Whether the provider has an order that the customer could still confirm."""
    return payment.state is PaymentState.ACTION_REQUIRED and bool(payment.provider_ref)


def would_take_too_much(payment: Payment, invoice: Invoice, customer: Customer) -> bool:
    """Whether a payment that its customer could still confirm would collect more than is due of its invoice now."""
    due = amount_due(invoice, customer).minor
    return waits_for_customer(payment) and payment.amount_minor - payment.gathered_minor > due


def leased_to_withdraw(
    customer: Customer, months: Iterable[CustomerMonth], changed: Iterable[object], now: datetime
) -> Customer:
    """Lease an account to the first payment that would take too much; the account as it is if there is none.

    Parameters
    ----------
    changed : iterable
        The records that are written with the account: invoices among them stand for those in the months.
    """
    if customer.open_payment:
        return customer
    after = {record.period: record for record in changed if isinstance(record, Invoice)}
    for month in months:
        invoice = after.get(month.invoice.period, month.invoice) if month.invoice else None
        for payment in month.payments if invoice else ():
            if invoice and would_take_too_much(payment, invoice, customer):
                return customer.leased_to(payment.payment_id, now)
    return customer
