"""Adjust an account by hand: charge a customer now, book money received outside the providers, grant credit.

A close may be charging the same customer meanwhile: what it collects is decided at that moment.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Grant, GrantKind, last_day
from monthclose.domain.accounts.group import present_payer
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.billing_window import period_at
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.collections.hold import lift_if_paid_up
from monthclose.domain.collections.unconfirmed import leased_to_withdraw
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.notices.notice import notice_due
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError
from monthclose.ports import Books, Clock, Closes, Register
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.cover_open import OpenMonths, cover_with_credit, open_months
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.own_payment import new_payment
from monthclose.use_cases.tellers import TellsOutcomes


class _Coming(NamedTuple):
    """Credit for an account: where it comes from, and the conditions that make it a grant."""

    amount: Money
    source: Account
    memo: str
    entry_id: str = ""
    """Empty: a new one."""
    kind: GrantKind | None = None
    expires_at: datetime | None = None
    skus: tuple[str, ...] = ()

    def book(self, customer: Customer, entry_id: str, now: datetime) -> Customer:
        """Add it to an account."""
        if self.kind is None:
            more = credit.add(customer, self.amount.minor)
        else:
            granted = Grant(entry_id, self.kind, self.amount.minor, now, self.expires_at, self.skus)
            more = credit.grant(customer, granted)
        return replace(more, account_currency=self.amount.currency)


@dataclass(frozen=True, slots=True)
class Cashier:
    """Does what a person asks for on one customer's account."""

    books: Books
    closes: Closes
    clock: Clock
    charger: Callable[[str], Charger]
    """Makes the charger of a provider."""
    holds: HoldKeeper
    teller: TellsOutcomes
    register: Register
    calendar: BillingCalendar = IN_UTC

    def under_way(self, customer_id: str) -> Payment | None:
        """Find the payment by which a customer is being charged right now, perhaps a bank debit that takes days."""
        key = PaymentKey.parse(self._customer(customer_id).open_payment)
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence) if key else None
        return payment if payment and payment.in_flight else None

    def pay(self, customer_id: str, amount: Money | None = None) -> list[Payment]:
        """Charge a customer now for their open invoices, oldest first, up to an amount; return the payments made.

        Each is a payment of its own beside the close's, by the same protocol and under the same lease. A payment whose
        outcome is not known yet may be among them: do not repeat it, the reconciler settles it.

        Raises
        ------
        UserMistakeError
            There is no such customer, or nothing is open that can be charged.
        TryLaterError
            They are being charged right now, or the provider is briefly unavailable.
        """
        customer = self._customer(customer_id)
        left = self._checked(customer, amount) if amount is not None else None
        if not customer.payment_method:
            raise UserMistakeError(
                f"customer {customer_id} has no payment method: import one first (monthclose import customers FILE)"
            )
        charger, made = self.charger(customer.profile.payment_provider), list[Payment]()
        for period, month in open_months(self.books, customer_id):
            if left is not None and not left:
                break
            try:
                payments = self._pay_one(charger, customer, period, month, left)
            except TryLaterError:
                if not made:
                    raise
                break  # report what was paid; the rest can be asked for again
            made += payments
            if payments[-1].state is not PaymentState.PAID:
                break
            collected = sum(payment.collected_minor for payment in payments)
            left = left - Money(collected, left.currency) if left is not None else None
        if not made:
            raise UserMistakeError(f"customer {customer_id} has no open invoice")
        return made

    def _pay_one(
        self, charger: Charger, customer: Customer, period: Period, month: CustomerMonth, limit: Money | None
    ) -> list[Payment]:
        """Charge one invoice: several times if one charge cannot take all."""
        charger.pauses.check(customer.profile.payment_provider, period)
        key = retry_conflicts(partial(new_payment, self.books, customer, period, limit))
        try:
            charger.charge(key)
        finally:
            self._tell(customer.customer_id, period)
            self.holds.settle_up(customer.customer_id, [(period, month)])
        payments = [p for p in self.books.month(customer.customer_id, period).payments if p.sequence >= key.sequence]
        if not payments:
            raise TryLaterError(f"payment {key.payment_id} can no longer be read")
        return payments

    def record(
        self,
        customer_id: str,
        amount: Money,
        reference: str,
        expires_at: datetime | None = None,
        *,
        by: str = "",
    ) -> Customer:
        """Book money that was received outside the providers; it covers the open invoices, oldest first.

        Parameters
        ----------
        reference : str
            The bank's. A second booking with the same reference for the same customer is refused.
        expires_at : datetime or None
            When what is left of it expires, if it was paid for prepaid credit that does.
        by : str
            Who books it: kept with the entry.

        Raises
        ------
        UserMistakeError
            There is no such customer, the amount is not valid, or the reference was booked before.
        """
        entry_id = f"received/{_short(reference)}"
        for month in self.books.months(customer_id).values():
            for entry in month.entries:
                if entry.entry_id == entry_id:
                    raise UserMistakeError(_booked_before(reference, entry))
        memo = (
            f"received outside the providers: {reference}"
            + (f" (prepaid{_until(expires_at)})" if expires_at else "")
            + _by(by)
        )
        kind = GrantKind.PAID if expires_at else None
        return self._add_credit(customer_id, _Coming(amount, Account.BANK, memo, entry_id, kind, expires_at))

    def credit(
        self,
        customer_id: str,
        amount: Money,
        reason: str,
        kind: GrantKind = GrantKind.GOODWILL,
        expires_at: datetime | None = None,
        *,
        skus: tuple[str, ...] = (),
        by: str = "",
    ) -> Customer:
        """Grant a customer credit; it covers the open invoices, oldest first, and then the months to come.

        Parameters
        ----------
        expires_at : datetime or None
            It pays for months that end until then.
        skus : tuple of str
            The SKUs that it pays for, on invoices that are issued from now on; empty: everything.
        by : str
            Who grants it: kept with the entry.

        Raises
        ------
        UserMistakeError
            There is no such customer, the amount is not valid, or all their invoices go to a payer.
        """
        customer = self._customer(customer_id)
        if (payer := present_payer(customer)) and not customer.receivable_minor:
            raise UserMistakeError(
                f"the invoices of {customer_id} go to {payer}, who pays for them: give {payer} the credit"
            )
        of = f" for {', '.join(skus)}" if skus else ""
        memo = f"{kind} credit granted{of}{_until(expires_at)}: {reason}{_by(by)}"
        coming = _Coming(amount, Account.ALLOWANCE, memo, kind=kind, expires_at=expires_at, skus=skus)
        return self._add_credit(customer_id, coming)

    def _add_credit(self, customer_id: str, coming: _Coming) -> Customer:
        self._checked(self._customer(customer_id), coming.amount)
        if coming.expires_at and coming.expires_at <= self.clock():
            raise UserMistakeError("credit cannot expire before it is granted")
        changed = retry_conflicts(partial(self._commit_credit, customer_id, coming))
        self.holds.settle_up(customer_id, changed)
        self._tell(customer_id)
        after = self._customer(customer_id)
        self.register.put_account(after)
        return after

    def _commit_credit(self, customer_id: str, coming: _Coming) -> OpenMonths:
        customer, now, amount = self._customer(customer_id), self.clock(), coming.amount
        self._checked(customer, amount)
        entry_id = coming.entry_id or f"granted/{customer.version}"
        legs = entry_legs({coming.source: amount.minor, Account.CREDIT: -amount.minor})
        period = period_at(customer.billing_cycles, now, self.calendar, customer.billing_zones)
        granted = Entry(entry_id, customer_id, period, amount.currency, now, legs, coming.memo)
        account = coming.book(customer, entry_id, now)
        opened = open_months(self.books, customer_id)
        cover = cover_with_credit(account, opened, entry_id, now)
        number = len(self.books.month(customer_id, granted.period).holds) + 1
        account, change = lift_if_paid_up(cover.customer, granted.period, number, now)
        account = leased_to_withdraw(account, (month for _, month in opened), cover.records, now)
        self.books.commit(account, granted, *cover.records, *change)
        return cover.months

    def _customer(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise UserMistakeError(f"there is no customer {customer_id!r} (ids must match the import exactly)")
        return customer

    def _checked(self, customer: Customer, amount: Money) -> Money:
        if amount.minor <= 0:
            raise UserMistakeError("the amount must be more than zero")
        if amount.currency != customer.currency:
            raise UserMistakeError(f"customer {customer.customer_id} is billed in {customer.currency}")
        return amount

    def _tell(self, customer_id: str, period: Period | None = None) -> None:
        """Tell the customer what has changed for them; what the mail service cannot take now is told later."""
        with suppress(TryLaterError):
            if period and not notice_due(self.books.month(customer_id, period)):  # the close's own comes with its batch
                self.teller.tell(customer_id, period)
            self.holds.tell(customer_id)


def _booked_before(reference: str, entry: Entry) -> str:
    received = Money(sum(leg.minor for leg in entry.legs if leg.account is Account.BANK), entry.currency)
    return (
        f"{reference!r} was already booked for customer {entry.customer_id}: {received} on {entry.time:%Y-%m-%d}; "
        "each transfer needs its own reference"
    )


def _until(expires_at: datetime | None) -> str:
    return f", valid until {last_day(expires_at)}" if expires_at else ""


def _by(by: str) -> str:
    return f" (by {by})" if by else ""


def _short(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()[:24]
