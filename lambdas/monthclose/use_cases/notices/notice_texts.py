"""What a notice says: one e-mail per kind, plain text and HTML, from the templates in `templates/mail/`.

`<kind>.txt.j2` has a kind's subject, headline and message, once; `layout.txt.j2` and `layout.html.j2` lay them out.
Everything is said in the customer's language (`monthclose.locales`), but for what a person wrote: a reason, a name.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.collections.hold import news_in
from monthclose.domain.invoices.credit_note import CreditNote, Effect
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.notices.notice import NoticeKind, purpose_of
from monthclose.domain.payments.declines import decline
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, CURRENCY_NOT_TAKEN, Payment, PaymentState
from monthclose.domain.payments.refund import Refund, RefundKind
from monthclose.domain.period import Period
from monthclose.locales import ENGLISH, Amount, Locale, locale_for
from monthclose.ports import Mail
from monthclose.templates import environment
from monthclose.use_cases.invoices.issued_documents import Issued

_GOOD, _WAITING, _ACTION = "#1a7f5a", "#3b74c4", "#c2571a"
_ACCENT: Mapping[NoticeKind, str] = {
    NoticeKind.RECEIPT: _GOOD,
    NoticeKind.CREDIT: _GOOD,
    NoticeKind.DECLINED: _ACTION,
    NoticeKind.ACTION_REQUIRED: _ACTION,
    NoticeKind.NO_PAYMENT_METHOD: _ACTION,
    NoticeKind.PENDING: _WAITING,
    NoticeKind.OPEN: _WAITING,
    NoticeKind.TOO_SMALL: _WAITING,
    NoticeKind.NOT_CHARGEABLE: _ACTION,
    NoticeKind.REMINDER: _ACTION,
    NoticeKind.LAST_REMINDER: _ACTION,
    NoticeKind.NEW_METHOD: _ACTION,
    NoticeKind.ACTION_REMINDER: _ACTION,
    NoticeKind.REVERSED: _ACTION,
    NoticeKind.CREDIT_NOTE: _GOOD,
    NoticeKind.REPLACED: _WAITING,
    NoticeKind.REFUNDED: _GOOD,
    NoticeKind.WRITTEN_OFF: _GOOD,
    NoticeKind.HOLD_PLACED: _ACTION,
    NoticeKind.HOLD_LIFTED: _GOOD,
}

_ASKS: Mapping[NoticeKind, str] = {
    **dict.fromkeys((NoticeKind.ACTION_REQUIRED, NoticeKind.ACTION_REMINDER), "confirm"),
    **dict.fromkeys((NoticeKind.NO_PAYMENT_METHOD, NoticeKind.NEW_METHOD), "details"),
    **dict.fromkeys((NoticeKind.DECLINED, NoticeKind.REMINDER, NoticeKind.LAST_REMINDER, NoticeKind.REVERSED), "pay"),
}
"""What a mail asks its reader to do on the page that its link opens; others only show the invoice."""

_EFFECTS: Mapping[str, str] = {
    "less_owed": "Off this invoice",
    "covered": "Off other open invoices",
    "kept": "Added to your credit",
}
"""Where a credit note's amount went, as labelled in its mail."""

_WHY_NOT_COLLECTED: Mapping[str, str] = {
    ABOVE_MAXIMUM: (
        "We cannot charge it to your payment method: the amount is more than a single payment can collect."
    ),
    CURRENCY_NOT_TAKEN: (
        "We cannot charge it to your payment method: it does not support the currency of the invoice."
    ),
}


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """Writes the notices of a company.

    Parameters
    ----------
    company : str
        The seller's name, as customers know it.
    link : Callable or None
        Writes the link to an invoice or a credit note; None if mails carry no links.
    language : str
        The company's: that of customers who have none of their own.
    self_service : collection of str
        The providers through which the page of an invoice does what a mail asks for.
    """

    company: str
    link: Callable[[Issued], str] | None = None
    language: str = ENGLISH
    self_service: Collection[str] = ()
    calendar: BillingCalendar = IN_UTC

    def locale(self, customer: Customer) -> Locale:
        """Find the language that a customer is written to in."""
        return locale_for(customer.profile.language, self.language)

    def mail(
        self,
        customer: Customer,
        month: CustomerMonth,
        kind: NoticeKind,
        *,
        payment: Payment | None = None,
        step: str = "",
        held_on: date | None = None,
    ) -> Mail:
        """Write the mail about a month's invoice and the outcome of its payment.

        Parameters
        ----------
        payment : Payment or None
            The payment that it is about; None for the one that collects the invoice.
        step : str
            The dunning step; empty for the close's notice.
        held_on : date or None
            The day on which the account is put on hold if nothing is paid; None if it is not.

        Raises
        ------
        ValueError
            The month has no invoice or no payment.
        """
        payment = payment or month.collecting
        if month.invoice is None or payment is None:
            raise ValueError(f"customer {customer.customer_id} has no invoice and payment to write about")
        locale = self.locale(customer)
        facts = _facts(month.invoice, payment, locale) | {"held_on": locale.day(held_on) if held_on else ""}
        facts["asks"] = _ASKS.get(kind, "") if self.link and payment.provider in self.self_service else ""
        rows = _rows(customer, month.invoice, payment, month.notes_on(month.invoice.number), locale)
        if step and month.invoice.open < customer.owed:
            rows.append(("Total owed", locale.money(customer.owed)))
        hold_status = _hold_status(customer, month, locale, self.calendar)
        return self._mail(customer, kind, facts, rows, month.invoice, step, month.invoice.period, hold_status)

    def hold_mail(
        self, customer: Customer, kind: NoticeKind, change: HoldChange, overdue: Invoice | None = None
    ) -> Mail:
        """Write the mail that says that the account was put on hold, or that the hold was lifted.

        Parameters
        ----------
        overdue : Invoice or None
            The invoice for which it was put on hold: the mail has its link.
        """
        locale = self.locale(customer)
        asks = self.link and overdue and customer.profile.payment_provider in self.self_service
        facts = {
            "owed": customer.owed if customer.owed.minor > 0 else None,
            "by_hand": bool(change.by),
            "asks": "pay" if asks else "",
        }
        owed = max(customer.owed, Money(0, customer.currency))
        rows = [("Date", locale.day(self.calendar.day(change.time))), ("Total owed", locale.money(owed))]
        issued = overdue if asks else None
        return self._mail(customer, kind, facts, rows, issued, f"hold-{change.number}", change.period)

    def credit_note_mail(
        self, customer: Customer, note: CreditNote, effect: Effect, month: CustomerMonth | None = None
    ) -> Mail:
        """Write the mail about a credit note and where its amount went.

        Parameters
        ----------
        month : CustomerMonth or None
            The credit note's month, for the sentence about a hold.
        """
        locale = self.locale(customer)
        done = {name: Money(minor, note.currency) for name, minor in effect._asdict().items()}
        facts = {
            "number": note.corrects,
            "month": locale.month(note.period),
            "credit_note": note.number,
            "amount": note.total,
            "reason": note.reason,
            "owes": bool(customer.receivable_minor),
            "dated": any(part.grant.expires_at for part in customer.grants),
            **done,
        }
        rows = [
            ("Credit note", note.number),
            ("Date", locale.day(note.issued_on)),
            ("Invoice", note.corrects),
            ("Period", locale.month(note.period)),
            *((label, locale.money(done[name])) for name, label in _EFFECTS.items() if done[name]),
            ("Amount", locale.money(note.total)),
        ]
        hold_status = _hold_status(customer, month or CustomerMonth(), locale, self.calendar)
        return self._mail(customer, NoticeKind.CREDIT_NOTE, facts, rows, note, note.number, note.period, hold_status)

    def replacement_mail(self, customer: Customer, month: CustomerMonth, reason: str, covered_minor: int) -> Mail:
        """Write the mail about an invoice that replaces another one.

        Parameters
        ----------
        covered_minor : int
            How much of the old invoice's payments and credit went towards other open invoices, in minor units.

        Raises
        ------
        ValueError
            The month's invoice does not replace another.
        """
        invoice, payment = month.invoice, month.collecting
        if invoice is None or payment is None or not invoice.replaces:
            raise ValueError(f"customer {customer.customer_id} has no invoice that replaces another")
        locale = self.locale(customer)
        facts = _facts(invoice, payment, locale) | {
            "replaces": invoice.replaces,
            "why": reason,
            "covered": Money(covered_minor, invoice.currency),
            "chargeable": payment.state not in (PaymentState.NO_PAYMENT_METHOD, PaymentState.NO_ADAPTER),
        }
        rows = [
            ("Replaced invoice", invoice.replaces),
            *_rows(customer, invoice, payment, month.notes_on(invoice.number), locale),
        ]
        hold_status = _hold_status(customer, month, locale, self.calendar)
        return self._mail(
            customer, NoticeKind.REPLACED, facts, rows, invoice, invoice.number, invoice.period, hold_status
        )

    def refund_mail(self, customer: Customer, month: CustomerMonth, refund: Refund, step: str) -> Mail:
        """Write the mail about a refund, with a link to its credit note, or to the invoice if it has none.

        Raises
        ------
        ValueError
            The month has no invoice.
        """
        invoice, locale = _invoice_of(customer, month), self.locale(customer)
        amount = Money(refund.amount_minor, invoice.currency)
        note = next((note for note in month.credit_notes if note.number == refund.credit_note), None)
        facts = {
            "number": invoice.number,
            "month": locale.month(invoice.period),
            "amount": amount,
            "reason": refund.reason,
            "credit_note": refund.credit_note,
            "overpaid": refund.kind is RefundKind.OVERPAYMENT,
        }
        rows = [
            ("Date", locale.day(self.calendar.day(refund.time))),
            ("Invoice", invoice.number),
            *([("Credit note", refund.credit_note)] if refund.credit_note else []),
            ("Refunded", locale.money(amount)),
        ]
        return self._mail(customer, NoticeKind.REFUNDED, facts, rows, note or invoice, step, invoice.period)

    def write_off_mail(self, customer: Customer, month: CustomerMonth, amount: Money, step: str) -> Mail:
        """Write the mail about a write-off; the reason is for the company only.

        Raises
        ------
        ValueError
            The month has no invoice.
        """
        invoice, locale = _invoice_of(customer, month), self.locale(customer)
        facts = {
            "number": invoice.number,
            "month": locale.month(invoice.period),
            "amount": amount,
            "open": invoice.open,
            "owes": bool(customer.receivable_minor),
        }
        rows = [
            ("Invoice", invoice.number),
            ("Date", locale.day(invoice.issued_on)),
            ("Period", locale.month(invoice.period)),
            ("Waived", locale.money(amount)),
            ("Outstanding", locale.money(invoice.open)),
        ]
        hold_status = _hold_status(customer, month, locale, self.calendar)
        return self._mail(customer, NoticeKind.WRITTEN_OFF, facts, rows, invoice, step, invoice.period, hold_status)

    def _mail(
        self,
        customer: Customer,
        kind: NoticeKind,
        facts: Mapping[str, Any],
        rows: Sequence[tuple[str, str]],
        issued: Issued | None,
        step: str,
        period: Period,
        hold_status: str = "",
    ) -> Mail:
        company, held, locale = _one_line(self.company), customer.held_since is not None, self.locale(customer)
        facts = {name: Amount(fact, locale) if isinstance(fact, Money) else fact for name, fact in facts.items()}
        known = {
            "name": _one_line(customer.profile.contact or customer.profile.name),
            "company": company,
            "held": held,
            "locale": locale,
        }
        facts = {"asks": "", **facts, **known}
        template = environment().get_template(f"mail/{kind}.txt.j2")
        context = template.new_context(facts)
        blocks = {name: "".join(block(context)) for name, block in template.blocks.items()}
        table = [(locale.text(label), value) for label, value in rows]
        letter = facts | {
            "subject": _one_line(blocks["subject"]),
            "headline": _one_line(blocks["headline"]),
            "paragraphs": [
                _one_line(text) for text in re.split(r"\n\s*\n", f"{blocks['message']}\n\n{hold_status}".strip())
            ],
            "rows": table,
            "aligned": _aligned(table),
            "accent": _ACCENT[kind],
            "link": self.link(issued) if self.link and issued else "",
            "of_credit_note": isinstance(issued, CreditNote),
        }
        to, *others = customer.reached_for(purpose_of(kind)) or [""]
        return Mail(
            to=to,
            subject=letter["subject"],
            text=environment().get_template("mail/layout.txt.j2").render(letter),
            html=environment().get_template("mail/layout.html.j2").render(letter),
            tag=notice_tag(period, customer.customer_id, step),
            others=tuple(others),
        )


def _hold_status(customer: Customer, month: CustomerMonth, locale: Locale, calendar: BillingCalendar) -> str:
    """Say that the account is on hold, or that the hold was just lifted; empty otherwise."""
    if customer.held_since:
        day = locale.day(calendar.day(customer.held_since))
        since = locale.text("Your account has been on hold since {day}.", day=day)
        by_hand, lifts = "Please contact us about it.", "The hold ends as soon as nothing is overdue."
        return f"{since} {locale.text(by_hand if customer.held_by else lifts)}"
    lifted = month.hold is not None and month.hold.action is HoldAction.LIFTED and news_in(month)
    return locale.text("Your account is no longer on hold.") if lifted else ""


def _invoice_of(customer: Customer, month: CustomerMonth) -> Invoice:
    if month.invoice is None:
        raise ValueError(f"customer {customer.customer_id} has no invoice to write about")
    return month.invoice


def _facts(invoice: Invoice, payment: Payment, locale: Locale) -> dict[str, Any]:
    """Collect the facts that the messages may mention."""
    nothing = Money(0, invoice.currency)
    return _besides_invoice(invoice, payment, locale) | {
        "number": invoice.number,
        "month": locale.month(invoice.period),
        "total": invoice.total,
        "collected": Money(invoice.collected_minor, invoice.currency),
        "paid": bool(invoice.collected_minor) and not invoice.open,
        "credited": Money(invoice.credited_minor, invoice.currency),
        "granted": max(-invoice.total, nothing),
        "open": invoice.open,
        "attempted": payment.amount,
        "no_method": payment.state is PaymentState.NO_PAYMENT_METHOD,
        "reason": locale.text(decline(payment.provider, payment.code, payment.advice).sentence),
    }


def _besides_invoice(invoice: Invoice, payment: Payment, locale: Locale) -> dict[str, Any]:
    """Collect what a payment collected besides its invoice, and what it could not collect."""
    untaken = _WHY_NOT_COLLECTED.get(payment.code, "")
    return {
        "untaken": locale.text(untaken) if untaken else "",
        "more": Money(payment.more_minor, invoice.currency),
        "gathered": Money(payment.gathered_minor, invoice.currency),
        "rest": Money(min(payment.rest_minor, invoice.written_off_minor), invoice.currency),
    }


def _rows(
    customer: Customer, invoice: Invoice, payment: Payment, notes: Sequence[CreditNote], locale: Locale
) -> list[tuple[str, str]]:
    """List how the invoice is settled, so that the reader can add it up; the labels in English."""
    rows = [
        ("Invoice", invoice.number),
        ("Date", locale.day(invoice.issued_on)),
        ("Period", locale.month(invoice.period)),
        ("Total", locale.money(invoice.total)),
    ]
    by_notes = min(sum(note.total_minor for note in notes), invoice.credited_minor)
    settled = {
        "Credited": by_notes,
        "Credit used": invoice.credited_minor - by_notes,
        "Waived": invoice.written_off_minor,
        "Paid": invoice.collected_minor,
    }
    rows += [(label, locale.money(Money(-minor, invoice.currency))) for label, minor in settled.items() if minor]
    if payment.state is PaymentState.PENDING:
        rows.append(("Being collected", locale.money(payment.amount)))
    if invoice.total_minor >= 0:
        rows.append(("Outstanding", locale.money(invoice.open)))
    if customer.credit_minor:
        rows.append(("Credit left", locale.money(Money(customer.credit_minor, customer.currency))))
    return rows


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Set rows as two columns of plain text, the second one on the right."""
    widths = [(_width(label), _width(value)) for label, value in rows]
    labels, values = (max(column) for column in zip(*widths, strict=True))
    gaps = [" " * (labels - label + 2 + values - value) for label, value in widths]
    return [f"{label}{gap}{value}" for (label, value), gap in zip(rows, gaps, strict=True)]


def _width(text: str) -> int:
    """Count columns: the letters of East Asian scripts take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def notice_tag(period: Period, customer_id: str, step: str = "") -> str:
    """Name a notice in the mail service's events: `2026-10_C-1`, from `2026-10` and `C-1`.

    A dunning step or a correction follows the period: `2026-10.2026-11-01-day-3_C-1`.

    SES allows 256 characters of A-Z a-z 0-9 _ - . @ in a tag's value. Any other byte of the id, and the dot, becomes a
    dot and two hex digits, so that no two customers share a tag and the id can be read back; an id too long for that
    ends in `.-` and a hash.
    """
    escaped = re.sub(rb"[^A-Za-z0-9_@-]", lambda m: b".%02X" % m[0][0], customer_id.encode()).decode()
    tag = f"{period}.{step}_{escaped}" if step else f"{period}_{escaped}"
    if len(tag) <= 256:
        return tag
    return f"{tag[:222]}.-{hashlib.sha256(customer_id.encode()).hexdigest()[:32]}"


def _one_line(text: str) -> str:
    """Make a text fit for a header: one line of printable characters."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable()).replace("。 ", "。")  # its own space
