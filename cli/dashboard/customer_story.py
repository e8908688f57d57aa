"""One customer, as the dashboard shows them: their balance over time, invoices, payments and e-mails."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from cli.dashboard.addresses import invoice_path, mail_path
from cli.dashboard.states import Shown, payment_state
from monthclose.charts import Chart, Line, Mark, amounts_in, line_chart
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.payments.declines import decline
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period

type Months = Mapping[Period, CustomerMonth]

_MOST_MARKS = 4
_OWED = (Account.RECEIVABLE, Account.CREDIT)


class InvoiceRow(NamedTuple):
    """An invoice or a credit note in the list of a customer's."""

    number: str
    path: str
    period: Period
    issued_on: str
    what: str
    total: Money
    open: Money | None
    """None of a credit note."""
    state: Shown


class PaymentRow(NamedTuple):
    """A payment: the effort to collect one invoice."""

    payment_id: str
    period: Period
    time: datetime | None
    provider: str
    state: Shown
    amount: Money
    attempts: int
    why: str
    reference: str
    returned: str


class MailRow(NamedTuple):
    """An e-mail."""

    time: datetime
    period: Period
    kind: str
    state: Shown
    why: str
    path: str


def state_of(customer: Customer) -> Shown:
    """Say how a customer stands in a few words."""
    if customer.held_since:
        return Shown("On hold", "bad", "■")
    if customer.balance.minor > 0:
        return Shown(f"Owes {customer.balance}", "wait", "!")
    if customer.balance.minor < 0:
        return Shown(f"{-customer.balance} of credit", "good", "✓")
    return Shown("Owes nothing", "good", "✓")


def balance_chart(customer: Customer, months: Months, now: datetime) -> Chart | None:
    """Draw what the customer owed over time; None if nothing was ever booked."""
    entries = [e for month in months.values() for e in month.entries if e.currency == customer.currency]
    if not entries:
        return None
    balance, points = 0, list[tuple[float, int]]()
    for entry in sorted(entries, key=lambda entry: entry.time):
        balance += sum(leg.minor for leg in entry.legs if leg.account in _OWED)
        points.append((entry.time.timestamp(), balance))
    begin, end = points[0][0], max(now.timestamp(), points[-1][0] + 1)
    steps = [(begin - (end - begin) / 50, 0), *points, (end, balance)]
    line = Line("Balance", steps, "series1", steps=True, filled=True)
    title = f"Balance in {customer.currency}: above zero is owed, below zero is credit"
    return line_chart([line], title=title, value=amounts_in(customer.currency), marks=_marks(begin, end))


def _marks(first: float, last: float) -> list[Mark]:
    places = [first + (last - first) * number / _MOST_MARKS for number in range(_MOST_MARKS)]
    by_day = {_day(at): at for at in reversed(places)}
    return [*(Mark(at, day) for day, at in by_day.items()), Mark(last, "now")]


def _day(second: float) -> str:
    day = datetime.fromtimestamp(second, UTC)
    return f"{day.day} {day:%b}"


def invoice_rows(months: Months) -> list[InvoiceRow]:
    """List invoices and credit notes, the newest first."""
    rows = [row for month in months.values() for row in _issued(month)]
    return rows[::-1]


def _issued(month: CustomerMonth) -> Iterator[InvoiceRow]:
    for invoice in month.invoices:
        yield InvoiceRow(
            invoice.number,
            invoice_path(invoice.number),
            invoice.period,
            invoice.issued_on.isoformat(),
            f"Invoice, replaces {invoice.replaces}" if invoice.replaces else "Invoice",
            invoice.total,
            invoice.open,
            invoice_state(invoice, month),
        )
    for note in month.credit_notes:
        what, state = f"Credit note on {note.corrects}", Shown("Credited", "good", "✓")
        path, day = invoice_path(note.number), note.issued_on.isoformat()
        yield InvoiceRow(note.number, path, note.period, day, what, -note.total, None, state)


def invoice_state(invoice: Invoice, month: CustomerMonth) -> Shown:
    """Say how an invoice stands: settled and by what, or why it is open."""
    if invoice.replaced_by:
        return Shown(f"Replaced by {invoice.replaced_by}", "busy", "↷")
    if invoice.open:
        how = payment_state(month.collected_how) if month.collected_how else None
        return Shown(f"Open: {how.label.lower()}", how.tone, how.mark) if how else Shown("Open", "wait", "!")
    if invoice.total_minor < 0:
        return Shown("Became credit", "good", "✓")
    if invoice.collected_minor:
        return Shown("Paid", "good", "✓")
    if invoice.credited_minor:
        return Shown("Credited", "good", "✓")
    return Shown("Written off" if invoice.written_off_minor else "Nothing to pay", "good", "✓")


def payment_rows(months: Months) -> list[PaymentRow]:
    """List the payments, the newest first."""
    return [_payment(payment) for month in months.values() for payment in month.payments][::-1]


def _payment(payment: Payment) -> PaymentRow:
    last = payment.history[-1] if payment.history else None
    back = Money(payment.refunded_minor + payment.reversed_minor, payment.currency)
    return PaymentRow(
        payment.payment_id,
        payment.period,
        last.time if last else None,
        payment.provider,
        payment_state(payment.state),
        Money(payment.collected_minor or payment.amount_minor, payment.currency),
        payment.attempt,
        _why(payment),
        payment.provider_ref,
        f"{back} went back" if back else "",
    )


def _why(payment: Payment) -> str:
    """Say why a payment stands where it does: in the customer's words where a bank said no."""
    if payment.waits_for:
        return f"starts once payment {payment.waits_for} has ended"
    if payment.code:
        return f"{decline(payment.provider, payment.code, payment.advice).sentence} ({payment.code})"
    return payment.history[-1].why if payment.history else ""


_MAIL_STATES: Mapping[NoticeState, Shown] = {
    NoticeState.SENT: Shown("Sent", "good", "✓"),
    NoticeState.CLAIMED: Shown("Perhaps sent", "wait", "?"),
    NoticeState.WITHDRAWN: Shown("Not sent yet", "wait", "…"),
    NoticeState.REFUSED: Shown("Refused", "bad", "✗"),
    NoticeState.BOUNCED: Shown("Came back", "bad", "✗"),
    NoticeState.COMPLAINED: Shown("Marked as spam", "bad", "✗"),
    NoticeState.UNREACHABLE: Shown("Not sent: address fails", "bad", "✗"),
}


def mail_rows(months: Months) -> list[MailRow]:
    """List the e-mails, the newest first."""
    notices = [notice for month in months.values() for notice in month.notices]
    return [_mail(notice) for notice in sorted(notices, key=lambda notice: notice.time, reverse=True)]


def _mail(notice: Notice) -> MailRow:
    return MailRow(
        notice.time,
        notice.period,
        notice.kind,
        _MAIL_STATES[notice.state],
        notice.why,
        mail_path(notice),
    )
