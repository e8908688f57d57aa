"""The page that a link to an invoice opens: how the invoice stands now, the invoice itself, and what can be done.

The invoice never changes; what has been paid and credited since does. It is read from the month's records and the
invoice's document, for its language: the function that shows the page may read no customer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.collections.dunning import Obstacle, trouble_of
from monthclose.domain.collections.offers import Offer, offers
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction
from monthclose.domain.payments.declines import decline
from monthclose.domain.payments.payment import BELOW_MINIMUM, Payment, PaymentState
from monthclose.locales import Locale, locale_for
from monthclose.ports import Clock
from monthclose.templates import environment
from monthclose.use_cases.invoices.account_papers import collected
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments


class _Standing(NamedTuple):
    """How an invoice stands, in a word or two and a sentence, both in English, and the kind that decides its colour."""

    kind: str
    word: str
    sentence: str = ""


_GOOD, _WAITING, _ACTION = "good", "waiting", "action"
_SETTLED = _Standing(_GOOD, "Settled", "Nothing is due on this invoice.")
_NOT_YET = _Standing(_WAITING, "Not charged yet", "You don't have to do anything.")
_UNDER_WAY = _Standing(_WAITING, "Being collected", "The payment is under way. You don't have to do anything.")
_TOO_SMALL = _Standing(
    _WAITING,
    "Not charged yet",
    "It is too little to charge on its own, so we will charge it together with your next invoice.",
)
_BY_OBSTACLE = {
    Obstacle.NO_METHOD: _Standing(_ACTION, "Payment method needed", "We have no payment method that we can charge."),
    Obstacle.ACTION: _Standing(
        _ACTION, "Please confirm the payment", "Your bank needs you to confirm it. Nothing has been charged yet."
    ),
    Obstacle.REVERSED: _Standing(
        _ACTION, "Payment reversed", "Your bank reversed the payment. We will not charge it again on our own."
    ),
    Obstacle.UNTAKEN: _Standing(
        _ACTION, "Please pay by bank transfer", "We cannot charge this amount to your payment method."
    ),
    **dict.fromkeys((Obstacle.NOT_CHARGED, Obstacle.OURS, Obstacle.NO_ADAPTER), _NOT_YET),
}
_DECLINED = _Standing(_ACTION, "Payment declined")
_LABELS = {
    Offer.PAY: "Pay {open} now",
    Offer.CONFIRM: "Confirm the payment",
    Offer.DETAILS: "Update your payment details",
}
_SAID = {
    "later": "That could not be finished right now. Reload this page in a few minutes before you try again.",
    "unavailable": "That is not possible here. Please contact us.",
    "returned": "Thank you. New payment details are charged within minutes; reload this page to see it.",
}
"""Sentences about what the customer has just done; the invoice's own standing says the rest."""


@dataclass(frozen=True, slots=True)
class InvoicePages:
    """Makes invoices' pages.

    Parameters
    ----------
    company : str
        The seller's name, as customers know it.
    self_service : frozenset of str
        The providers with pages of their own: through any other, a customer can do nothing themselves.
    """

    company: str
    issued: IssuedDocuments
    clock: Clock
    self_service: frozenset[str]
    calendar: BillingCalendar = IN_UTC

    def page(self, invoice: Invoice, month: CustomerMonth, said: str = "") -> str:
        """Write the page of one of a month's invoices, in the invoice's language.

        Parameters
        ----------
        said : str
            What came of what the customer did last, if that must be said.

        Raises
        ------
        DocumentAlteredError
            The invoice's document is not the one that it was issued with.
        """
        locale = locale_for(self.issued.document(invoice).language)
        standing = _standing(invoice, month, locale, self.calendar)
        held = month.hold is not None and month.hold.action is HoldAction.PLACED and bool(invoice.open)
        facts = {
            "locale": locale,
            "company": self.company,
            "number": invoice.number,
            "month": locale.month(invoice.period),
            "kind": standing.kind,
            "standing": standing.word,
            "sentence": standing.sentence,
            "said": locale.text(_SAID[said]) if said in _SAID and invoice.open else "",
            "held": held,
            "rows": [(locale.text(label), value) for label, value in _rows(invoice, month, locale)],
            "buttons": self._buttons(invoice, month, locale),
            "receipt": invoice == month.invoice and collected(month) is not None,
        }
        return environment().get_template("invoice_page.html.j2").render(facts)

    def _buttons(self, invoice: Invoice, month: CustomerMonth, locale: Locale) -> list[tuple[str, str]]:
        """List what can be done: what is asked of the function, and what the button says."""
        collecting = month.collecting
        if invoice != month.invoice or collecting is None or collecting.provider not in self.self_service:
            return []
        open_ = locale.money(invoice.open)
        return [
            ("details" if offer is Offer.DETAILS else "pay", locale.text(_LABELS[offer], open=open_))
            for offer in offers(month, self.clock())
        ]


def texts() -> Iterator[str]:
    """List the texts that a page takes from this module, in English: every language has to have them."""
    for standing in (_SETTLED, _UNDER_WAY, _TOO_SMALL, _DECLINED, *_BY_OBSTACLE.values()):
        yield from filter(None, (standing.word, standing.sentence))
    yield from (*_LABELS.values(), *_SAID.values())


def _standing(invoice: Invoice, month: CustomerMonth, locale: Locale, calendar: BillingCalendar) -> _Standing:
    """Say how an invoice stands, in the page's language."""
    paid_on = _paid_on(month.payments, calendar)
    if invoice.replaced_by:
        sentence = locale.text("Invoice {number} replaces this one.", number=invoice.replaced_by)
        return _Standing(_WAITING, locale.text("Replaced"), sentence)
    if not invoice.open and invoice.collected_minor and paid_on:
        return _Standing(_GOOD, locale.text("Paid on {day}", day=locale.day(paid_on)))
    kind, word, sentence = _open_standing(month) if invoice.open else _SETTLED
    return _Standing(kind, locale.text(word), locale.text(sentence) if sentence else "")


def _open_standing(month: CustomerMonth) -> _Standing:
    """Say how an open invoice stands, in English."""
    if any(payment.in_flight for payment in month.payments):
        return _UNDER_WAY
    trouble = trouble_of(month)
    if trouble is None:
        return _TOO_SMALL if month.collecting and month.collecting.code == BELOW_MINIMUM else _NOT_YET
    payment = trouble.payment
    why = decline(payment.provider, payment.code, payment.advice).sentence
    return _BY_OBSTACLE.get(trouble.obstacle, _DECLINED._replace(sentence=why))


def _rows(invoice: Invoice, month: CustomerMonth, locale: Locale) -> Iterator[tuple[str, str]]:
    """List how the invoice is settled, so that the reader can add it up; the labels in English."""
    yield "Date", locale.day(invoice.issued_on)
    yield "Total", locale.money(invoice.total)
    by_notes = min(sum(note.total_minor for note in month.notes_on(invoice.number)), invoice.credited_minor)
    settled = {
        "Credited": by_notes,
        "Credit used": invoice.credited_minor - by_notes,
        "Waived": invoice.written_off_minor,
        "Paid": invoice.collected_minor,
    }
    yield from ((label, locale.money(Money(-minor, invoice.currency))) for label, minor in settled.items() if minor)
    for payment in month.payments:
        if payment.state is PaymentState.PENDING:
            yield "Being collected", locale.money(payment.amount)
    if invoice.total_minor >= 0:
        yield "Outstanding", locale.money(invoice.open)


def _paid_on(payments: tuple[Payment, ...], calendar: BillingCalendar) -> date | None:
    """Find the day on which money last came in."""
    paid = [step.time for payment in payments for step in payment.history if step.after is PaymentState.PAID]
    return calendar.day(max(paid)) if paid else None
