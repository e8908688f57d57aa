"""Notify a customer of the outcome of their payment: at the close, or whenever it becomes known afterwards.

The hold is decided before the e-mail is written, by the same policy everywhere, so the e-mail mentions it.
"""

from dataclasses import dataclass
from datetime import date

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.dunning import Telling, telling_due
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Mailer
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.notices.deliver import deliver
from monthclose.use_cases.notices.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class CustomerTeller:
    """Sends notices about payments, each once, for whatever finds it due first: a close, a webhook, the reconciler."""

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock
    holds: HoldKeeper

    def tell(self, customer_id: str, period: Period, month: CustomerMonth | None = None) -> CustomerMonth:
        """Send a customer the notice that is due for a month's payment, and return the month as it is then.

        Parameters
        ----------
        month : CustomerMonth or None
            What the caller has just read.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends it. A `ProviderPausedError` if it is not this
            mail's turn: nothing was done.
        """
        month = month or self.books.month(customer_id, period)
        if telling_due(month) is None:
            return month
        self.mailer.wait_for_turn()  # before the hold is decided: the mail says so
        customer, month = self.with_hold(customer_id, period, month)
        telling = telling_due(month)
        if customer is None or telling is None:
            return month
        delivered = self.send(customer, period, month, telling)
        if delivered is None or delivered.state is NoticeState.CLAIMED:
            return self.books.month(customer_id, period)  # somebody else sent it, or knows what became of it
        return month.after(delivered)

    def with_hold(
        self, customer_id: str, period: Period, month: CustomerMonth, today: date | None = None
    ) -> tuple[Customer | None, CustomerMonth]:
        """Review a customer's hold, and return the account and the month as they are then.

        It stays as it is if they cannot be told.
        """
        customer = self.books.customer(customer_id)
        owing = customer and customer.takes_mail and (customer.held_since or customer.receivable_minor)
        if not owing or not self.holds.review(customer_id, period=period, today=today):
            return customer, month
        return self.books.customer(customer_id), self.books.month(customer_id, period)

    def send(
        self,
        customer: Customer,
        period: Period,
        month: CustomerMonth,
        telling: Telling,
        held_on: date | None = None,
    ) -> Notice | None:
        """Send one notice, and return it as it is then; None if somebody else has claimed it.

        Parameters
        ----------
        held_on : date or None
            The day on which the account is put on hold if nothing is paid; None if it is not.
        """
        kind, payment, step = telling
        # Written before the claim: a mail that cannot be written is not claimed.
        mail = self.texts.mail(customer, month, kind, payment=payment, step=step, held_on=held_on)
        before = next((n for n in month.notices if n.step == step), None)
        version, bounces = (before.version, before.bounces) if before else (0, 0)
        claim = Notice(
            customer.customer_id,
            period,
            kind,
            NoticeState.CLAIMED,
            self.clock(),
            step=step,
            bounces=bounces,
            version=version,
        )
        return deliver(self.books, self.mailer, claim, mail)
