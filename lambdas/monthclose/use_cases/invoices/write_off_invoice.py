"""Write off what is open of an invoice: it is given up, and the customer no longer owes it.

One commit books it. The same amount for the same reason again writes off nothing more, so it may be repeated.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.collections.hold import lift_if_paid_up
from monthclose.domain.collections.unconfirmed import leased_to_withdraw
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.giving_up import WRITE_OFF, amount_to_write_off, given_up, write_off
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.hand_limits import HandLimits
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.text import check_reason
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.tellers import TellsMoneyBack


class WrittenOff(NamedTuple):
    """A booked write-off, and whether it had been booked before."""

    invoice: Invoice
    amount: Money
    entry: Entry
    again: bool


@dataclass(frozen=True, slots=True)
class WriterOff:
    """Writes off invoices, within the limits of the role that it is asked in."""

    books: Books
    issued: IssuedDocuments
    holds: HoldKeeper
    teller: TellsMoneyBack
    clock: Clock
    limits: HandLimits

    def write_off(
        self, number: str, amount: Money | None, reason: str, *, by: str = "", mail: bool = True
    ) -> WrittenOff:
        """Write off an amount that is open of an invoice; None for all that is open.

        Parameters
        ----------
        mail : bool
            Whether the customer is told.

        Raises
        ------
        UserMistakeError
            The invoice does not exist, has less open than that, was replaced, or it is more than the role may give up.
        TryLaterError
            The invoice is being charged right now, also with another month's, or refunded.
        """
        reason = check_reason(reason, "a reason is needed: it is kept with the write-off")
        invoice = self.issued.find(number)
        if amount is not None and amount.currency != invoice.currency:
            raise UserMistakeError(f"invoice {invoice.number} is in {invoice.currency}, not {amount.currency}")
        if amount is not None and amount.minor <= 0:
            raise UserMistakeError("the amount must be more than zero")
        done = retry_conflicts(partial(self._book, invoice, amount, reason, by))
        month = self.books.month(invoice.customer_id, invoice.period)
        self.holds.settle_up(invoice.customer_id, [(invoice.period, month)])
        with suppress(TryLaterError):  # the write-off stands; the same command sends the e-mail later
            if mail:
                self.teller.tell_write_off(invoice.customer_id, invoice.period, done.entry.entry_id)
            self.holds.tell(invoice.customer_id)
        return done

    def _book(self, wanted: Invoice, amount: Money | None, reason: str, by: str) -> WrittenOff:
        customer = self.books.customer(wanted.customer_id)
        month = self.books.month(wanted.customer_id, wanted.period)
        invoice = month.invoice
        if customer is None or invoice is None:
            raise ValueError(f"customer {wanted.customer_id} or their invoice for {wanted.period} no longer exists")
        if invoice.number != wanted.number:
            raise UserMistakeError(f"{wanted.number} was replaced by {invoice.number}: write off that one")
        entry_id = f"{WRITE_OFF}{invoice.number}/{_digest(amount, reason)}"
        for entry in month.entries:
            if entry.entry_id == entry_id:
                return WrittenOff(invoice, _amount_of(entry), entry, again=True)
        if month.money_moves() or self._gathered(customer, invoice):
            raise TryLaterError(f"{invoice.number} is being charged or refunded; try again once the outcome is known")
        most = amount_to_write_off(invoice, amount)
        self.limits.check(most, given_up(invoice.currency, month.payments, month.entries), invoice.number)
        after, account, legs = write_off(invoice, customer, most)
        now = self.clock()
        memo = f"{most} of invoice {invoice.number} written off: {reason}" + (f" (by {by})" if by else "")
        entry = Entry(entry_id, invoice.customer_id, invoice.period, invoice.currency, now, legs, memo)
        account, change = lift_if_paid_up(account, invoice.period, len(month.holds) + 1, now)
        account = leased_to_withdraw(account, [month], [after], now)
        self.books.commit(account, after, entry, *change)
        return WrittenOff(after, most, entry, again=False)

    def _gathered(self, customer: Customer, invoice: Invoice) -> bool:
        """Whether another month's payment in flight collects what is open of the invoice, too."""
        key = PaymentKey.parse(customer.open_payment)
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence) if key else None
        return payment is not None and payment.in_flight and invoice.period in payment.gathers


def _amount_of(entry: Entry) -> Money:
    return Money(sum(leg.minor for leg in entry.legs if leg.account is Account.WRITE_OFF), entry.currency)


def _digest(amount: Money | None, reason: str) -> str:
    content = json.dumps([amount.minor if amount else None, reason], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:24]
