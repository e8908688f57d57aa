"""Invoices that take another's place: the other was taken back whole by credit notes, and keeps what it says for good.

What was paid for the other has become the customer's own credit, and the new invoice uses that first. It counts as
collected for it, not as credited: so money that the provider takes back later opens the new invoice again, as it would
have opened the other.
"""

from collections.abc import Iterable
from dataclasses import replace

from monthclose.domain.customer import Customer
from monthclose.domain.grant import sum_minor
from monthclose.domain.invoice import Booking, Invoice, issue
from monthclose.domain.ledger import Account


def take_its_place(invoice: Invoice, customer: Customer, held_minor: int) -> Booking:
    """Book an invoice in the place of one that has been taken back whole.

    Parameters
    ----------
    held_minor : int
        What the month's payments hold of the providers' money, in minor units.

    Raises
    ------
    ValueError
        The account has amounts in another currency.
    """
    issued, account, legs = issue(invoice, customer)
    own_money = issued.credited_minor - sum_minor(issued.grants_used)
    collected = min(own_money, held_minor)
    settled = replace(issued, collected_minor=collected, credited_minor=issued.credited_minor - collected)
    return settled, account, legs


def losses(superseded: Iterable[Invoice], before: Invoice, booking: Booking) -> list[Invoice]:
    """Write off on replaced invoices what a booking loses beyond the invoice that holds now.

    What was paid for a replaced invoice may have paid for other months, too. If the provider gives that money back, or
    it is taken back, the loss belongs to the invoice that it was paid for.
    """
    after, _, legs = booking
    lost = sum(leg.minor for leg in legs if leg.account is Account.WRITE_OFF)
    left, changed = lost - (after.written_off_minor - before.written_off_minor), list[Invoice]()
    for invoice in superseded:
        minor = min(left, invoice.credited_minor)
        if minor > 0:
            left -= minor
            credited, written_off = invoice.credited_minor - minor, invoice.written_off_minor + minor
            changed.append(replace(invoice, credited_minor=credited, written_off_minor=written_off))
    return changed
