"""Notify a customer of a correction: one e-mail for each credit note or replaced invoice, after it is booked."""

from collections.abc import Mapping
from dataclasses import dataclass

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.invoices.credit_note import CreditNote, Effect, effect_of
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Mail, Mailer
from monthclose.use_cases.notices.deliver import deliver
from monthclose.use_cases.notices.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class CorrectionTeller:
    """Sends the notices of corrections. A notice that was sent, or may have been, is not sent again.

    Every method raises `TryLaterError` if the mail service is briefly unavailable; the same call may send it later.
    """

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock

    def tell(self, note: CreditNote) -> NoticeState:
        """Send the e-mail about a booked credit note, and return the notice's state."""
        months = self.books.months(note.customer_id)
        customer = self._customer(note)
        mail = self.texts.credit_note_mail(customer, note, _effect(note, months), months[note.period])
        return self._send(note, NoticeKind.CREDIT_NOTE, months[note.period], mail)

    def tell_replacement(self, invoice: Invoice, reason: str) -> NoticeState | None:
        """Send the e-mail about an invoice that has replaced another, the credit note included.

        Returns
        -------
        NoticeState or None
            The notice's state; None if there is no separate notice: the close has yet to send the month's notice, about
            the new invoice, or the new invoice was itself replaced.
        """
        months = self.books.months(invoice.customer_id)
        month = months[invoice.period]
        current = month.invoice is not None and month.invoice.number == invoice.number
        if not current or month.notice is None or month.notice.state is NoticeState.WITHDRAWN:
            return None
        notes = month.notes_on(invoice.replaces)
        covered = _effect(notes[-1], months).covered if notes else 0
        customer = self._customer(invoice)
        mail = self.texts.replacement_mail(customer, month, reason, covered)
        return self._send(invoice, NoticeKind.REPLACED, month, mail)

    def _send(self, issued: CreditNote | Invoice, kind: NoticeKind, month: CustomerMonth, mail: Mail) -> NoticeState:
        """Claim the notice under the document's number, and send the mail, which was written before."""
        before = next((notice for notice in month.correction_notices if notice.step == issued.number), None)
        if before and before.state is not NoticeState.WITHDRAWN:
            return before.state
        claim = Notice(
            issued.customer_id,
            issued.period,
            kind,
            NoticeState.CLAIMED,
            self.clock(),
            step=issued.number,
            version=before.version if before else 0,
        )
        delivered = deliver(self.books, self.mailer, claim, mail)
        return delivered.state if delivered else NoticeState.CLAIMED  # somebody else has claimed it just now

    def _customer(self, issued: CreditNote | Invoice) -> Customer:
        customer = self.books.customer(issued.customer_id)
        if customer is None:
            raise ValueError(f"customer {issued.customer_id} disappeared after {issued.number} was booked")
        return customer


def _effect(note: CreditNote, months: Mapping[Period, CustomerMonth]) -> Effect:
    return effect_of(note, (entry for month in months.values() for entry in month.entries))
