"""Every e-mail that a customer can get, in every variant of its text: what the catalogues must be able to say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Part
from monthclose.domain.invoices.credit_note import CreditNote, Effect
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, CURRENCY_NOT_TAKEN, Payment, PaymentState
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from monthclose.ports import Mail
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from tests.unit.any import NOW, OCTOBER, TODAY, a_customer, a_grant, a_payment, an_invoice

_S, _K = PaymentState, NoticeKind
_LINK = "https://invoices.example.com/v1.k1.abc_-.def"


def every_letter(name: str = "Ada Ltd", language: str = "") -> Iterator[tuple[str, Mail]]:
    """Write each e-mail, with a name that says which variant it is, to a customer of a name and a language."""
    account = a_customer(receivable=123_456, name=name)
    account = replace(account, profile=replace(account.profile, language=language))
    texts = NoticeTexts("Northwind Cloud", lambda _: _LINK)
    yield from _about_payments(texts, account)
    yield from _about_holds(texts, account)
    yield from _about_corrections(texts, account)
    yield from _about_money_back(texts, account)


def _about_payments(texts: NoticeTexts, account: Customer) -> Iterator[tuple[str, Mail]]:
    open_, paid = an_invoice(123_456), an_invoice(123_456, collected=123_456)
    no_method, declined = a_payment(_S.NO_PAYMENT_METHOD), a_payment(_S.DECLINED, amount=123_456, code="expired_card")
    charged = a_payment(_S.PAID, amount=123_456)
    waived = an_invoice(123_456, collected=123_450, written_off=6)
    asked, pending = a_payment(_S.ACTION_REQUIRED, amount=123_456), a_payment(_S.PENDING, amount=123_000)
    covered = an_invoice(10_000, credited=10_000)
    on_hold = account.put_on_hold(NOW, "overdue")
    variants: dict[str, tuple[NoticeKind, Invoice, Payment, Customer]] = {
        "receipt": (_K.RECEIPT, paid, charged, account),
        "receipt, with earlier invoices": (_K.RECEIPT, paid, replace(charged, gathered_minor=50), account),
        "receipt, a rest waived": (_K.RECEIPT, waived, replace(charged, rest_minor=6), account),
        "receipt, credit left": (_K.RECEIPT, paid, charged, replace(account, credit_minor=750)),
        "credit granted": (_K.CREDIT, an_invoice(-500), a_payment(_S.NOTHING_DUE), account),
        "credit, already paid": (_K.CREDIT, paid, a_payment(_S.NOTHING_DUE), account),
        "credit covers it": (_K.CREDIT, covered, a_payment(_S.NOTHING_DUE), account),
        "nothing is due": (_K.CREDIT, an_invoice(0), a_payment(_S.NOTHING_DUE), account),
        "declined": (_K.DECLINED, open_, declined, account),
        "declined, on hold": (_K.DECLINED, open_, declined, on_hold),
        "declined, on hold by hand": (_K.DECLINED, open_, declined, replace(on_hold, held_by="Eve")),
        "declined, no reason": (_K.DECLINED, open_, replace(declined, code="something_new"), account),
        "action required": (_K.ACTION_REQUIRED, open_, asked, account),
        "no payment method": (_K.NO_PAYMENT_METHOD, open_, no_method, account),
        "pending": (_K.PENDING, open_, pending, account),
        "pending, more to come": (_K.PENDING, open_, replace(pending, more_minor=456), account),
        "open": (_K.OPEN, open_, a_payment(_S.NO_ADAPTER), account),
        "too small": (_K.TOO_SMALL, an_invoice(30), a_payment(_S.DECLINED), account),
        "above the maximum": (_K.NOT_CHARGEABLE, open_, a_payment(_S.DECLINED, code=ABOVE_MAXIMUM), account),
        "currency not taken": (_K.NOT_CHARGEABLE, open_, a_payment(_S.DECLINED, code=CURRENCY_NOT_TAKEN), account),
        "reminder": (_K.REMINDER, open_, declined, account),
        "new method": (_K.NEW_METHOD, open_, declined, account),
        "new method, none there": (_K.NEW_METHOD, open_, no_method, account),
        "action reminder": (_K.ACTION_REMINDER, open_, asked, account),
        "reversed": (_K.REVERSED, open_, a_payment(_S.REVERSED, amount=123_456), account),
    }
    for name, (kind, invoice, payment, payer) in variants.items():
        yield name, texts.mail(payer, CustomerMonth(invoice, payment), kind)
    owes_more, month = replace(account, receivable_minor=200_000), CustomerMonth(open_, declined)
    yield "reminder, owes more", texts.mail(owes_more, month, _K.REMINDER, step="day-3")
    yield "last reminder", texts.mail(account, month, _K.LAST_REMINDER, step="day-14", held_on=date(2026, 11, 22))
    yield "last reminder, no hold", texts.mail(account, month, _K.LAST_REMINDER, step="day-14")
    lifted = replace(month, holds=(HoldChange("C-1", OCTOBER, HoldAction.LIFTED, "paid", NOW),))
    credited = CustomerMonth(replace(open_, credited_minor=15_000), declined, credit_notes=(_credit_note(),))
    yield "reminder, credited in part", texts.mail(account, credited, _K.REMINDER, step="day-3")
    yield "receipt, hold lifted", texts.mail(account, lifted, _K.RECEIPT)


def _about_holds(texts: NoticeTexts, account: Customer) -> Iterator[tuple[str, Mail]]:
    change = HoldChange("C-1", OCTOBER, HoldAction.PLACED, "overdue", NOW)
    nothing = replace(account, receivable_minor=0)
    yield "hold placed", texts.hold_mail(account, _K.HOLD_PLACED, change)
    yield "hold placed, nothing owed", texts.hold_mail(nothing, _K.HOLD_PLACED, change)
    yield "hold placed by hand", texts.hold_mail(account, _K.HOLD_PLACED, replace(change, by="Eve"))
    yield "hold lifted", texts.hold_mail(nothing, _K.HOLD_LIFTED, change)
    yield "hold lifted, still owing", texts.hold_mail(account, _K.HOLD_LIFTED, change)


def _credit_note() -> CreditNote:
    place = DocumentPlace("key", 0, 1, "hash")
    start = ("CN-00000007", "INV-00000001", "C-1", OCTOBER, "USD", 10_000, 0, TODAY)
    return CreditNote(*start, reason="billed twice", correction="id", document=place)


def _about_corrections(texts: NoticeTexts, account: Customer) -> Iterator[tuple[str, Mail]]:
    note = _credit_note()
    nothing = replace(account, receivable_minor=0)
    dated = replace(nothing, credit_minor=5000, grants=(Part(a_grant(good_until=date(2026, 12, 31)), 100),))
    yield "credit note", texts.credit_note_mail(account, note, Effect(5000, 3000, 2000))
    yield "credit note, dated credit", texts.credit_note_mail(dated, note, Effect(0, 0, 10_000))
    yield "credit note, waived before", texts.credit_note_mail(nothing, note, Effect(0, 0, 0))
    for name, open_minor, covered, method in (
        ("replaced", 900, 0, True),
        ("replaced, paid in part", 500, 0, True),
        ("replaced, covered elsewhere", 900, 300, True),
        ("replaced, covered elsewhere and here", 500, 300, True),
        ("replaced, nothing left", 0, 0, True),
        ("replaced, no method", 900, 0, False),
    ):
        invoice = replace(an_invoice(900, number="INV-00000009", collected=900 - open_minor), replaces="INV-00000001")
        payment = a_payment(_S.READY if method else _S.NO_PAYMENT_METHOD)
        yield name, texts.replacement_mail(account, CustomerMonth(invoice, payment), "the price was wrong", covered)


def _about_money_back(texts: NoticeTexts, account: Customer) -> Iterator[tuple[str, Mail]]:
    nothing, charged = replace(account, receivable_minor=0), a_payment(_S.PAID, amount=123_456)
    month = CustomerMonth(an_invoice(123_456, collected=123_456), charged, credit_notes=(_credit_note(),))
    for kind, credit_note in (
        (RefundKind.SERVICE, "CN-00000007"),
        (RefundKind.OVERPAYMENT, ""),
        (RefundKind.GOODWILL, ""),
    ):
        refund = Refund(1, 10_000, 0, kind, "billed twice", NOW, state=RefundState.DONE, credit_note=credit_note)
        yield f"refunded, {kind.value}", texts.refund_mail(nothing, month, refund, "refund-RF")
    for name, customer, open_minor in (
        ("waived, a rest is open", account, 23_456),
        ("waived, owes more", account, 0),
        ("waived", nothing, 0),
    ):
        invoice = an_invoice(123_456, collected=113_456 - open_minor, written_off=10_000)
        amount = Money(10_000, invoice.currency)
        yield name, texts.write_off_mail(customer, CustomerMonth(invoice, charged), amount, "write-off-W")
