"""Refusals and what came after them: declines by card brand and code, and money recovered by dunning step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.accounts.posting import EntryKind, kind_of
from monthclose.domain.finance.cash import paid_by
from monthclose.domain.finance.customer import CustomerBooks, receivable_minor
from monthclose.domain.finance.journal import payment_of
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import REFUSED, Payment, PaymentState, Transition
from monthclose.domain.period import Period


class Step(StrEnum):
    """How money came after a refusal."""

    REFUSED = "refused"
    """No money: the refusal that began it, with what was open then."""
    RETRY = "retry"
    """A further charge of the dunning; the first is `retry 1`."""
    CONFIRMED = "confirmed"
    """The customer has authenticated the charge."""
    PAYMENT = "payment"
    """A payment that a person or the customer has started."""
    TRANSFER = "transfer"


class RecoverySum(NamedTuple):
    """What a step of dunning has brought in of the month's refused invoices; minor units.

    Parameters
    ----------
    step : str
        See `Step`; retries have a number.
    told : str
        The kind of the last e-mail before it; empty if the customer had none.
    attempts, successes : int
        How often it was tried, and how often money came.
    """

    currency: str
    step: str
    told: str
    attempts: int
    successes: int
    minor: int


class ChargeSum(NamedTuple):
    """How often charges of the month's invoices ended so.

    Parameters
    ----------
    card_brand : str
        Empty for debits, and where the provider does not say.
    outcome : str
        The payment's state.
    code : str
        Why it was declined, in the provider's words; empty if it was not.
    """

    provider: str
    card_brand: str
    outcome: str
    code: str
    charges: int


RECOVERY = SumTable("recovery", RecoverySum, 3)
CHARGES = SumTable("charges", ChargeSum, 4)
_OUTCOMES = REFUSED | {PaymentState.PAID}


def charges_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[ChargeSum]:
    """List how the charges of a month's invoices ended; a charge that was refused and retried counts each time."""
    for payment in books.months.get(period, CustomerMonth()).payments:
        for step in payment.history:
            if step.time <= at and step.after in _OUTCOMES and step.before is not PaymentState.REVERSED:
                code = step.why if step.after in REFUSED else ""
                yield ChargeSum(payment.provider, payment.card_brand, step.after, code, 1)


def recovery_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[RecoverySum]:
    """List the refusal of a month's invoice, and what its dunning has brought in."""
    month = books.months.get(period, CustomerMonth())
    history = sorted(_history(month, at), key=lambda one: one.step.time)
    first = next((one.step.time for one in history if one.step.after in REFUSED), None)
    if first is None or month.invoice is None:
        return
    currency = month.invoice.currency
    yield RecoverySum(currency, Step.REFUSED, "", 1, 0, receivable_minor(month, first))
    for one in history:
        if one.step.time > first:
            yield from _after(one, currency, _told(month, one.step.time), first)
    for entry in month.entries:
        if first < entry.time <= at and entry.entry_id.startswith("used/received/"):
            yield RecoverySum(currency, Step.TRANSFER, _told(month, entry.time), 1, 1, paid_by(entry))


class _Happened(NamedTuple):
    payment: Payment
    step: Transition
    paid_minor: int
    """What the payment has paid of the month's invoice."""


def _history(month: CustomerMonth, at: datetime) -> Iterator[_Happened]:
    for payment in month.payments:
        paid = _paid_with(payment, month, at)
        yield from (_Happened(payment, step, paid) for step in payment.history if step.time <= at)


def _paid_with(payment: Payment, month: CustomerMonth, at: datetime) -> int:
    """Say what a payment had paid of its invoice at a time: without what it collects for earlier months' invoices."""
    booked = [entry for entry in month.entries if entry.time <= at and kind_of(entry) is EntryKind.PAYMENT]
    return sum(paid_by(entry) for entry in booked if payment_of(entry, month) == payment)


def _after(one: _Happened, currency: str, told: str, first: datetime) -> Iterator[RecoverySum]:
    payment, step, paid = one
    if step.after is PaymentState.CHARGING and step.before is not PaymentState.UNKNOWN:
        yield RecoverySum(currency, _named(payment, step, first), told, 1, 0, 0)
    elif step.after is PaymentState.PAID and step.before is PaymentState.ACTION_REQUIRED:
        yield RecoverySum(currency, Step.CONFIRMED, told, 1, 1, paid)
    elif step.after is PaymentState.PAID and step.before is not PaymentState.REVERSED:
        yield RecoverySum(currency, _named(payment, step, first), told, 0, 1, paid)


def _named(payment: Payment, step: Transition, first: datetime) -> str:
    if payment.sequence > 1 and not payment.continues:
        return Step.PAYMENT
    return f"{Step.RETRY} {sum(first < start <= step.time for start in payment.starts)}"


def _told(month: CustomerMonth, before: datetime) -> str:
    """Name the last e-mail about the invoice that the customer had before a time."""
    told = [notice for notice in month.notices if notice.told and not notice.of_correction and notice.time < before]
    return max(told, key=lambda notice: notice.time).kind if told else ""
