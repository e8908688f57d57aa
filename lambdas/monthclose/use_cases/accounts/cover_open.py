"""What follows when a customer gets credit outside a close: it covers what is open, and their hold is reviewed."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry, used_id
from monthclose.domain.invoices import invoice as invoices
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.ports import Books, Record

_INVOICES_AT_ONCE = 30
"""Invoices that one commit lets credit cover: a transaction holds 100 items. The rest is covered when it is due."""

type OpenMonths = list[tuple[Period, CustomerMonth]]


class Cover(NamedTuple):
    """The account after its credit has covered what it can, what to commit with it, and the months covered."""

    customer: Customer
    records: list[Record]
    months: OpenMonths


def open_months(books: Books, customer_id: str) -> OpenMonths:
    """Read a customer's months with an open invoice, oldest first."""
    months = books.months(customer_id)
    return [(period, month) for period, month in months.items() if month.invoice and month.invoice.open]


def cover_with_credit(
    customer: Customer, months: Iterable[tuple[Period, CustomerMonth]], of: str, now: datetime
) -> Cover:
    """Let the credit of an account cover open invoices, in the order of the months.

    Parameters
    ----------
    of : str
        Id of the entry that the credit comes from.
    """
    records, covered = list[Record](), list[tuple[Period, CustomerMonth]]()
    for period, month in islice(months, _INVOICES_AT_ONCE):
        if month.invoice is None or any(payment.in_flight for payment in month.payments):
            continue  # its amount is frozen; credit covers the rest when its outcome is booked
        after, customer, used = invoices.use_credit(month.invoice, customer)
        if not used:
            break
        memo = f"credit used for invoice {after.number}"
        records += [after, Entry(used_id(of), customer.customer_id, period, after.currency, now, used, memo)]
        covered.append((period, month))
    return Cover(customer, records, covered)
