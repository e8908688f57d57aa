"""Send notices: one e-mail per customer and close, after the charge's outcome is known."""

from dataclasses import dataclass, replace

from monthclose.domain.close import BatchProgress, Stage
from monthclose.domain.customer import Customer
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.notice import NoticeKind, notice_due
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes, Mailer
from monthclose.stages.batch_work import begun_batch, read_months, record_progress
from monthclose.stages.deliver import deliver
from monthclose.stages.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Sends the notices of a batch."""

    books: Books
    closes: Closes
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock

    def send(self, period: Period, number: int, round_number: int) -> BatchProgress:
        """Send each customer of a batch the notice that is due.

        Raises
        ------
        TryLaterError
            The mail service is briefly unable; those not sent yet are sent when called again.
        """
        begun = begun_batch(self.closes, period, number)
        months = read_months(self.books, begun.batch.customer_ids, period)
        for customer_id, month in months.items():
            kind = notice_due(month)
            customer = self.books.customer(customer_id) if kind else None
            if kind and customer:
                months[customer_id] = replace(month, notice=self._send_one(customer, month, kind, period))
        return record_progress(
            self.closes, self.books, self.clock, begun, Stage.NOTIFIED, round_number, months.values()
        )

    def _send_one(self, customer: Customer, month: CustomerMonth, kind: NoticeKind, period: Period) -> Notice | None:
        """Send one notice and return it as it now is."""
        mail = self.texts.mail(customer, month, kind)  # before the claim: what cannot be written isn't claimed
        version = month.notice.version if month.notice else 0
        claim = Notice(customer.customer_id, period, kind, NoticeState.CLAIMED, self.clock(), version=version)
        delivered = deliver(self.books, self.mailer, claim, mail)
        return delivered or self.books.month(customer.customer_id, period).notice
