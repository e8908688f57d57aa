"""A customer's records as they were at an earlier time, read from the ledger and the histories. Pure.

E-mails are not kept: they are written again from the records as they were when they were sent.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.payments.payment import REFUSED, Payment, PaymentState
from monthclose.domain.period import Period

_ATTEMPT = re.compile(r"attempt \d+, (?P<amount>[\d,.]+) [A-Z]{3}")
"""What the history says of an attempt when it begins (`Payment.start`)."""
_SAY_THE_CODE = REFUSED | {PaymentState.REVERSED}
"""States whose step in the history has the provider's code as its reason."""


def months_at(months: Mapping[Period, CustomerMonth], at: datetime) -> dict[Period, CustomerMonth]:
    """Leave out what came after a time, and take back what it changed."""
    return {period: _month_at(month, at) for period, month in months.items()}


def customer_at(customer: Customer, months: Mapping[Period, CustomerMonth], at: datetime) -> Customer:
    """Take an account back to a time: what was owed, the credit, the hold. The profile is today's.

    Parameters
    ----------
    months : mapping
        All of the customer's, as they are now.
    """
    entries = [entry for month in months.values() for entry in month.entries if entry.time <= at]
    receivable, credit = (_sum(entries, account) for account in (Account.RECEIVABLE, Account.CREDIT))
    owed = replace(customer, receivable_minor=max(receivable, 0), credit_minor=max(-credit, 0), grants=())
    placed = _held_by(months, at)
    return owed.put_on_hold(placed.time, placed.reason, placed.by) if placed else owed.off_hold()


def _held_by(months: Mapping[Period, CustomerMonth], at: datetime) -> HoldChange | None:
    """Find the change that had put the customer on hold, if they were."""
    changes = [change for month in months.values() for change in month.holds if change.time <= at]
    last = max(changes, key=lambda change: (change.time, change.period, change.number), default=None)
    return last if last and last.action is HoldAction.PLACED else None


def _month_at(month: CustomerMonth, at: datetime) -> CustomerMonth:
    entries = tuple(entry for entry in month.entries if entry.time <= at)
    invoice = _in_force(month, entries)
    return replace(
        month,
        invoice=_invoice_at(invoice, month, entries) if invoice else None,
        superseded=tuple(one for one in month.superseded if invoice is None or one.number != invoice.number),
        payment=_payment_at(month.payment, at) if month.payment else None,
        manual=tuple(_payment_at(payment, at) for payment in month.manual if _began(payment, at)),
        holds=tuple(change for change in month.holds if change.time <= at),
        entries=entries,
        credit_notes=tuple(note for note in month.credit_notes if _booked(note.entry_id, entries)),
    )


def _in_force(month: CustomerMonth, entries: Iterable[Entry]) -> Invoice | None:
    """Find the latest invoice that was booked; one for zero has no entry in the ledger."""
    issued = [one for one in month.invoices if _booked(one.entry_id, entries) or not one.total_minor]
    return issued[-1] if issued else None


def _booked(entry_id: str, entries: Iterable[Entry]) -> bool:
    return any(entry.entry_id == entry_id for entry in entries)


def _invoice_at(invoice: Invoice, month: CustomerMonth, entries: Iterable[Entry]) -> Invoice:
    """Say how an invoice was settled; of a month with several, amounts cannot be told apart, and are today's."""
    if month.superseded:
        return invoice
    open_minor, written_off = (_sum(entries, account) for account in (Account.RECEIVABLE, Account.WRITE_OFF))
    collected = sum(_collected(entry) for entry in entries)
    credited = max(invoice.total_minor, 0) - open_minor - written_off - collected
    return replace(
        invoice,
        replaced_by="",
        collected_minor=collected,
        written_off_minor=written_off,
        credited_minor=credited,
    )


def _collected(entry: Entry) -> int:
    """What an entry collected for its invoice: what became credit instead is not a part of it."""
    by_account = {leg.account: leg.minor for leg in entry.legs}
    came = by_account.get(Account.CLEARING, 0)
    credit = by_account.get(Account.CREDIT, 0)
    return came + (min(credit, 0) if came > 0 else max(credit, 0) if came < 0 else 0)


def _began(payment: Payment, at: datetime) -> bool:
    return not payment.history or payment.history[0].time <= at


def _payment_at(payment: Payment, at: datetime) -> Payment:
    history = tuple(step for step in payment.history if step.time <= at)
    if len(history) == len(payment.history):
        return payment
    last = history[-1] if history else None
    amounts = [amount for step in history if (amount := _ATTEMPT.fullmatch(step.why))]
    state = last.after if last else PaymentState.READY
    return replace(
        payment,
        state=state,
        amount_minor=_minor(amounts[-1], payment.currency) if amounts else payment.amount_minor,
        code=last.why if last and state in _SAY_THE_CODE else "",
        advice="",
        history=history,
        waits_for="",
        collected_minor=payment.collected_minor if state in (PaymentState.PAID, PaymentState.REVERSED) else 0,
    )


def _minor(attempt: re.Match[str], currency: str) -> int:
    return Money.parse(attempt["amount"].replace(",", ""), currency).minor


def _sum(entries: Iterable[Entry], account: Account) -> int:
    return sum(leg.minor for entry in entries for leg in entry.legs if leg.account is account)
