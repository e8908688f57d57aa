"""What a customer is told of a correction: one e-mail for each, and a line about what became of it."""

from collections.abc import Callable, Mapping

from cli.console import note
from cli.system import System
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import Notice, NoticeState
from monthclose.errors import ProviderRefusedError, TryLaterError
from monthclose.use_cases.notices.tell_correction import CorrectionTeller

_IN_WORDS: Mapping[NoticeState, str] = {
    NoticeState.SENT: "told by e-mail",
    NoticeState.REFUSED: "not told: the mail service does not accept their address",
    NoticeState.BOUNCED: "not told: the e-mail bounced",
    NoticeState.COMPLAINED: "told by e-mail, which they marked as spam",
    NoticeState.UNREACHABLE: "not told: their address takes no e-mails (one bounced, or they complained)",
    NoticeState.CLAIMED: "the e-mail may or may not have been sent; it is not sent twice on a guess",
}


def tell_customer(system: System, credit_note: CreditNote) -> NoticeState:
    """Send the customer the e-mail of a booked credit note, once, and say in a line what became of it.

    The credit note stands whatever happens here. What surely was not sent (`WITHDRAWN`) is sent when called again.
    """
    state = _told(system, credit_note, lambda teller: teller.tell(credit_note))
    return state or NoticeState.WITHDRAWN


def tell_of_replacement(system: System, invoice: Invoice, reason: str) -> NoticeState | None:
    """Send the customer the e-mail of an invoice that has replaced another; like `tell_customer`.

    None if it has no e-mail of its own: the close's, or that of a newer invoice, tells them of the month.
    """
    return _told(system, invoice, lambda teller: teller.tell_replacement(invoice, reason))


def _told_before(system: System, issued: CreditNote | Invoice) -> Notice | None:
    sent = system.ports.books.month(issued.customer_id, issued.period).correction_notices
    return next((n for n in sent if n.step == issued.number and n.state is NoticeState.SENT), None)


def _told(
    system: System, issued: CreditNote | Invoice, tell: Callable[[CorrectionTeller], NoticeState | None]
) -> NoticeState | None:
    who = issued.customer_id
    before = _told_before(system, issued)
    try:
        state = tell(system.use_cases.correction_teller)
    except (TryLaterError, ProviderRefusedError) as error:
        note(f"{who}: not told yet: {error}\n{issued.number} stands; run the same command again to send the e-mail")
        return NoticeState.WITHDRAWN
    if state is NoticeState.SENT and before:
        note(f"{who}: told by e-mail on {before.time:%Y-%m-%d %H:%M} UTC; nothing is sent again", "")
        return state
    said = (
        _IN_WORDS[state]
        if state
        else "no e-mail of its own: the close's e-mail, or a newer invoice's, covers the month"
    )
    note(f"{who}: {said}", "" if state in (None, NoticeState.SENT) else "yellow")
    return state
