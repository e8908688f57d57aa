"""Send reminders: what dunning has to tell customers, each step once, one e-mail per customer and day at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from monthclose.domain.customer import Customer
from monthclose.domain.dunning import AfterLast, DunningPolicy, Step, StepKind, next_step, trouble_of
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.notice import NoticeKind
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Mailer
from monthclose.stages.deliver import deliver
from monthclose.stages.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class ReminderSender:
    """Sends the reminders of customers.

    Parameters
    ----------
    adapters : frozenset of str
        The providers that can be asked. Who is due to be charged again is not reminded before that was tried.
    """

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock
    policy: DunningPolicy
    adapters: frozenset[str]

    def send(self, customer_ids: Iterable[str], today: date, closing: frozenset[Period] = frozenset()) -> int:
        """Send each customer the reminder that is due, and return how many were sent.

        Parameters
        ----------
        closing : frozenset of Period
            Months that a close works on right now: their customers are left to it.

        Raises
        ------
        TryLaterError
            The mail service is briefly unable; those not sent yet are sent when called again.
        """
        return sum(self._remind(customer_id, today, closing) for customer_id in customer_ids)

    def _remind(self, customer_id: str, today: date, closing: frozenset[Period]) -> bool:
        customer, months = self.books.customer(customer_id), self.books.months(customer_id)
        if customer is None or closing & months.keys() or any(_told_on(today, month) for month in months.values()):
            return False
        due = self._first_due(customer, months, today)
        return due is not None and self._send_one(customer, *due)

    def _first_due(
        self, customer: Customer, months: Mapping[Period, CustomerMonth], today: date
    ) -> tuple[Period, CustomerMonth, Step, NoticeKind] | None:
        can_retry = customer.profile.payment_provider in self.adapters
        for period, month in months.items():
            step = next_step(month, customer, self.policy, today, can_retry=can_retry)
            if step and step.kind is StepKind.TELL and step.notice:
                return period, month, step, step.notice
        return None

    def _send_one(self, customer: Customer, period: Period, month: CustomerMonth, step: Step, kind: NoticeKind) -> bool:
        trouble, now = trouble_of(month), self.clock()
        if trouble is None:
            return False
        holds = kind is NoticeKind.LAST_REMINDER and self.policy.after_last is AfterLast.HOLD
        held_on = now.date() + timedelta(self.policy.final_days) if holds else None
        mail = self.texts.mail(customer, month, kind, payment=trouble.payment, step=step.key, held_on=held_on)
        version = next((notice.version for notice in month.reminders if notice.step == step.key), 0)
        claim = Notice(customer.customer_id, period, kind, NoticeState.CLAIMED, now, step=step.key, version=version)
        delivered = deliver(self.books, self.mailer, claim, mail)
        return delivered is not None and delivered.state is NoticeState.SENT


def _told_on(today: date, month: CustomerMonth) -> bool:
    return any(n.time.date() == today and n.state is not NoticeState.WITHDRAWN for n in month.notices)
