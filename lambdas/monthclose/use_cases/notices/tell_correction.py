"""Tell a customer of a correction: one e-mail for each credit note or replaced invoice, after it is booked."""

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
    """Sends the notices of corrections. Each that was sent before, or may have been, is not sent again.

    Every method raises `TryLaterError` if the mail service is briefly unavailable; the same call may send it later.
    """

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock

    def tell(self, note: CreditNote) -> NoticeState:
        """Send the customer the e-mail of a booked credit note, and say how it stands."""
        months = self.books.months(note.customer_id)
        mail = self.texts.credit_note_mail(self._customer(note), note, _effect(note, months), months[note.period])
        return self._send(note, NoticeKind.CREDIT_NOTE, months[note.period], mail)

    def tell_replacement(self, invoice: Invoice, reason: str) -> NoticeState | None:
        """Send the customer the e-mail of an invoice that has replaced another, credit note and all.

        Returns
        -------
        NoticeState or None
            How it stands; None if it has none of its own: the close has not told them of the month and will, of the new
            invoice, or that was replaced itself.
        """
        months = self.books.months(invoice.customer_id)
        month = months[invoice.period]
        holds = month.invoice is not None and month.invoice.number == invoice.number
        if not holds or month.notice is None or month.notice.state is NoticeState.WITHDRAWN:
            return None
        notes = month.notes_on(invoice.replaces)
        covered = _effect(notes[-1], months).covered if notes else 0
        mail = self.texts.replacement_mail(self._customer(invoice), month, reason, covered)
        return self._send(invoice, NoticeKind.REPLACED, month, mail)

    def _send(self, issued: CreditNote | Invoice, kind: NoticeKind, month: CustomerMonth, mail: Mail) -> NoticeState:
        """Claim the notice by what was issued, and send the mail, which is written before the claim."""
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
