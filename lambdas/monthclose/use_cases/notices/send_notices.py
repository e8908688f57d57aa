"""Send notices: one e-mail per customer and close, after the charge's outcome is known."""

from dataclasses import dataclass

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes
from monthclose.use_cases.batch_work import begun_batch, read_months, record_progress
from monthclose.use_cases.notices.tell_customer import CustomerTeller


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Sends the notices of a batch."""

    books: Books
    closes: Closes
    teller: CustomerTeller
    clock: Clock

    def send(self, period: Period, number: int, round_number: int) -> BatchProgress:
        """Send each customer of a batch the notice that is due: the close's, or one about a later outcome.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends the rest.
        """
        progress = begun_batch(self.closes, period, number)
        months = read_months(self.books, progress.batch.customer_ids, period)
        for customer_id, month in months.items():
            months[customer_id] = self.teller.tell(customer_id, period, month)
        return record_progress(
            self.closes, self.books, self.clock, progress, Stage.NOTIFIED, round_number, months.values()
        )
