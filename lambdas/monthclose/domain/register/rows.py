"""Makes the register's rows from the records: one function for each table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.accounts.posting import posting_day
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, HoldChange, Notice, Parking
from monthclose.domain.payments.payment import Payment, PaymentState, Transition
from monthclose.domain.period import Period
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.line import LineKind
from monthclose.domain.register.tables import Row, Value

_FINAL = frozenset({PaymentState.PAID, PaymentState.DECLINED, PaymentState.ACTION_REQUIRED, PaymentState.NOTHING_DUE})
"""States that are a charge's outcome."""


class InvoiceState(StrEnum):
    """How an invoice stands, in one word."""

    OPEN = "open"
    """Something is still to be paid."""
    PAID = "paid"
    """Nothing is open, and money was collected for it."""
    CREDITED = "credited"
    """Nothing is open: credit, or a credit note, has settled it."""
    WRITTEN_OFF = "written_off"
    """Nothing is open: it was given up, or the money was given back."""
    NOTHING_DUE = "nothing_due"
    """It asked for nothing: its total is zero, or below it."""
    REPLACED = "replaced"
    """Another invoice has taken its place."""


def profile_row(customer_id: str, profile: Profile) -> dict[str, Value]:
    """Make the part of a customer's row that comes with an import."""
    return {
        "customer_id": customer_id,
        "name": profile.name,
        "email": _said(profile.email),
        "country": _said(profile.country),
        "currency": profile.currency,
        "provider": profile.payment_provider,
    }


def customer_row(customer: Customer) -> Row:
    """Make a customer's row; its amounts are in the account's currency."""
    return profile_row(customer.customer_id, customer.profile) | {
        "currency": customer.currency,
        "receivable_minor": customer.receivable_minor,
        "credit_minor": customer.credit_minor,
        "balance_minor": customer.balance.minor,
        "held_since": _time(customer.held_since),
        "hold_reason": _said(customer.hold_reason),
    }


def invoice_row(invoice: Invoice, document: InvoiceDocument | None = None) -> Row:
    """Make an invoice's row.

    Parameters
    ----------
    document : InvoiceDocument or None
        Its document, where that was read: only there is the day that it is due on.
    """
    return {
        "number": invoice.number,
        "customer_id": invoice.customer_id,
        "period": str(invoice.period),
        "currency": invoice.currency,
        "total_minor": invoice.total_minor,
        "tax_minor": invoice.tax_minor,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": document.due_on.isoformat() if document and document.due_on else None,
        "collected_minor": invoice.collected_minor,
        "credited_minor": invoice.credited_minor,
        "written_off_minor": invoice.written_off_minor,
        "open_minor": invoice.open.minor,
        "state": invoice_state(invoice),
        "replaces": _said(invoice.replaces),
        "replaced_by": _said(invoice.replaced_by),
    }


def invoice_state(invoice: Invoice) -> InvoiceState:
    """Say how an invoice stands."""
    if invoice.replaced_by:
        return InvoiceState.REPLACED
    if invoice.open:
        return InvoiceState.OPEN
    if invoice.total_minor <= 0:
        return InvoiceState.NOTHING_DUE
    if invoice.collected_minor:
        return InvoiceState.PAID
    return InvoiceState.CREDITED if invoice.credited_minor else InvoiceState.WRITTEN_OFF


def line_rows(document: InvoiceDocument) -> list[Row]:
    """Make the rows of a document's lines, then of its discounts: they add up to its subtotal.

    Those of a credit note are negative. Days of service are inclusive. A line in a section of a payer's invoice is
    `for_customer` of that section.
    """
    whole = DocumentLine("", "", Decimal(1), 0, kind=LineKind.DISCOUNT)
    rows = [_line_row(document, line, line.description, line.amount_minor) for line in document.lines]
    rows += [
        _line_row(document, replace(whole, tax_class=each.tax_class), each.description, each.amount_minor)
        for each in document.discounts
    ]
    return [row | {"position": position} for position, row in enumerate(rows, 1)]


def _line_row(document: InvoiceDocument, line: DocumentLine, description: str, amount_minor: int) -> dict[str, Value]:
    served = Period.parse(line.period) if line.period else document.period
    first, end = document.served(served)
    begins = datetime.fromisoformat(line.starts) if line.starts else first
    ends = datetime.fromisoformat(line.ends) if line.ends else end
    last = max(ends - timedelta(microseconds=1), begins)
    return {
        "number": document.number,
        "customer_id": document.customer.customer_id,
        "period": str(document.period),
        "kind": line.kind or LineKind.USAGE,
        "sku": _said(line.sku),
        "description": description,
        "resource": _said(line.resource),
        "quantity": plain(line.quantity),
        "unit": _said(line.unit),
        "unit_price": None if line.unit_price is None else plain(line.unit_price),
        "amount_minor": amount_minor,
        "currency": document.currency,
        "service_from": begins.date().isoformat(),
        "service_to": last.date().isoformat(),
        "service_period": str(served),
        "tax_class": _said(line.tax_class),
        "for_customer": _said(line.customer_id),
    }


def tax_rows(document: InvoiceDocument) -> list[Row]:
    """Make the rows of a document's taxes; those of a credit note are negative.

    The jurisdiction is where the customer is, which the tax table goes by: `DE`, `US-NY`. The tax classes are those of
    the lines that it is on, `-` for none; where it is on all lines, they are left out.
    """
    buyer = document.customer
    place = "-".join(part for part in (buyer.country, buyer.region) if part)
    return [
        {
            "number": document.number,
            "customer_id": buyer.customer_id,
            "period": str(document.period),
            "jurisdiction": _said(place),
            "name": tax.rate.name,
            "rate": plain(tax.rate.percent),
            "taxable_minor": tax.base.minor,
            "tax_minor": tax.amount.minor,
            "currency": document.currency,
            "category": tax.rate.category.value,
            "tax_classes": _said(" ".join(name or "-" for name in tax.classes)),
        }
        for tax in document.taxes
    ]


def payment_row(payment: Payment, month: CustomerMonth) -> Row:
    """Make a payment's row; `month` says which of its invoices it collects."""
    settled = (
        _last(payment.history, _FINAL) if payment.state not in (PaymentState.READY, PaymentState.PENDING) else None
    )
    return {
        "payment_id": payment.payment_id,
        "number": _number_collected(payment, month),
        "customer_id": payment.customer_id,
        "period": str(payment.period),
        "provider": payment.provider,
        "currency": payment.currency,
        "state": payment.state,
        "amount_minor": payment.amount_minor,
        "collected_minor": payment.collected_minor,
        "refunded_minor": payment.refunded_minor,
        "reversed_minor": payment.reversed_minor,
        "lost_minor": payment.lost_minor,
        "attempt": payment.attempt,
        "decline_code": _said(payment.code),
        "card_brand": _said(payment.card_brand),
        "provider_ref": _said(payment.provider_ref),
        "charged_at": _time(payment.starts[-1]) if payment.starts else None,
        "settled_at": _time(settled.time) if settled else None,
    }


def _number_collected(payment: Payment, month: CustomerMonth) -> Value:
    """Name the invoice that a payment collects: the newest one whose first payment is not after it."""
    found = [invoice.number for invoice in month.invoices if invoice.first_payment <= payment.sequence]
    return found[-1] if found else None


def _last(history: Iterable[Transition], states: Iterable[PaymentState]) -> Transition | None:
    return next((step for step in reversed([*history]) if step.after in states), None)


def credit_note_row(note: CreditNote) -> Row:
    """Make a credit note's row; its amounts are positive."""
    return {
        "number": note.number,
        "corrects": note.corrects,
        "customer_id": note.customer_id,
        "period": str(note.period),
        "currency": note.currency,
        "total_minor": note.total_minor,
        "tax_minor": note.tax_minor,
        "issued_on": note.issued_on.isoformat(),
        "reason": note.reason,
    }


def entry_rows(entry: Entry) -> list[Row]:
    """Make the rows of a ledger entry, one for each leg: debits are positive, credits negative, the sum is zero."""
    return [
        {
            "entry_id": entry.entry_id,
            "customer_id": entry.customer_id,
            "period": str(entry.period),
            "time": _time(entry.time),
            "posting_date": posting_day(entry).isoformat(),
            "account": leg.account,
            "amount_minor": leg.minor,
            "currency": entry.currency,
            "memo": _said(entry.memo),
        }
        for leg in entry.legs
    ]


def notice_row(notice: Notice, month: CustomerMonth) -> Row:
    """Make an e-mail's row; `number` is that of the invoice in force."""
    return {
        "customer_id": notice.customer_id,
        "period": str(notice.period),
        "number": month.invoice.number if month.invoice else None,
        "kind": notice.kind,
        "step": _said(notice.step),
        "state": notice.state,
        "time": _time(notice.time),
        "message_id": _said(notice.message_id),
        "bounces": notice.bounces,
        "why": _said(notice.why),
    }


def hold_row(change: HoldChange) -> Row:
    """Make the row of a hold that was placed or lifted."""
    return {
        "customer_id": change.customer_id,
        "period": str(change.period),
        "change": change.number,
        "action": change.action,
        "reason": change.reason,
        "time": _time(change.time),
        "by": _said(change.by),
    }


def parked_row(parking: Parking) -> Row:
    """Make the row of a customer who is parked."""
    return {
        "customer_id": parking.customer_id,
        "period": str(parking.period),
        "reason": parking.reason,
        "detail": parking.detail,
        "time": _time(parking.time),
    }


def month_rows(
    month: CustomerMonth, documents: Mapping[str, InvoiceDocument] | None = None
) -> Iterator[tuple[str, Row]]:
    """Make the rows of one customer's month, each with the name of its table, without those of the ledger.

    Parameters
    ----------
    documents : mapping or None
        The documents of its invoices and credit notes that were read, by number: their lines and taxes are rows, too.
    """
    documents = documents or {}
    yield from (("invoices", invoice_row(invoice, documents.get(invoice.number))) for invoice in month.invoices)
    for document in documents.values():
        yield from (("lines", row) for row in line_rows(document))
        yield from (("taxes", row) for row in tax_rows(document))
    yield from (("payments", payment_row(payment, month)) for payment in month.payments)
    yield from (("credit_notes", credit_note_row(note)) for note in month.credit_notes)
    yield from (("notices", notice_row(notice, month)) for notice in month.notices)
    yield from (("holds", hold_row(change)) for change in month.holds)
    if month.parking and month.parked:
        yield "parked", parked_row(month.parking)


def _said(text: str) -> str | None:
    return text or None


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
