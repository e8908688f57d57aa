"""The e-mails to a customer, as they looked: written again from the records as they were when each was sent."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from cli.dashboard.as_it_was import customer_at, months_at
from cli.system import System
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.dunning import AfterLast, trouble_of
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import effect_of
from monthclose.domain.month import CustomerMonth, Notice
from monthclose.domain.notices.notice import OF_HOLDS, NoticeKind
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.ports import Mail

_LINK = "https://link.invalid/"
"""In place of the customer's own link, which would open their invoice to whoever has it."""


def notice_of(months: Mapping[Period, CustomerMonth], period: Period, step: str) -> Notice | None:
    """Find an e-mail by its month and step; None if there was none."""
    month = months.get(period)
    return next((notice for notice in month.notices if notice.step == step), None) if month else None


def as_sent(system: System, customer: Customer, months: Mapping[Period, CustomerMonth], notice: Notice) -> Mail:
    """Write an e-mail as it was written when it was sent, to the customer's present name and address.

    Raises
    ------
    UserMistakeError
        The records that it was about are no longer what they were.
    """
    before, then = months_at(months, notice.time), customer_at(customer, months, notice.time)
    try:
        return _write(system, then, _untold(before[notice.period], notice), months, notice)
    except (KeyError, ValueError, StopIteration) as error:
        raise UserMistakeError(f"this e-mail can no longer be written as it was: {error}") from None


def _write(
    system: System, customer: Customer, month: CustomerMonth, months: Mapping[Period, CustomerMonth], notice: Notice
) -> Mail:
    made, kind = system.use_cases.notice_texts, NoticeKind(notice.kind)
    texts = replace(made, link=(lambda _issued: _LINK) if made.link else None)
    if kind in OF_HOLDS:
        number = int(notice.step.rpartition("-")[2])
        change = next(change for change in months[notice.period].holds if change.number == number)
        return texts.hold_mail(customer, kind, change)
    if kind is NoticeKind.CREDIT_NOTE:
        note = next(note for note in months[notice.period].credit_notes if note.number == notice.step)
        entries = [entry for each in months.values() for entry in each.entries]
        return texts.credit_note_mail(customer, note, effect_of(note, entries), month)
    if kind is NoticeKind.REPLACED and month.invoice:
        notes, entries = month.notes_on(month.invoice.replaces), [e for each in months.values() for e in each.entries]
        covered = effect_of(notes[-1], entries).covered if notes else 0
        why = ", ".join(system.use_cases.issued.document(month.invoice).reasons)
        return texts.replacement_mail(customer, month, why, covered)
    payment, held_on = _about(month, notice.step), _held_on(system, kind, notice)
    return texts.mail(customer, month, kind, payment=payment, step=notice.step, held_on=held_on)


def _untold(month: CustomerMonth, notice: Notice) -> CustomerMonth:
    """Leave out the e-mail itself, and those after it: it says what is news."""
    return replace(
        month,
        notice=month.notice if month.notice and month.notice.time < notice.time else None,
        reminders=tuple(one for one in month.reminders if one.time < notice.time),
        correction_notices=tuple(one for one in month.correction_notices if one.time < notice.time),
    )


def _about(month: CustomerMonth, step: str) -> Payment | None:
    """Find the payment that an e-mail is about; None: the one that collects the invoice."""
    if paid := re.fullmatch(r"paid-(\d+)-\d+", step):
        return month.payment_of(int(paid[1]))
    trouble = trouble_of(month) if step else None
    return trouble.payment if trouble else None


def _held_on(system: System, kind: NoticeKind, notice: Notice) -> date | None:
    policy = system.ports.settings.dunning
    holds = kind is NoticeKind.LAST_REMINDER and policy.after_last is AfterLast.HOLD
    return policy.calendar.day(notice.time) + timedelta(policy.final_days) if holds else None
