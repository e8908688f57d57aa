"""Send the reminders of dunning: each step once, at most one e-mail per customer and day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.dunning import (
    AfterLast,
    DunningPolicy,
    StepKind,
    Telling,
    next_step,
    telling_due,
    trouble_of,
)
from monthclose.domain.month import CustomerMonth, NoticeState
from monthclose.domain.notices.notice import NoticeKind, notice_due
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError
from monthclose.ports import Books, Clock, TimeIsUp
from monthclose.use_cases.notices.tell_customer import CustomerTeller


@dataclass(frozen=True, slots=True)
class ReminderSender:
    """Sends the reminders of customers.

    Parameters
    ----------
    adapters : frozenset of str
        Providers that have an adapter. A customer who is due to be charged again is not reminded before that.
    """

    books: Books
    teller: CustomerTeller
    clock: Clock
    policy: DunningPolicy
    adapters: frozenset[str]

    def send(
        self,
        customer_ids: Iterable[str],
        today: date,
        closing: frozenset[Period] = frozenset(),
        time_is_up: TimeIsUp = lambda: False,
    ) -> int:
        """Send each customer the reminder that is due, and return how many were sent.

        Parameters
        ----------
        closing : frozenset of Period
            Months that are being closed right now: the close notifies their customers.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends the rest. A `ProviderPausedError` if mail has
            no turn, or time is up.
        """
        sent = 0
        for customer_id in customer_ids:
            if time_is_up():
                raise ProviderPausedError("there is no time for the rest of the batch's reminders", 0)
            sent += self._remind(customer_id, today, closing)
        return sent

    def _remind(self, customer_id: str, today: date, closing: frozenset[Period]) -> bool:
        customer, months = self.books.customer(customer_id), self.books.months(customer_id)
        if (
            customer is None
            or not customer.takes_mail
            or closing & months.keys()
            or any(self._notified_on(today, month) for month in months.values())
        ):
            return False
        due = self._first_due(customer, months, today)
        return due is not None and self._send_one(customer_id, *due, today)

    def _first_due(
        self, customer: Customer, months: Mapping[Period, CustomerMonth], today: date
    ) -> tuple[Period, CustomerMonth, Telling] | None:
        """Find the notice to send: about an outcome not announced yet, or else the oldest month's reminder."""
        for period, month in months.items():
            telling = None if notice_due(month) else telling_due(month)  # the close's own is sent with its batch
            if telling:
                return period, month, telling
        can_retry = customer.profile.payment_provider in self.adapters
        for period, month in months.items():
            step, trouble = next_step(month, customer, self.policy, today, can_retry=can_retry), trouble_of(month)
            if step and step.kind is StepKind.TELL and step.notice and trouble:
                return period, month, Telling(step.notice, trouble.payment, step.key)
        return None

    def _send_one(self, customer_id: str, period: Period, month: CustomerMonth, telling: Telling, today: date) -> bool:
        self.teller.mailer.wait_for_turn()
        customer, month = self.teller.with_hold(customer_id, period, month, today)
        if customer is None:
            return False
        holds = telling.kind is NoticeKind.LAST_REMINDER and self.policy.after_last is AfterLast.HOLD
        held_on = self.policy.calendar.day(self.clock()) + timedelta(self.policy.final_days) if holds else None
        delivered = self.teller.send(customer, period, month, telling, held_on)
        return delivered is not None and delivered.state is NoticeState.SENT

    def _notified_on(self, today: date, month: CustomerMonth) -> bool:
        day = self.policy.calendar.day
        return any(day(n.time) == today and n.state is not NoticeState.WITHDRAWN for n in month.notices)
