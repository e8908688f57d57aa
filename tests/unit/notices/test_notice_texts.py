"""What the notices say, to whom, and that no data can inject headers or markup."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.invoices.credit_note import CreditNote, Effect
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.notices.notice import OF_HOLDS, NoticeKind
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.payments.refund import Refund, RefundKind
from monthclose.domain.period import Period
from monthclose.ports import Mail
from monthclose.use_cases.notices.notice_texts import NoticeTexts, notice_tag
from tests.unit.any import OCTOBER, TODAY, a_customer, a_payment, an_invoice

ANYTHING = st.characters()
"""Halves of characters, too."""
OF_INVOICES = [kind for kind in NoticeKind if kind not in OF_HOLDS]
STATES = {
    NoticeKind.RECEIPT: PaymentState.PAID,
    NoticeKind.CREDIT: PaymentState.NOTHING_DUE,
    NoticeKind.DECLINED: PaymentState.DECLINED,
    NoticeKind.ACTION_REQUIRED: PaymentState.ACTION_REQUIRED,
    NoticeKind.NO_PAYMENT_METHOD: PaymentState.NO_PAYMENT_METHOD,
    NoticeKind.PENDING: PaymentState.PENDING,
    NoticeKind.OPEN: PaymentState.NO_ADAPTER,
    NoticeKind.TOO_SMALL: PaymentState.DECLINED,
    NoticeKind.NOT_CHARGEABLE: PaymentState.DECLINED,
    NoticeKind.REMINDER: PaymentState.DECLINED,
    NoticeKind.LAST_REMINDER: PaymentState.DECLINED,
    NoticeKind.NEW_METHOD: PaymentState.DECLINED,
    NoticeKind.ACTION_REMINDER: PaymentState.ACTION_REQUIRED,
    NoticeKind.REVERSED: PaymentState.REVERSED,
}


class _Visible(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def a_mail(
    kind: NoticeKind,
    invoice: Invoice | None = None,
    *,
    customer: Customer | None = None,
    amount: int = 0,
    code: str = "",
    company: str = "Northwind Cloud",
    link: str = "",
    reason: str = "the price was wrong",
) -> Mail:
    invoice = invoice or an_invoice(123_456)
    texts = NoticeTexts(company, (lambda _: link) if link else None)
    if kind is NoticeKind.CREDIT_NOTE:
        note = replace(a_credit_note(reason), total_minor=invoice.total_minor)
        return texts.credit_note_mail(customer or a_customer(), note, Effect(invoice.total_minor, 0, 0))
    if kind is NoticeKind.REPLACED:
        month = CustomerMonth(replace(invoice, replaces="INV-00000000"), a_payment(PaymentState.READY))
        return texts.replacement_mail(customer or a_customer(), month, reason, 0)
    if kind is NoticeKind.REFUNDED:
        refund = Refund(1, invoice.total_minor, 0, RefundKind.GOODWILL, reason, datetime(2026, 11, 1, tzinfo=UTC))
        return texts.refund_mail(customer or a_customer(), CustomerMonth(invoice), refund, "refund-1-1")
    if kind is NoticeKind.WRITTEN_OFF:
        return texts.write_off_mail(customer or a_customer(), CustomerMonth(invoice), invoice.total, "write-off-1")
    payment = a_payment(STATES[kind], amount=amount, code=code, currency=invoice.currency)
    account = customer or a_customer(currency=invoice.currency)
    return texts.mail(account, CustomerMonth(invoice, payment), kind)


def a_credit_note(reason: str = "billed twice") -> CreditNote:
    place = DocumentPlace("key", 0, 1, "hash")
    start = ("CN-00000007", "INV-00000001", "C-1", OCTOBER, "USD", 10_000, 0, TODAY)
    return CreditNote(*start, reason=reason, correction="id", document=place)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", OF_INVOICES)
def test_every_notice_names_the_invoice_the_month_the_total_and_the_company_in_both_forms(kind: NoticeKind) -> None:
    mail = a_mail(kind)
    for form in (words(mail.text), words(_Visible(mail.html).text)):
        for fact in ("Hello Ada Ltd,", "INV-00000001", "October 2026", "1 November 2026", "1,234.56 USD"):
            assert fact in form
    assert "Northwind Cloud" in mail.text
    assert "Northwind Cloud" in mail.html
    assert "your Northwind Cloud invoice for October 2026" in mail.subject.replace("Your", "your")
    assert mail.to == "ada@example.com"


def test_no_two_kinds_have_the_same_subject_or_message() -> None:
    mails = [a_mail(kind) for kind in OF_INVOICES]
    assert len({mail.subject for mail in mails}) == len({mail.text for mail in mails}) == len(OF_INVOICES)


@pytest.mark.parametrize(
    ("kind", "invoice", "amount", "says"),
    [
        (NoticeKind.RECEIPT, an_invoice(1000, collected=800, credited=200), 800, "We charged 8.00 USD"),
        (NoticeKind.CREDIT, an_invoice(1000, credited=1000), 0, "comes to 10.00 USD. Your credit covers it."),
        (NoticeKind.CREDIT, an_invoice(1000, collected=800, credited=200), 0, "and you have already paid it"),
        (NoticeKind.CREDIT, an_invoice(-500), 0, "adds 5.00 USD to your credit"),
        (NoticeKind.CREDIT, an_invoice(1000, written_off=1000), 0, "Nothing is due on invoice INV-00000001"),
        (NoticeKind.DECLINED, an_invoice(1000), 1000, "10.00 USD remains outstanding"),
        (NoticeKind.ACTION_REQUIRED, an_invoice(1000), 700, "confirm the payment of 7.00 USD"),
        (NoticeKind.NO_PAYMENT_METHOD, an_invoice(1000), 0, "could not charge 10.00 USD"),
        (NoticeKind.PENDING, an_invoice(1000), 900, "We have asked your bank for 9.00 USD"),
        (NoticeKind.OPEN, an_invoice(1000, currency="JPY"), 0, "1,000 JPY is due"),
        (NoticeKind.RECEIPT, an_invoice(1000, collected=1000, currency="KWD"), 1000, "We charged 1.000 KWD"),
        (NoticeKind.TOO_SMALL, an_invoice(30), 0, "0.30 USD is due"),
        (NoticeKind.NOT_CHARGEABLE, an_invoice(1000), 0, "10.00 USD is outstanding"),
    ],
)
def test_a_notice_says_what_happened_with_the_money(kind: NoticeKind, invoice: Invoice, amount: int, says: str) -> None:
    mail = a_mail(kind, invoice, amount=amount)
    assert says in words(mail.text)
    assert says in words(_Visible(mail.html).text)


@pytest.mark.parametrize(
    ("kind", "todo"),
    [
        (NoticeKind.RECEIPT, "You don't have to do anything."),
        (NoticeKind.CREDIT, "You don't have to do anything."),
        (NoticeKind.DECLINED, "Please check the payment method in your account, or add another one."),
        (NoticeKind.ACTION_REQUIRED, "Please sign in to your account and confirm the payment."),
        (NoticeKind.NO_PAYMENT_METHOD, "Please add one in your account."),
        (NoticeKind.PENDING, "You don't have to do anything."),
        (NoticeKind.OPEN, "You don't have to do anything now."),
    ],
)
def test_a_notice_says_what_the_customer_has_to_do(kind: NoticeKind, todo: str) -> None:
    assert todo in words(a_mail(kind).text)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("insufficient_funds", "There was not enough money in the account."),
        ("expired_card", "The card has expired."),
        ("generic_decline", "Your bank refused the payment and gave no reason."),
        ("something_new", "Your bank gave no reason that we can pass on."),
        ("", "Your bank gave no reason that we can pass on."),
    ],
)
def test_a_decline_is_explained_in_words_and_never_by_its_code(code: str, reason: str) -> None:
    mail = a_mail(NoticeKind.DECLINED, code=code, amount=123_456)
    assert reason in words(mail.text)
    assert not code or code not in mail.text + mail.html


@pytest.mark.parametrize("code", ["fraudulent", "stolen_card", "lost_card", "pickup_card", "merchant_blacklist"])
def test_a_notice_does_not_reveal_what_only_the_bank_may_say(code: str) -> None:
    assert a_mail(NoticeKind.DECLINED, code=code) == a_mail(NoticeKind.DECLINED, code="something_new")


def test_the_amounts_are_set_out_so_that_they_add_up() -> None:
    invoice = an_invoice(10_000, collected=7000, credited=2000, written_off=1000)
    table = {line[:13].strip(): line[13:].strip() for line in a_mail(NoticeKind.RECEIPT, invoice).text.splitlines()}
    assert (table["Total"], table["Credit used"], table["Waived"]) == ("100.00 USD", "-20.00 USD", "-10.00 USD")
    assert (table["Paid"], table["Outstanding"]) == ("-70.00 USD", "0.00 USD")


def test_credit_that_is_left_is_shown() -> None:
    mail = a_mail(NoticeKind.CREDIT, an_invoice(-500), customer=a_customer(credit=750))
    assert words(mail.text).count("Credit left 7.50 USD") == 1
    assert "Outstanding" not in mail.text


@given(kind=st.sampled_from(OF_INVOICES), name=st.text(ANYTHING), company=st.text(ANYTHING), reason=st.text(ANYTHING))
@settings(max_examples=100)
def test_no_text_can_add_a_header_or_markup_or_keep_a_mail_from_being_sent(
    kind: NoticeKind, name: str, company: str, reason: str
) -> None:
    mail = a_mail(kind, customer=a_customer(name=name), company=company, reason=reason)
    assert mail.subject.isprintable()
    assert _Visible(mail.html).tags == _Visible(a_mail(kind).html).tags
    for part in (mail.subject, mail.text, mail.html):
        assert part.encode()
        assert not {unicodedata.category(c) for c in part.replace("\n", "")} & {"Cc", "Cs"}


def test_a_name_with_a_line_break_and_markup_stays_text() -> None:
    evil = "Eve\r\nBcc: all@example.com <script>alert(1)</script>"
    mail = a_mail(NoticeKind.DECLINED, customer=a_customer(name=evil), company=evil)
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "<script>" not in mail.html
    assert "Hello Eve Bcc: all@example.com <script>alert(1)</script>," in _Visible(mail.html).text


def test_a_customer_without_a_name_is_greeted_without_one() -> None:
    assert a_mail(NoticeKind.RECEIPT, customer=a_customer(name=" ")).text.startswith("Hello,\n")


def test_the_mail_loads_nothing_from_elsewhere() -> None:
    html = a_mail(NoticeKind.RECEIPT).html
    assert "http" not in html
    assert not {"img", "script", "link", "iframe"} & _Visible(html).tags


def test_without_an_invoice_there_is_nothing_to_write() -> None:
    with pytest.raises(ValueError, match="customer C-1 has no invoice"):
        NoticeTexts("Northwind").mail(a_customer(), CustomerMonth(), NoticeKind.RECEIPT)


@given(st.text(min_size=1, max_size=256))
def test_a_tag_has_only_characters_the_mail_service_accepts(customer_id: str) -> None:
    customer_id = customer_id.encode(errors="ignore").decode() or "x"
    tag = notice_tag(OCTOBER, customer_id)
    assert len(tag) <= 256
    assert set(tag) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_customers_id_can_be_read_back_from_the_tag(customer_id: str) -> None:
    period, _, escaped = notice_tag(OCTOBER, customer_id).partition("_")
    assert Period.parse(period) == OCTOBER
    assert unquote(escaped.replace(".", "%")) == customer_id


def test_two_long_ids_with_the_same_beginning_have_different_tags() -> None:
    tags = {notice_tag(OCTOBER, "é" * 200 + end) for end in "ab"}
    assert len(tags) == 2
    assert all(len(tag) <= 256 for tag in tags)


def test_the_mail_carries_the_notices_tag() -> None:
    mail = a_mail(NoticeKind.RECEIPT, customer=replace(a_customer(), customer_id="cus/1"))
    assert mail.tag == "2026-10_cus.2F1"


@pytest.mark.parametrize("kind", list(STATES))
def test_a_mail_carries_the_link_to_the_invoice_where_there_are_links(kind: NoticeKind) -> None:
    link = "https://invoices.example.com/v1.k1.abc_-.def"
    mail = a_mail(kind, link=link)
    assert f"\nYour invoice as a PDF:\n{link}\n" in mail.text
    assert f'<a href="{link}"' in mail.html
    without = a_mail(kind)
    assert "PDF" not in without.text + without.html
    assert "<a " not in without.html


EFFECTS = {
    Effect(10_000, 0, 0): "You now owe 100.00 USD less on this invoice.",
    Effect(
        0, 10_000, 0
    ): "100.00 USD that you had already paid, or covered with credit, now goes towards your other open invoices.",
    Effect(
        0, 0, 10_000
    ): "100.00 USD that you had already paid, or covered with credit, is now credit on your account, which we will use",
    Effect(0, 0, 0): "We had already waived or refunded that amount, so what you owe does not change.",
}


@pytest.mark.parametrize(("effect", "says"), EFFECTS.items(), ids=str)
def test_a_credit_notes_mail_says_why_and_what_was_done_and_nothing_else(effect: Effect, says: str) -> None:
    mail = NoticeTexts("Northwind").credit_note_mail(a_customer(), a_credit_note(), effect)
    for form in (words(mail.text), words(_Visible(mail.html).text)):
        assert "Credit note CN-00000007 takes 100.00 USD off invoice INV-00000001 (October 2026)." in form
        assert "Reason: billed twice" in form
        assert [other for other in EFFECTS.values() if other in form] == [says]
    assert mail.subject == "Credit note CN-00000007: your Northwind invoice for October 2026"
    assert mail.tag == "2026-10.CN-00000007_C-1"


def test_a_credit_note_of_many_effects_adds_up() -> None:
    text = NoticeTexts("Northwind").credit_note_mail(a_customer(), a_credit_note(), Effect(5000, 3000, 2000)).text
    table = {line[:23].strip(): line[23:].strip() for line in text.splitlines()}
    rows = ("Off this invoice", "Off other open invoices", "Added to your credit", "Amount")
    assert [table[row] for row in rows] == ["50.00 USD", "30.00 USD", "20.00 USD", "100.00 USD"]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (NoticeKind.DECLINED, "Pay your invoice"),
        (NoticeKind.REMINDER, "Pay your invoice"),
        (NoticeKind.LAST_REMINDER, "Pay your invoice"),
        (NoticeKind.REVERSED, "Pay your invoice"),
        (NoticeKind.ACTION_REQUIRED, "Confirm the payment"),
        (NoticeKind.ACTION_REMINDER, "Confirm the payment"),
        (NoticeKind.NO_PAYMENT_METHOD, "Update your payment details"),
        (NoticeKind.NEW_METHOD, "Update your payment details"),
    ],
)
def test_a_mail_that_asks_for_something_leads_to_where_it_can_be_done(kind: NoticeKind, asked: str) -> None:
    link = "https://invoices.example.com/v1.k1.abc_-.def"
    month = CustomerMonth(an_invoice(total=5_000), a_payment())
    texts = NoticeTexts("Northwind Cloud", lambda _: link, self_service={"stripe"})
    mail = texts.mail(a_customer(), month, kind)
    assert f"\n{asked}\n{link}\n" in mail.text
    assert "the link below" in " ".join(mail.text.split())
    assert "your account and" not in mail.text
    assert asked in _Visible(mail.html).text
    elsewhere = replace(texts, self_service={"wallet"}).mail(a_customer(), month, kind)
    assert "the link below" not in " ".join(elsewhere.text.split())


def test_a_mail_about_a_hold_leads_to_the_invoice_that_is_overdue() -> None:
    link = "https://invoices.example.com/v1.k1.abc_-.def"
    texts = NoticeTexts("Northwind Cloud", lambda _: link, self_service={"stripe"})
    change = HoldChange("C-1", OCTOBER, HoldAction.PLACED, "declined", datetime(2026, 11, 2, tzinfo=UTC))
    account = a_customer(receivable=5_000)
    mail = texts.hold_mail(account, NoticeKind.HOLD_PLACED, change, an_invoice(total=5_000))
    assert f"\nPay your invoice\n{link}\n" in mail.text
    assert "The hold ends as soon as nothing is overdue." in " ".join(mail.text.split())
    assert link not in texts.hold_mail(account, NoticeKind.HOLD_PLACED, change).text


def test_a_credit_notes_link_and_reason_are_its_own() -> None:
    link = "https://invoices.example.com/v1.k1.abc_-.def"
    mail = a_mail(NoticeKind.CREDIT_NOTE, link=link)
    assert f"\nYour credit note as a PDF:\n{link}\n" in mail.text
    assert "View your credit note (PDF)" in _Visible(mail.html).text
    evil = a_credit_note("sorry\r\n<script>alert(1)</script>")
    written = NoticeTexts("Northwind").credit_note_mail(a_customer(), evil, Effect(1, 0, 0))
    assert "<script>" not in written.html
    assert "sorry <script>" in words(written.text)
