"""Tell a customer of a credit note: one e-mail for each, after it is booked."""

from dataclasses import dataclass

from monthclose.domain.credit_note import CreditNote, effect_of
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.notice import NoticeKind
from monthclose.ports import Books, Clock, Mailer
from monthclose.stages.deliver import deliver
from monthclose.stages.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class CreditNoteTeller:
    """Sends the notices of credit notes."""

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock

    def tell(self, note: CreditNote) -> NoticeState:
        """Send the customer the e-mail of a booked credit note, unless they were sent it, and say how it stands.

        Raises
        ------
        TryLaterError
            The mail service is briefly unable; the same call may send it later.
        """
        months = self.books.months(note.customer_id)
        before = next((notice for notice in months[note.period].credit_notices if notice.step == note.number), None)
        if before and before.state is not NoticeState.WITHDRAWN:
            return before.state
        customer = self.books.customer(note.customer_id)
        if customer is None:
            raise ValueError(f"customer {note.customer_id} vanished after credit note {note.number} was booked")
        entries = (entry for month in months.values() for entry in month.entries)
        mail = self.texts.credit_note_mail(customer, note, effect_of(note, entries))  # before the claim
        claim = Notice(
            note.customer_id,
            note.period,
            NoticeKind.CREDIT_NOTE,
            NoticeState.CLAIMED,
            self.clock(),
            step=note.number,
            version=before.version if before else 0,
        )
        delivered = deliver(self.books, self.mailer, claim, mail)
        return delivered.state if delivered else NoticeState.CLAIMED  # somebody else has claimed it just now
