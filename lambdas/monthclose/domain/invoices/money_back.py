"""Refunds and reversals: money that leaves us after it was collected, and money that comes back to us after that.

A *refund* gives money back on purpose: the invoice stays settled, and what it was paid with is written off. A
*reversal* is the bank's doing (dispute, charge-back, late failure): the invoice is open again by that sum. Both can be
undone: a refund fails, a dispute is won, whole or in part.

Whatever the order in which we hear of them, the same refunds and reversals end in the same ledger. So each works on its
own part first: a refund on what was paid beyond the invoice, a reversal on what the invoice was paid with. What the
invoice did not need has become the customer's credit and comes out of that; if the credit was used meanwhile, it is
our loss, and belongs to the payment. When money comes back, what the payment's refunds and reversals did is read from
the ledger and undone, and what is still gone is booked again.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account, Entry, Leg, entry_legs
from monthclose.domain.invoices.invoice import Booking, Invoice
from monthclose.domain.money import Money


class Returned(NamedTuple):
    """What a payment's refunds and reversals have done so far, in minor units."""

    reopened: int = 0
    """Owed again."""
    from_credit: int = 0
    """Clawed back from the customer's credit."""
    written_off: int = 0
    """Written off: on the invoice, or as our loss."""
    lost: int = 0
    """What of that is our loss."""

    @property
    def gone(self) -> int:
        """What has gone back in all."""
        return self.reopened + self.from_credit + self.written_off


class Effect(NamedTuple):
    """What is booked, and by how much the payment's loss changes (minor units)."""

    booking: Booking
    lost: int = 0


_TOUCHED = (Account.RECEIVABLE, Account.CREDIT, Account.WRITE_OFF)


def returned_by(entries: Iterable[Entry], prefixes: tuple[str, ...], lost_minor: int) -> Returned:
    """Read what a payment's refunds and reversals have done from the ledger, where their entries' ids begin so."""
    legs = [leg for entry in entries if entry.entry_id.startswith(prefixes) for leg in entry.legs]
    reopened, from_credit, written_off = (_sum(legs, account) for account in _TOUCHED)
    return Returned(reopened, from_credit, written_off, lost_minor)


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


def regain(
    invoice: Invoice,
    customer: Customer,
    done: Returned,
    still_refunded: Money,
    still_reversed: Money,
    excess_minor: int,
) -> Effect:
    """Book that money which went back is ours again: a refund failed, or a dispute was won, in whole or in part.

    All that was booked is undone, and what is still gone is booked again, as if we heard of it now. So a
    refund that was our loss only because the bank had taken the same money stops being one, and vice versa.

    Parameters
    ----------
    done : Returned
        What the payment's refunds and reversals have done.
    still_refunded, still_reversed : Money
        What of the payment is refunded and reversed after this.
    excess_minor : int
        What of the invoice's payments is not collected for it, before this.
    """
    applied = min(done.reopened, done.reopened + done.from_credit, invoice.open.minor)
    to_credit = done.reopened + done.from_credit - applied
    # A credit note may have covered what a refund wrote off: then the money that comes back is our gain.
    written_off = min(done.written_off - done.lost, invoice.written_off_minor)
    collected = invoice.collected_minor + applied + written_off
    restored = replace(invoice, collected_minor=collected, written_off_minor=invoice.written_off_minor - written_off)
    paid = credit.add(replace(customer, receivable_minor=customer.receivable_minor - applied), to_credit)
    excess = excess_minor + done.gone - applied - written_off
    again = reverse(restored, paid, still_reversed, excess)
    reopened, owing, taken = again.booking
    excess += collected - reopened.collected_minor - still_reversed.minor
    rest = refund(reopened, owing, still_refunded, excess)
    undone = {
        Account.CLEARING: done.gone,
        Account.RECEIVABLE: -applied,
        Account.CREDIT: -to_credit,
        Account.WRITE_OFF: -done.written_off,
    }
    legs = Counter(undone)
    for leg in (*taken, *rest.booking[2]):
        legs[leg.account] += leg.minor
    return Effect((*rest.booking[:2], entry_legs(legs)), lost=again.lost + rest.lost + written_off - done.written_off)
