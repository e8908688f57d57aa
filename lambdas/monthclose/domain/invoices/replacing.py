"""Invoices that replace another: the other was credited in full by credit notes, and keeps what it says for good.

What was paid for the other has become the customer's own credit, and the new invoice uses that first. It counts as
collected for it, not as credited: so money that the bank reverses later opens the new invoice again, as it would have
opened the other.
"""

from dataclasses import replace

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Payable, sum_minor
from monthclose.domain.invoices.invoice import Booking, Invoice, issue


def take_its_place(invoice: Invoice, customer: Customer, held_minor: int, payable: Payable | None = None) -> Booking:
    """Book an invoice in place of one that has been credited in full.

    Parameters
    ----------
    held_minor : int
        What the month's payments hold of the providers' money, in minor units.
    payable : Payable or None
        What credit for named SKUs may pay for.

    Raises
    ------
    ValueError
        The account has amounts in another currency.
    """
    issued, account, legs = issue(invoice, customer, payable)
    own_money = issued.credited_minor - sum_minor(issued.grants_used)
    collected = min(own_money, held_minor)
    settled = replace(issued, collected_minor=collected, credited_minor=issued.credited_minor - collected)
    return settled, account, legs
