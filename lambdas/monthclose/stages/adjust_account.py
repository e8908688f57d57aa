"""Adjust an account by hand: charge a customer now, book money received outside, grant credit.

All of it while a close may be charging the same customer: what the close then collects is decided when it does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.customer import Customer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.hold import lift_if_paid_up
from monthclose.domain.ledger import Account, Entry, entry_legs
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock, Closes
from monthclose.stages.apply_holds import HoldKeeper
from monthclose.stages.batch_work import retry_conflicts
from monthclose.stages.charge_customers import Charger
from monthclose.stages.cover_open import OpenMonths, cover_with_credit, open_months, settle_up


@dataclass(frozen=True, slots=True)
class Cashier:
    """Does what a person asks for on one customer's account."""

    books: Books
    closes: Closes
    clock: Clock
    charger: Callable[[str], Charger]
    """Makes the charger of a provider."""
    keeper: HoldKeeper

    def pay(self, customer_id: str, amount: Money | None = None) -> list[Payment]:
        """Charge a customer now for their open invoices, oldest first, up to an amount; return the payments made.

        Each is a payment of its own beside the close's, by the same protocol and under the same lease. A payment
        whose outcome is not known yet is among them: repeat nothing, the reconciler settles it.

        Raises
        ------
        UserMistakeError
            There is no such customer, or nothing is open that can be charged.
        TryLaterError
            They are being charged right now, or the provider is briefly unable.
        """
        customer = self._customer(customer_id)
        left = self._checked(customer, amount) if amount is not None else None
        if not customer.profile.payment_method:
            raise UserMistakeError(f"customer {customer_id} has no payment method; import one first")
        charger, made = self.charger(customer.profile.payment_provider), list[Payment]()
        for period, month in open_months(self.books, customer_id):
            if left is not None and not left:
                break
            try:
                payment = self._pay_one(charger, customer, period, month, left)
            except TryLaterError:
                if not made:
                    raise
                break  # what was paid is to be told; the rest can be asked for again
            made.append(payment)
            if payment.state is not PaymentState.PAID:
                break
            left = left - Money(payment.collected_minor, left.currency) if left is not None else None
        if not made:
            raise UserMistakeError(f"customer {customer_id} has no open invoice")
        return made

    def _pay_one(
        self, charger: Charger, customer: Customer, period: Period, month: CustomerMonth, limit: Money | None
    ) -> Payment:
        key = retry_conflicts(partial(new_payment, self.books, customer, period, limit))
        try:
            charger.charge(key)
        finally:
            self._settle_up(customer.customer_id, [(period, month)])
        payment = self.books.month(customer.customer_id, period).payment_of(key.sequence)
        if payment is None:
            raise TryLaterError(f"payment {key.payment_id} cannot be read any more")
        return payment

    def record(self, customer_id: str, amount: Money, reference: str) -> Customer:
        """Book money that was received outside of the providers; it covers the open invoices, oldest first.

        Parameters
        ----------
        reference : str
            The bank's: the same one again is refused.

        Raises
        ------
        UserMistakeError
            There is no such customer, the amount cannot be, or the reference was booked before.
        """
        entry_id = f"received/{_short(reference)}"
        if any(entry.entry_id == entry_id for m in self.books.months(customer_id).values() for entry in m.entries):
            raise UserMistakeError(f"{reference!r} was booked for customer {customer_id} before")
        return self._add_credit(customer_id, amount, Account.BANK, entry_id, f"received outside: {reference}")

    def credit(self, customer_id: str, amount: Money, reason: str) -> Customer:
        """Grant a customer credit; it covers the open invoices, oldest first, and then the months to come.

        Raises
        ------
        UserMistakeError
            There is no such customer, or the amount cannot be.
        """
        entry_id = f"granted/{self.clock().isoformat()}"
        return self._add_credit(customer_id, amount, Account.ALLOWANCE, entry_id, f"credit granted: {reason}")

    def _add_credit(self, customer_id: str, amount: Money, account: Account, entry_id: str, memo: str) -> Customer:
        self._checked(self._customer(customer_id), amount)
        changed = retry_conflicts(partial(self._commit_credit, customer_id, amount, account, entry_id, memo))
        self._settle_up(customer_id, changed)
        return self._customer(customer_id)

    def _commit_credit(self, customer_id: str, amount: Money, source: Account, entry_id: str, memo: str) -> OpenMonths:
        customer, now = self._customer(customer_id), self.clock()
        self._checked(customer, amount)
        legs = entry_legs({source: amount.minor, Account.CREDIT: -amount.minor})
        granted = Entry(entry_id, customer_id, Period.of(now), amount.currency, now, legs, memo)
        account = replace(customer, account_currency=amount.currency, credit_minor=customer.credit_minor + amount.minor)
        cover = cover_with_credit(account, open_months(self.books, customer_id), entry_id, now)
        number = len(self.books.month(customer_id, granted.period).holds) + 1
        account, change = lift_if_paid_up(cover.customer, granted.period, number, now)
        self.books.commit(account, granted, *cover.records, *change)
        return cover.months

    def _customer(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise UserMistakeError(f"there is no customer {customer_id!r} (ids are taken as they were imported)")
        return customer

    def _checked(self, customer: Customer, amount: Money) -> Money:
        if amount.minor <= 0:
            raise UserMistakeError("the amount must be more than nothing")
        if amount.currency != customer.currency:
            raise UserMistakeError(f"customer {customer.customer_id} is billed in {customer.currency}")
        return amount

    def _settle_up(self, customer_id: str, changed: OpenMonths) -> None:
        settle_up(self.keeper, customer_id, changed)


def new_payment(books: Books, customer: Customer, period: Period, limit: Money | None = None) -> PaymentKey:
    """Write down one more payment of an invoice, or take up the last one if it was never begun."""
    payments = books.month(customer.customer_id, period).payments
    newest, provider = payments[-1], customer.profile.payment_provider
    wanted = limit.minor if limit else None
    never_begun = newest.sequence > 1 and newest.state is PaymentState.READY and not newest.attempt
    if never_begun and newest.provider == provider:
        books.commit(replace(newest, limit_minor=wanted))
    else:
        newest = Payment(
            customer.customer_id, period, provider, payments[0].currency, newest.sequence + 1, limit_minor=wanted
        )
        books.commit(newest)
    return PaymentKey(customer.customer_id, period, newest.sequence)


def _short(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()[:24]
