"""Charge a customer while they are there, or right after they have given a new payment method.

Both are charges like any other: the lease, the amount decided at that moment, the one order of the payment. So a charge
of the collections, of a person or of a second click at the same time cannot collect it twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.offers import Offer, offers
from monthclose.domain.month import CustomerMonth
from monthclose.domain.notices.notice import notice_due
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import BeingChargedError, ProviderPausedError, TryLaterError, UnfinishedError
from monthclose.ports import Books, Clock
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.cover_open import OpenMonths, open_months
from monthclose.use_cases.collections.collect_due import Collector
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.own_payment import payment_to_try
from monthclose.use_cases.payments.present import Present
from monthclose.use_cases.tellers import TellsOutcomes

_NEWS = frozenset({PaymentState.PAID, PaymentState.PENDING})
"""What a customer who is there is also told by e-mail: it is their receipt. The rest they see on the page."""


class Tried(NamedTuple):
    """The result of charging a customer who is there.

    Parameters
    ----------
    state : PaymentState or None
        The payment's; None if there was nothing that they could pay.
    confirm_at : str
        Where they must go to authenticate the charge; empty if they need not.
    """

    state: PaymentState | None
    confirm_at: str = ""


@dataclass(frozen=True, slots=True)
class ChargesAtOnce:
    """Charges one customer at once.

    Parameters
    ----------
    charger, collector : callable
        Make those of a provider.
    """

    books: Books
    clock: Clock
    charger: Callable[[str], Charger]
    collector: Callable[[str], Collector]
    holds: HoldKeeper
    teller: TellsOutcomes

    def pay(self, customer_id: str, period: Period, back: str) -> Tried:
        """Charge a customer who is there for a month's invoice.

        Parameters
        ----------
        back : str
            Where the provider sends them after they have authenticated the charge.

        Raises
        ------
        TryLaterError
            They are being charged right now, charging is paused, or the provider is briefly unavailable.
        ProviderRefusedError
            The provider refuses us.
        """
        customer, month = self.books.customer(customer_id), self.books.month(customer_id, period)
        if customer is None or not {Offer.PAY, Offer.CONFIRM} & set(offers(month, self.clock())):
            return Tried(None)
        if not customer.payment_method:
            return Tried(PaymentState.NO_PAYMENT_METHOD)
        present = Present(back)
        charger = replace(self.charger(customer.profile.payment_provider), present=present)
        charger.pauses.check(customer.profile.payment_provider, period)
        key, state = payment_to_try(self.books, customer, period, month), None
        try:
            state = charger.charge(key, again=True)
        finally:
            self._follow_up(customer_id, [(period, month)], news=state in _NEWS)
        return Tried(state, present.confirm_at if state is PaymentState.ACTION_REQUIRED else "")

    def look_up(self, customer_id: str, period: Period) -> None:
        """Look up what became of charges that a customer was to authenticate, and of those under way.

        Raises
        ------
        TryLaterError, ProviderRefusedError
            As `pay`.
        """
        month = self.books.month(customer_id, period)
        waiting = (PaymentState.ACTION_REQUIRED, PaymentState.PENDING)
        for payment in month.payments:
            if payment.state in waiting and payment.provider_ref:
                key = PaymentKey(customer_id, period, payment.sequence)
                self.charger(payment.provider).look_up(key)
        now = self.books.month(customer_id, period)
        if now != month:
            self._follow_up(customer_id, [(period, month)], news=now.collected_how in _NEWS)

    def collect(self, customer_id: str) -> None:
        """Charge all that is due from a customer who has given a new payment method.

        What is under way is left alone: the collections charge what it leaves open.

        Raises
        ------
        UnfinishedError
            It could not be done, or the customer could not be told; the same call continues.
        ProviderRefusedError
            The provider refuses us.
        """
        customer = self.books.customer(customer_id)
        if customer is None:
            return
        before = open_months(self.books, customer_id)
        try:
            self._collect(customer)
            for period, month in before:
                self._tell(customer_id, period, month)
            self.holds.keep(customer_id)
        except ProviderPausedError:
            raise
        except TryLaterError as error:
            raise UnfinishedError(
                f"what customer {customer_id} owes is not all charged and announced: {error}"
            ) from error

    def _collect(self, customer: Customer) -> None:
        try:
            self.collector(customer.profile.payment_provider).collect_from(customer.customer_id)
        except BeingChargedError:
            return

    def _tell(self, customer_id: str, period: Period, before: CustomerMonth) -> None:
        month = self.books.month(customer_id, period)
        if month != before and not notice_due(month):  # the close's own comes with its batch
            self.teller.tell(customer_id, period)

    def _follow_up(self, customer_id: str, changed: OpenMonths, *, news: bool) -> None:
        """Lift the hold if it can be, bring the sums up to date, and send a receipt."""
        self.holds.settle_up(customer_id, changed)
        if not news:
            return
        try:
            for period, _ in changed:
                if not notice_due(self.books.month(customer_id, period)):
                    self.teller.tell(customer_id, period)
            self.holds.tell(customer_id)
        except TryLaterError:
            return  # the webhook of the same outcome, or the collections, tell them later
