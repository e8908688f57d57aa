"""One customer's month: all records of what a close did for them, read in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class Parking:
    """A customer set aside, with the reason; `active` is false once the reason is gone."""

    customer_id: str
    period: Period
    reason: str
    detail: str
    time: datetime
    active: bool = True
    version: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """A month that was not invoiced because its amount is below the minimum: it is carried to the next invoice.

    Parameters
    ----------
    amount_minor : int
        What went on, with what had come from the months before.
    document : DocumentPlace
        What the invoice would have said.
    """

    customer_id: str
    period: Period
    currency: str
    amount_minor: int
    time: datetime
    document: DocumentPlace
    version: int = 0


class NoticeState(StrEnum):
    """How far a notice is."""

    CLAIMED = "claimed"
    """Somebody is sending it, or died doing so: it is never sent again on a guess."""
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    """Certainly not sent; may be claimed again."""
    REFUSED = "refused"
    """The mail service refuses it (an impossible address)."""
    BOUNCED = "bounced"
    """It was sent and came back: the customer was not told."""
    COMPLAINED = "complained"
    """It was delivered, and its reader marked it as spam."""
    UNREACHABLE = "unreachable"
    """Not sent: an earlier e-mail to the customer's address bounced for good, or its reader complained."""


REFUNDED, WRITTEN_OFF = "refund-", "write-off-"
"""What the steps of notices about refunds and write-offs begin with."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An e-mail to a customer about one invoice.

    Parameters
    ----------
    step : str
        The dunning step that it is, or the number of the credit note or new invoice, or the name of the refund or
        write-off, that it is about; empty for the one e-mail of the close.
    why : str
        Why it bounced, or was complained about, in the mail service's words.
    bounces : int
        How often it was sent and came back.
    recipients : str
        The addresses that it was sent to, in lower case and with spaces between them, if they are several.
    returned : str
        Those of several recipients whom it has not reached.
    """

    customer_id: str
    period: Period
    kind: str
    state: NoticeState
    time: datetime
    message_id: str = ""
    step: str = ""
    why: str = ""
    bounces: int = 0
    recipients: str = ""
    returned: str = ""
    version: int = 0

    @property
    def came_back(self) -> bool:
        """Whether it did not reach the customer, and may be sent again once their address is another."""
        return self.state in (NoticeState.BOUNCED, NoticeState.UNREACHABLE)

    @property
    def told(self) -> bool:
        """Whether the customer was told by it, as far as is known."""
        return self.state in (NoticeState.CLAIMED, NoticeState.SENT, NoticeState.COMPLAINED)

    @property
    def of_correction(self) -> bool:
        """Whether it is about a credit note, a new invoice, a refund or a write-off: no step of the dunning."""
        return self.step.startswith((REFUNDED, WRITTEN_OFF)) or any(series.has(self.step) for series in Series)


class HoldAction(StrEnum):
    """A change of a customer's hold."""

    PLACED = "placed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class HoldChange:
    """A hold placed or lifted; never changed once written.

    Parameters
    ----------
    period : Period
        The month that it is about: that of the invoice, or the present one for what a person does.
    number : int
        Counts the changes of that month from 1.
    by : str
        The person who did it; empty if the policy did.
    """

    customer_id: str
    period: Period
    action: HoldAction
    reason: str
    time: datetime
    number: int = 1
    by: str = ""
    version: int = 0


type MonthRecord = Invoice | CreditNote | Carried | Payment | Entry | Notice | HoldChange | Parking
"""What a month consists of."""


@dataclass(frozen=True, slots=True)
class CustomerMonth:
    """The records of one customer and period; None where there is none.

    Parameters
    ----------
    payment : Payment or None
        The close's payment of the invoice.
    notice : Notice or None
        The close's.
    reminders : tuple of Notice
        Those of the dunning after it, in order.
    holds : tuple of HoldChange
        The changes of the customer's hold, in order.
    manual : tuple of Payment
        The payments that a person started for the same invoice, in order.
    credit_notes : tuple of CreditNote
        The credit notes on the invoices, in order.
    correction_notices : tuple of Notice
        Those about corrections, in order: dunning does not count them.
    superseded : tuple of Invoice
        The invoices that were replaced, in order; `invoice` is the one in force.
    """

    invoice: Invoice | None = None
    payment: Payment | None = None
    notice: Notice | None = None
    holds: tuple[HoldChange, ...] = ()
    parking: Parking | None = None
    entries: tuple[Entry, ...] = ()
    carried: Carried | None = None
    manual: tuple[Payment, ...] = ()
    reminders: tuple[Notice, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    correction_notices: tuple[Notice, ...] = ()
    superseded: tuple[Invoice, ...] = ()

    @classmethod
    def of(cls, records: Iterable[MonthRecord]) -> CustomerMonth:
        """Put a month together from all its records, in whatever order they come."""
        found: defaultdict[str, list[Any]] = defaultdict(list)
        for record in records:
            found[_field_of(record)].append(record)
        fields: dict[str, Any] = {
            field: tuple(sorted(those, key=_ORDERS[field])) if field in _ORDERS else those[-1]
            for field, those in found.items()
        }
        return cls(**fields)

    def after(self, *written: MonthRecord) -> CustomerMonth:
        """Return the month as it is once some of its records were written, as `Books.commit` returned them."""
        found = {_identity(record): record for record in (*self.records, *written)}
        return CustomerMonth.of(found.values())

    @property
    def records(self) -> tuple[MonthRecord, ...]:
        """All its records."""
        alone = (*((self.parking,) if self.parking else ()), *((self.carried,) if self.carried else ()))
        return (
            *(*alone, *self.invoices, *self.payments, *self.entries),
            *(*self.notices, *self.holds, *self.credit_notes),
        )

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """All invoices of the month, the one in force last."""
        return (*self.superseded, *((self.invoice,) if self.invoice else ()))

    def invoice_of(self, number: str) -> Invoice | None:
        """Find an invoice by its number."""
        return next((invoice for invoice in self.invoices if invoice.number == number), None)

    def notes_on(self, number: str) -> tuple[CreditNote, ...]:
        """Find the credit notes on an invoice."""
        return tuple(note for note in self.credit_notes if note.corrects == number)

    @property
    def hold(self) -> HoldChange | None:
        """The latest change of the customer's hold."""
        return self.holds[-1] if self.holds else None

    @property
    def notices(self) -> tuple[Notice, ...]:
        """All e-mails about the invoice, the close's first."""
        return (*((self.notice,) if self.notice else ()), *self.reminders, *self.correction_notices)

    @property
    def payments(self) -> tuple[Payment, ...]:
        """All payments of the month's invoices, the close's first."""
        return (*((self.payment,) if self.payment else ()), *self.manual)

    @property
    def collecting(self) -> Payment | None:
        """The payment that collects the invoice: the close's, or the replacement's own.

        Once its money has gone back, it is the next one; where one charge could not take all, the last of those that
        continue one another.
        """
        if self.invoice is None:
            return self.payment
        own = [payment for payment in self.payments if payment.sequence >= self.invoice.first_payment]
        found = next((payment for payment in own if not payment.spent), own[0] if own else None)
        for payment in self.manual:
            if found and payment.continues == found.sequence:
                found = payment
        return found

    @property
    def collected_how(self) -> PaymentState | None:
        """The state of `collecting`; a replacement's payment never begun has nothing due once nothing is open."""
        payment = self.collecting
        if payment and payment.sequence > 1 and payment.never_begun and self.invoice and not self.invoice.open:
            return PaymentState.NOTHING_DUE
        return payment.state if payment else None

    @property
    def unsettled(self) -> bool:
        """Whether a close has something left to do: a payment to charge or to look up, an invoice to replace."""
        nothing_open = self.invoice is None or not self.invoice.open
        begun = (p for p in self.payments if not (p.waits or (p.continues and p.never_begun and nothing_open)))
        being_replaced = bool(self.invoice and self.invoice.being_replaced)
        return being_replaced or not all(payment.settled for payment in begun)

    @property
    def own_payments(self) -> tuple[Payment, ...]:
        """The payments of the invoice in force, and those of an earlier one that were reversed since."""
        if self.invoice is None or not self.superseded:
            return self.payments
        first, entry_id = self.invoice.first_payment, self.invoice.entry_id
        booked = next((entry.time for entry in self.entries if entry.entry_id == entry_id), None)
        return tuple(
            p for p in self.payments if p.sequence >= first or (p.reversed_at and booked and p.reversed_at >= booked)
        )

    def payment_of(self, sequence: int) -> Payment | None:
        """Find a payment by its sequence number."""
        return next((payment for payment in self.payments if payment.sequence == sequence), None)

    def money_moves(self, but: str = "") -> bool:
        """Whether a charge of the month's invoices is in flight, or a refund of one, but for the refund of that name.

        Until it ended, nobody can say what is open or left to give back: nothing else corrects the invoice.
        """
        under_way = (p.refund_under_way.name(p.payment_id) for p in self.payments if p.refund_under_way)
        return any(payment.in_flight for payment in self.payments) or any(name != but for name in under_way)

    @property
    def parked(self) -> bool:
        """Whether the customer waits for a person."""
        return self.parking is not None and self.parking.active


_ORDERS: Mapping[str, Callable[[Any], Any]] = {
    "holds": attrgetter("number"),
    "entries": attrgetter("time"),
    "manual": attrgetter("sequence"),
    "reminders": attrgetter("time", "step"),
    "credit_notes": attrgetter("number"),
    "correction_notices": attrgetter("time", "step"),
    "superseded": attrgetter("number"),
}
"""What the records of a month are in order of, where there may be several of a kind."""


def _field_of(record: MonthRecord) -> str:  # noqa: PLR0911 (one return a kind)
    """Say where in a month a record belongs."""
    match record:
        case Invoice():
            return "superseded" if record.replaced_by else "invoice"
        case Payment():
            return "payment" if record.sequence == 1 else "manual"
        case Entry():
            return "entries"
        case Notice() if record.step:
            return "correction_notices" if record.of_correction else "reminders"
        case Notice():
            return "notice"
        case HoldChange():
            return "holds"
        case CreditNote():
            return "credit_notes"
        case Carried():
            return "carried"
    return "parking"


def _identity(record: MonthRecord) -> tuple[type, str | int]:
    """Say which record of a month it is: a later state of the same one takes its place."""
    match record:
        case Entry():
            return Entry, record.entry_id
        case Invoice() | CreditNote():
            return type(record), record.number
        case Payment():
            return Payment, record.sequence
        case Notice():
            return Notice, record.step
        case HoldChange():
            return HoldChange, record.number
    return type(record), ""
