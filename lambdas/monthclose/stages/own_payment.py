"""The payment that a new invoice is to be collected by."""

from collections.abc import Collection
from datetime import datetime

from monthclose.domain.customer import Customer
from monthclose.domain.invoice import Invoice
from monthclose.domain.payment import Payment, PaymentState


def own_payment(
    invoice: Invoice, customer: Customer, adapters: Collection[str], now: datetime, *, sequence: int = 1, batch: int
) -> Payment:
    """Write down an invoice's own payment: ready to be charged, or why nobody is asked for money.

    Parameters
    ----------
    adapters : collection of str
        The providers that can be charged through.
    """
    profile = customer.profile
    payment = Payment(invoice.customer_id, invoice.period, profile.payment_provider, invoice.currency, sequence, batch)
    if not invoice.open:
        return payment.to(PaymentState.NOTHING_DUE, now, "nothing is open on the invoice")
    if profile.payment_provider not in adapters:
        return payment.to(PaymentState.NO_ADAPTER, now, f"provider {profile.payment_provider!r} has no adapter")
    if not profile.payment_method:
        return payment.to(PaymentState.NO_PAYMENT_METHOD, now, "the customer has no payment method")
    return payment
