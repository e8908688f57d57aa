"""Refunds and reversals: money that leaves us after it was collected, and money that comes back to us after that.

A *refund* gives money back on purpose: the invoice stays settled, and what it was paid with is written off. A
*reversal* is the bank's doing (dispute, charge-back, late failure): the invoice is open again by that sum. Both can be
undone: a refund fails, a dispute is won, whole or in part.

Whatever the order in which we hear of them, the same refunds and reversals end in the same ledger. So each works on its
own part first: a refund on what was paid beyond the invoice, a reversal on what the invoice was paid with. What the
invoice did not need has become credit of the customer's and comes out of that; if the credit was used meanwhile, it is
our loss, and belongs to the payment. What a refund or reversal did is read from the ledger when it is undone.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account, Entry, Leg, entry_legs
from monthclose.domain.invoices.invoice import Booking, Invoice
from monthclose.domain.money import Money


class Returned(NamedTuple):
    """What a payment's refunds, or its reversals, have done so far, in minor units."""

    reopened: int = 0
    """Owed again."""
    from_credit: int = 0
    """Clawed back from the customer's credit."""
    written_off: int = 0
    """Written off, or lost."""


class Effect(NamedTuple):
    """What is booked, and by how much the payment's loss changes (minor units)."""

    booking: Booking
    lost: int = 0


def returned_by(entries: Iterable[Entry], prefix: str) -> Returned:
    """Read from the ledger what the entries whose ids begin with a prefix have done."""
    legs = [leg for entry in entries if entry.entry_id.startswith(prefix) for leg in entry.legs]
    return Returned(*(_sum(legs, account) for account in (Account.RECEIVABLE, Account.CREDIT, Account.WRITE_OFF)))


def _sum(legs: Iterable[Leg], account: Account) -> int:
    return sum(leg.minor for leg in legs if leg.account is account)


def refund(invoice: Invoice, customer: Customer, amount: Money, excess_minor: int) -> Effect:
    """Book a refund: the invoice stays settled, and the amount is written off.

    Parameters
    ----------
    excess_minor : int
        What of the invoice's payments is not collected for it: it had become credit, and goes first.
    """
    after, from_credit, _ = credit.claw_back(customer, max(min(amount.minor, excess_minor), 0))
    from_collected = min(amount.minor - from_credit, invoice.collected_minor)
    refunded = replace(
        invoice,
        collected_minor=invoice.collected_minor - from_collected,
        written_off_minor=invoice.written_off_minor + from_collected,
    )
    legs = {
        Account.CLEARING: -amount.minor,
        Account.CREDIT: from_credit,
        Account.WRITE_OFF: amount.minor - from_credit,
    }
    return Effect((refunded, after, entry_legs(legs)), lost=amount.minor - from_credit - from_collected)


def undo_refund(invoice: Invoice, customer: Customer, amount: Money, done: Returned) -> Effect:
    """Book that refunded money has come back to us: the refund failed, or was cancelled.

    Parameters
    ----------
    done : Returned
        What the payment's refunds have done.
    """
    written_off = min(amount.minor, done.written_off)
    collected = min(written_off, invoice.written_off_minor)
    to_credit = amount.minor - written_off
    restored = replace(
        invoice,
        collected_minor=invoice.collected_minor + collected,
        written_off_minor=invoice.written_off_minor - collected,
    )
    legs = {Account.CLEARING: amount.minor, Account.CREDIT: -to_credit, Account.WRITE_OFF: -written_off}
    return Effect((restored, credit.add(customer, to_credit), entry_legs(legs)), lost=collected - written_off)


def reverse(invoice: Invoice, customer: Customer, amount: Money, excess_minor: int) -> Effect:
    """Book a reversal by the customer's bank: the invoice is open again by as much of it as it was paid with.

    That includes what a refund has given back before: the bank returns it a second time, and the refund's write-off
    becomes our loss.

    Parameters
    ----------
    excess_minor : int
        What of the invoice's payments is not collected for it: it had become credit.
    """
    from_collected = min(amount.minor, invoice.collected_minor)
    from_written_off = min(amount.minor - from_collected, invoice.written_off_minor)
    reopened = from_collected + from_written_off
    customer, from_credit, _ = credit.claw_back(customer, max(min(amount.minor - reopened, excess_minor), 0))
    lost = amount.minor - reopened - from_credit
    reversed_ = replace(
        invoice,
        collected_minor=invoice.collected_minor - from_collected,
        written_off_minor=invoice.written_off_minor - from_written_off,
    )
    legs = {
        Account.CLEARING: -amount.minor,
        Account.RECEIVABLE: reopened,
        Account.CREDIT: from_credit,
        Account.WRITE_OFF: lost,
    }
    after = replace(customer, receivable_minor=customer.receivable_minor + reopened)
    return Effect((reversed_, after, entry_legs(legs)), lost=lost + from_written_off)


def undo_reversal(invoice: Invoice, customer: Customer, amount: Money, done: Returned) -> Effect:
    """Book that reversed money is ours again (a dispute won, in whole or part).

    Parameters
    ----------
    done : Returned
        What the payment's reversals have done.
    """
    regained = min(amount.minor, done.written_off)
    # Below zero where money that came back found the invoice paid otherwise: then no credit is missing.
    to_credit = min(amount.minor - regained, max(done.from_credit, 0))
    applied = min(amount.minor - regained - to_credit, invoice.open.minor)
    excess = amount.minor - regained - applied
    settled = replace(invoice, collected_minor=invoice.collected_minor + applied)
    legs = {
        Account.CLEARING: amount.minor,
        Account.RECEIVABLE: -applied,
        Account.CREDIT: -excess,
        Account.WRITE_OFF: -regained,
    }
    after = replace(customer, receivable_minor=customer.receivable_minor - applied)
    return Effect((settled, credit.add(after, excess), entry_legs(legs)), lost=-regained)
