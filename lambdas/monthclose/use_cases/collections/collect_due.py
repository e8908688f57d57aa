"""Collect what is due: retry what was refused, when the dunning schedule says so.

What to charge again is decided here, at the moment of charging, not when the customers were found.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import totals_of
from monthclose.domain.collections.dunning import DunningPolicy, Obstacle, StepKind, next_step, trouble_of
from monthclose.domain.collections.offers import tried_enough
from monthclose.domain.collections.unconfirmed import would_take_too_much
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes, Log, TimeIsUp
from monthclose.use_cases.batch_work import refresh_soon
from monthclose.use_cases.payments.charge_customers import HandedBack, charge_each
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.own_payment import payment_to_try
from monthclose.use_cases.payments.turns import Turn


@dataclass(frozen=True, slots=True)
class Collection:
    """What came of a batch of customers."""

    retried: int
    paid: int
    handed_back: HandedBack


class _Made(NamedTuple):
    """An attempt on a month's payment; `changed` says whether its batch's sums are others now."""

    period: Period
    batch: int
    state: PaymentState | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Collector:
    """Retries the payments of customers of one provider, as many customers at a time as the executor has threads.

    Parameters
    ----------
    catch_up : callable
        Takes the payment method that a customer has given on a page, if no webhook has brought it.
    """

    charger: Charger
    books: Books
    closes: Closes
    clock: Clock
    log: Log
    executor: Executor
    policy: DunningPolicy
    catch_up: Callable[[Customer], object] = lambda _customer: None

    def collect(
        self,
        customer_ids: Iterable[str],
        today: date,
        closing: frozenset[Period] = frozenset(),
        time_is_up: TimeIsUp = lambda: False,
        turn: Turn | None = None,
    ) -> Collection:
        """Retry what is due today; a second call on the same day does what is left.

        Parameters
        ----------
        closing : frozenset of Period
            Months that a close works on right now: their customers are left to it.

        Raises
        ------
        ProviderRefusedError
            The provider doesn't accept us; there is no point in continuing.
        """
        made = list[_Made]()
        jobs = {name: partial(self._collect_one, name, today, closing, made) for name in customer_ids}
        handed_back = charge_each(jobs, self.executor, self.log, time_is_up, turn)
        self._refresh(made)
        return Collection(len(made), sum(attempt.state is PaymentState.PAID for attempt in made), handed_back)

    def collect_from(self, customer_id: str) -> None:
        """Retry at once what is due from one customer: they have given a new payment method.

        An invoice that was tried too often today is left to the daily collections.

        Raises
        ------
        TryLaterError
            They are being charged right now, or the provider is briefly unavailable; the next call does what is left.
        """
        made = list[_Made]()
        try:
            self._collect_one(customer_id, self.policy.calendar.day(self.clock()), frozenset(), made, by_customer=True)
        finally:
            self._refresh(made)

    def _refresh(self, made: Iterable[_Made]) -> None:
        """Update the sums of batches: if many are refused again as before, there is nothing to sum up.

        To sum up a batch, all of its customers are read, twice.
        """
        for period, batch in {(attempt.period, attempt.batch) for attempt in made if attempt.changed}:
            refresh_soon(self.closes, self.books, self.clock, period, batch)

    def _collect_one(
        self,
        customer_id: str,
        today: date,
        closing: frozenset[Period],
        made: list[_Made],
        *,
        by_customer: bool = False,
    ) -> None:
        """Go through a customer's open months, oldest first."""
        months: Mapping[Period, CustomerMonth] = self.books.months(customer_id)
        if closing & months.keys():
            return
        for number, (period, month) in enumerate(months.items()):
            customer = self.books.customer(customer_id)  # read each time: the last charge has changed it
            if customer and customer.method_page and not number:
                self.catch_up(customer)
                customer = self.books.customer(customer_id)
            if customer is None or customer.profile.payment_provider != self.charger.gateway.provider:
                return
            too_often = by_customer and tried_enough(month, self.clock())
            job = None if too_often else self._job(customer, period, month, today)
            if job:
                state, batch = job(), month.payment.batch if month.payment else -1
                changed = totals_of([month]) != totals_of([self.books.month(customer_id, period)])
                made.append(_Made(period, batch, state, changed))

    def _job(
        self, customer: Customer, period: Period, month: CustomerMonth, today: date
    ) -> Callable[[], PaymentState | None] | None:
        step, trouble = next_step(month, customer, self.policy, today), trouble_of(month)
        if step and step.kind is StepKind.RETRY:
            return partial(self._retry, customer, period, month)
        if stale := self._stale(customer, month):  # looking it up withdraws it
            return partial(self.charger.look_up, PaymentKey(customer.customer_id, period, stale.sequence))
        if step is None or trouble is None:
            return None
        mine = trouble.payment.provider == self.charger.gateway.provider
        if trouble.obstacle is Obstacle.ACTION and mine:
            # Looked up first: they may have confirmed it since.
            return partial(self.charger.look_up, PaymentKey(customer.customer_id, period, trouble.payment.sequence))
        return None

    def _stale(self, customer: Customer, month: CustomerMonth) -> Payment | None:
        """Find a payment that its customer could still confirm, although less is due by now."""
        invoice, mine = month.invoice, self.charger.gateway.provider
        found = (
            p for p in month.payments if p.provider == mine and invoice and would_take_too_much(p, invoice, customer)
        )
        return next(found, None)

    def _retry(self, customer: Customer, period: Period, month: CustomerMonth) -> PaymentState | None:
        return self.charger.charge(payment_to_try(self.books, customer, period, month), again=True)
