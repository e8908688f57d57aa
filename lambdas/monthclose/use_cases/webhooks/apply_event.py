"""Apply a provider's event: find the payment that it is about, look it up, and book what has changed.

An event is a reason to look up, never an outcome: it may come twice, late and out of order. The result depends only on
the provider's current answer and our record (`book_outcomes`), so the order of events does not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.notices.notice import notice_due
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.errors import BrokeOffError, ProviderPausedError, TryLaterError, UnfinishedError
from monthclose.ports import Books, Clock, Closes, ProviderEvent
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import refresh_soon, retry_conflicts
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.tellers import TellsOutcomes

_LONGEST_CHARGE = timedelta(minutes=5)
"""Longer than charging one customer takes. Until then the charge itself books the outcome."""


class Result(StrEnum):
    """The result of an event."""

    NOT_OURS = "not_ours"
    """Its payment is unknown to us."""
    KNOWN = "known"
    """Booked already; the provider was not asked."""
    UNCHANGED = "unchanged"
    """The provider's answer agrees with our record."""
    BOOKED = "booked"


class Applied(NamedTuple):
    """The result of an event, and its payment, or the customer who has given a payment method."""

    result: Result
    key: PaymentKey | None = None
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class EventApplier:
    """Applies one provider's events.

    Parameters
    ----------
    take_method : callable
        Takes what was given on a page of a provider, and returns whose it is; empty if nothing was, or it is not ours.
    charge_at_once : callable
        Charges all that is due from a customer. Raises `TryLaterError` if the same call must do the rest.
    """

    charger: Charger
    books: Books
    closes: Closes
    holds: HoldKeeper
    teller: TellsOutcomes
    clock: Clock
    take_method: Callable[[str, str], str]
    charge_at_once: Callable[[str], None]

    def known(self, event: ProviderEvent) -> Applied | None:
        """Tell what a look at our own record says of an event, if that is all there is to do; the provider isn't asked.

        A payment only leaves the states in which an event is known by an outcome that another event reports, or by a
        further attempt. So whenever this answers, booking the event would change nothing, however often it comes.
        """
        key = PaymentKey.parse(event.payment_id)
        if key is None or event.method:
            return None
        payment = self._payment(key)
        if payment is None or payment.provider != self.charger.gateway.provider:
            return Applied(Result.NOT_OURS)
        return Applied(Result.KNOWN, key) if payment.state in event.known_in else None

    def book(self, event: ProviderEvent) -> Applied:
        """Bring our record of the event's payment up to date with the provider's.

        Raises
        ------
        TryLaterError
            The payment is being charged right now, or the provider is briefly unavailable; nothing was done.
        ProviderRefusedError
            The provider refuses us.
        """
        if event.page:
            return self._take_method(event.page)
        key = PaymentKey.parse(event.payment_id or self.charger.gateway.payment_of(event.reference))
        if key and event.method:
            return self._follow(key, event.method)
        payment = self._payment(key) if key else None
        if key is None or payment is None or payment.provider != self.charger.gateway.provider:
            return Applied(Result.NOT_OURS)
        if payment.state in event.known_in:
            return Applied(Result.KNOWN, key)
        self._leave_to_the_charge(payment)
        self.charger.look_up(key)
        return Applied(Result.UNCHANGED if self._payment(key) == payment else Result.BOOKED, key)

    def _take_method(self, page: str) -> Applied:
        """Take the payment method that a customer has given; once it is theirs, what is due is charged (`finish`)."""
        customer_id = self.take_method(self.charger.gateway.provider, page)
        return Applied(Result.BOOKED, customer_id=customer_id) if customer_id else Applied(Result.NOT_OURS)

    def _follow(self, key: PaymentKey, method: str) -> Applied:
        """Record which payment method has replaced another, for the customer of a payment made with the old one."""
        successor = self.charger.gateway.successor(method)

        def step() -> bool:
            customer = self.books.customer(key.customer_id)
            return customer is not None and self.charger.follow(customer, method, successor)

        return Applied(Result.BOOKED if retry_conflicts(step) else Result.UNCHANGED, key)

    def finish(self, applied: Applied) -> None:
        """Do what follows from a booking: review the hold, notify the customer, update the batch's sums.

        What is due from a customer who has given a payment method is charged.

        While the close's own notice is due, the batch is left unsettled: the close's next round or the reconciler picks
        it up and notifies the customer; only a hold whose reason is gone is lifted at once. Repeating all of this is
        safe.

        Raises
        ------
        UnfinishedError
            Mail has no turn; all but the e-mail is done.
        BrokeOffError
            It could not be completed.
        """
        if applied.customer_id:
            self.charge_at_once(applied.customer_id)
        if applied.key is None:
            return
        customer_id, period, _ = applied.key
        try:
            try:
                if notice_due(self.books.month(customer_id, period)):
                    self._lift(customer_id)
                    return
                month = self.teller.tell(customer_id, period)
                self.holds.keep(customer_id, period=period)
            except ProviderPausedError as error:
                self.holds.settle_up(customer_id, [(period, self.books.month(customer_id, period))])
                what = f"payment {applied.key.payment_id} is booked, but the customer has not been told yet"
                raise UnfinishedError(f"{what}: {error}") from error
            if month.payment:
                refresh_soon(self.closes, self.books, self.clock, period, month.payment.batch)
        except UnfinishedError:
            raise
        except TryLaterError as error:
            raise BrokeOffError(
                f"payment {applied.key.payment_id} is booked, but the customer has not been told and the totals are "
                "not updated yet"
            ) from error

    def _lift(self, customer_id: str) -> None:
        customer = self.books.customer(customer_id)
        if customer and customer.held_since:
            self.holds.review_all([customer_id], self.holds.today(), closing=frozenset())

    def _payment(self, key: PaymentKey) -> Payment | None:
        return self.books.month(key.customer_id, key.period).payment_of(key.sequence)

    def _leave_to_the_charge(self, payment: Payment) -> None:
        if payment.state is PaymentState.CHARGING and self.clock() - payment.attempt_begun_at < _LONGEST_CHARGE:
            raise TryLaterError(f"payment {payment.payment_id} is being charged right now")
