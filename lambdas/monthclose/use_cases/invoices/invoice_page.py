"""The page that a link to an invoice opens: how the invoice stands now, the invoice itself, and what can be done.

The invoice never changes; what has been paid and credited since does. It is read from the month's records alone: the
function that shows the page may read no customer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from monthclose.domain.collections.dunning import Obstacle, trouble_of
from monthclose.domain.collections.offers import Offer, offers
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction
from monthclose.domain.payments.declines import decline
from monthclose.domain.payments.payment import BELOW_MINIMUM, Payment, PaymentState
from monthclose.ports import Clock
from monthclose.templates import environment


class _Standing(NamedTuple):
    """How an invoice stands, in a word or two and a sentence, and the kind that decides its colour."""

    kind: str
    word: str
    sentence: str = ""


_GOOD, _WAITING, _ACTION = "good", "waiting", "action"
_SETTLED = _Standing(_GOOD, "Settled", "Nothing is due on this invoice.")
_NOT_YET = _Standing(_WAITING, "Due", "We have not charged it yet. You don't have to do anything.")
_TOO_SMALL = _Standing(
    _WAITING, "Due", "It is too little to charge on its own, so we will charge it together with your next invoice."
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
_LABELS = {Offer.CONFIRM: "Confirm the payment", Offer.DETAILS: "Update your payment details"}
_SAID = {
    "later": "That could not be finished right now. Reload this page in a few minutes before you try again.",
    "unavailable": "That is not possible here. Please contact us.",
    "returned": (
        "Thank you. If you have entered new payment details, we charge them within minutes; reload this page to see it."
    ),
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
    clock: Clock
    self_service: frozenset[str]

    def page(self, invoice: Invoice, month: CustomerMonth, said: str = "") -> str:
        """Write the page of one of a month's invoices.

        Parameters
        ----------
        said : str
            What came of what the customer did last, if that must be said.
        """
        held = month.hold is not None and month.hold.action is HoldAction.PLACED and bool(invoice.open)
        facts = {
            "company": self.company,
            "number": invoice.number,
            "month": f"{invoice.period.start:%B %Y}",
            "standing": _standing(invoice, month),
            "said": _SAID.get(said, ""),
            "held": held,
            "rows": list(_rows(invoice, month)),
            "buttons": self._buttons(invoice, month, self.clock()),
        }
        return environment().get_template("invoice_page.html.j2").render(facts)

    def _buttons(self, invoice: Invoice, month: CustomerMonth, now: datetime) -> list[tuple[str, str]]:
        """List what can be done: what is asked of the function, and what the button says."""
        collecting = month.collecting
        if invoice != month.invoice or collecting is None or collecting.provider not in self.self_service:
            return []
        return [
            ("details" if offer is Offer.DETAILS else "pay", _LABELS.get(offer) or f"Pay {invoice.open} now")
            for offer in offers(month, now)
        ]


def _standing(invoice: Invoice, month: CustomerMonth) -> _Standing:
    paid_on = _paid_on(month.payments)
    if invoice.replaced_by:
        return _Standing(_WAITING, "Replaced", f"Invoice {invoice.replaced_by} replaces this one.")
    if not invoice.open:
        return _Standing(_GOOD, f"Paid on {_day(paid_on)}") if invoice.collected_minor and paid_on else _SETTLED
    if any(payment.in_flight for payment in month.payments):
        return _Standing(_WAITING, "Being collected", "The payment is under way. You don't have to do anything.")
    trouble = trouble_of(month)
    if trouble is None:
        return _TOO_SMALL if month.collecting and month.collecting.code == BELOW_MINIMUM else _NOT_YET
    payment = trouble.payment
    declined = _Standing(_ACTION, "Payment declined", decline(payment.provider, payment.code, payment.advice).sentence)
    return _BY_OBSTACLE.get(trouble.obstacle, declined)


def _rows(invoice: Invoice, month: CustomerMonth) -> Iterator[tuple[str, str]]:
    """List how the invoice is settled, so that the reader can add it up."""
    yield "Date", _day(invoice.issued_on)
    yield "Total", str(invoice.total)
    notes = month.notes_on(invoice.number)
    by_notes = min(sum(note.total_minor for note in notes), invoice.credited_minor)
    paid_on = _paid_on(month.payments)
    settled = {
        "Credited: " + ", ".join(note.number for note in notes): by_notes,
        "Credit used": invoice.credited_minor - by_notes,
        "Waived": invoice.written_off_minor,
        f"Paid on {_day(paid_on)}" if paid_on else "Paid": invoice.collected_minor,
    }
    yield from ((label, str(Money(-minor, invoice.currency))) for label, minor in settled.items() if minor)
    for payment in month.payments:
        if payment.state is PaymentState.PENDING:
            yield "Being collected", str(payment.amount)
    if invoice.total_minor >= 0:
        yield "Outstanding", str(invoice.open)


def _paid_on(payments: tuple[Payment, ...]) -> date | None:
    """Find the day on which money last came in."""
    paid = [step.time for payment in payments for step in payment.history if step.after is PaymentState.PAID]
    return max(paid).date() if paid else None


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
