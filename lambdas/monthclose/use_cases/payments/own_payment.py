"""The payments that collect an invoice: its own, and further ones if that one did not collect it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Books
from monthclose.use_cases.batch_work import retry_conflicts


def own_payment(
    invoice: Invoice, customer: Customer, adapters: Collection[str], now: datetime, *, sequence: int = 1, batch: int
) -> Payment:
    """Make an invoice's own payment: ready to be charged, or saying why it is not.

    Parameters
    ----------
    adapters : collection of str
        The providers that can be charged through.
    """
    profile = customer.profile
    payment = Payment(invoice.customer_id, invoice.period, profile.payment_provider, invoice.currency, sequence, batch)
    if not invoice.open:
        return payment.to(PaymentState.NOTHING_DUE, now, "nothing is due on the invoice")
    if profile.payment_provider not in adapters:
        return payment.to(PaymentState.NO_ADAPTER, now, f"provider {profile.payment_provider!r} has no adapter")
    if not customer.payment_method:
        return payment.to(PaymentState.NO_PAYMENT_METHOD, now, "the customer has no payment method")
    return payment


def new_payment(books: Books, customer: Customer, period: Period, limit: Money | None = None) -> PaymentKey:
    """Make one more payment of an invoice, or reuse the last one if it was never begun."""
    month = books.month(customer.customer_id, period)
    payments = month.payments
    newest, provider = payments[-1], customer.profile.payment_provider
    wanted = limit.minor if limit else None
    # The payment that a replacement waits for collects the rest later: no limit may stay on it.
    spare = newest.waits and (wanted is None or newest != month.collecting)
    if spare and newest.provider == provider:
        books.commit(replace(newest, limit_minor=wanted))
    else:
        newest = Payment(
            customer.customer_id, period, provider, payments[0].currency, newest.sequence + 1, limit_minor=wanted
        )
        books.commit(newest)
    return PaymentKey(customer.customer_id, period, newest.sequence)


def payment_to_try(books: Books, customer: Customer, period: Period, month: CustomerMonth) -> PaymentKey:
    """Name the payment of an open invoice to try again: its own, or a new one.

    A new one is made if its own is a different provider's, or has collected already.
    """
    own = month.collecting
    if own and (own.provider != customer.profile.payment_provider or own.collected_minor):
        return retry_conflicts(partial(new_payment, books, customer, period))
    return PaymentKey(customer.customer_id, period, own.sequence if own else 1)
