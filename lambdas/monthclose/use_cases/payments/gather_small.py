"""Amounts too small for a charge of their own: found when the customer's next invoice is charged, and settled with it.

What a charge collects beyond its own invoice is the customer's credit for a moment, and covers the invoices that the
charge gathers, in the same commit.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import BELOW_MINIMUM, Payment
from monthclose.domain.period import Period
from monthclose.ports import Books, Record

_MOST = 12
"""Invoices that one charge gathers: all are booked in one commit. Further ones go with the next charge."""


def small_amounts(books: Books, customer_id: str, before: Period) -> Iterator[tuple[Period, int]]:
    """Find what is open of earlier months' invoices that were too small to be charged: minor units, oldest first."""
    small = (
        (period, month.invoice.open.minor)
        for period, month in sorted(books.months(customer_id).items())
        if period < before and month.invoice and _is_small(month)
    )
    return islice(small, _MOST)


def settle_gathered(books: Books, customer: Customer, payment: Payment, now: datetime) -> tuple[Customer, list[Record]]:
    """Let what a payment collected for earlier invoices settle them: the account then, and what to commit with it."""
    records = list[Record]()
    for period in payment.gathers:
        invoice = books.month(customer.customer_id, period).invoice
        if invoice is None:
            continue
        rest = payment.rest_minor if period == payment.gathers[-1] else 0
        after, customer, legs = invoices.use_credit(invoice, customer, rest)
        if not legs:
            continue
        memo = f"invoice {after.number}, too small to be charged on its own, paid with payment {payment.payment_id}"
        entry_id = f"gathered/{payment.period}/{payment.sequence}/{payment.attempt}"
        records += [after, Entry(entry_id, customer.customer_id, period, after.currency, now, legs, memo)]
    return customer, records


def _is_small(month: CustomerMonth) -> bool:
    payment = month.collecting
    open_and_small = bool(month.invoice and month.invoice.open and payment and payment.code == BELOW_MINIMUM)
    return open_and_small and not month.parked and not any(p.in_flight for p in month.payments)
