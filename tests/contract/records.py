"""Records that tests of stores store."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.accounts.grant import Grant, GrantKind, Part
from monthclose.domain.accounts.ledger import Account, Entry, Leg
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from tests.world import OCTOBER

NOON = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROFILE = Profile("Łódź Hosting", "billing@example.com", "USD", "stripe", "pm_card_visa", "Poland", language="pl")
GRANT = Grant("granted/1", GrantKind.PROMOTIONAL, 9, NOON, NOON + timedelta(days=30), ("disk", "cpu"))
PLACE = DocumentPlace("key", 0, 10, "hash")
INVOICE = Invoice(
    "INV-1", "acme", OCTOBER, "USD", 1000, date(2026, 11, 1), PLACE, tax_minor=160, grants_used=(Part(GRANT, 3),)
)
NOTE = CreditNote(
    "CN-00000002", "INV-1", "acme", OCTOBER, "USD", 300, 48, date(2026, 11, 2), "więcej", "id", INVOICE.document
)
ENTRY = Entry("invoice", "acme", OCTOBER, "USD", NOON, (Leg(Account.RECEIVABLE, 5), Leg(Account.REVENUE, -5)), "memo")
PAYMENT = replace(
    Payment("acme", OCTOBER, "stripe", "USD").start(Money(1000, "USD"), "pm_card_visa", NOON),
    more_minor=500,
    rest_minor=2,
    gathers=(OCTOBER.previous, OCTOBER.previous.previous),
    card_brand="visa",
    gathered_minor=30,
    refunds=(Refund(1, 300, 0, RefundKind.SERVICE, "więcej", NOON, "ada", RefundState.DONE, "re_1", "CN-1", "late"),),
)
