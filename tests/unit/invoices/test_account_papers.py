"""Receipts and statements of account: they tie with the ledger, and are the customer's own."""

from dataclasses import replace
from datetime import date

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.statements.statement import MovementKind, Statement
from monthclose.ports import Collected
from monthclose.use_cases.invoices.account_papers import AccountPapers
from tests.unit.invoices.regenerating import provider_says
from tests.world import OCTOBER, World

K = MovementKind


@pytest.fixture
def world() -> World:
    """One customer whose October invoice is for 100.00, and is paid on 1 November."""
    world = World()
    world.use(world.add_customer("acme"), "100")
    world.close()
    return world


def papers(world: World) -> AccountPapers:
    return world.use_cases.account_papers


def statement(world: World, first: date = date(2026, 11, 1), last: date = date(2026, 11, 30)) -> Statement:
    return papers(world).statement("acme", first, last)


def told(made: Statement) -> list[tuple[MovementKind, str, int]]:
    return [(movement.kind, movement.number, movement.minor) for movement in made.movements]


def test_a_statement_lists_what_changed_the_balance_and_ends_with_it(world: World) -> None:
    world.cashier.credit("acme", Money(500, "USD"), "sorry")
    world.cashier.record("acme", Money(700, "USD"), "SEPA 47")
    made = statement(world)
    assert told(made) == [
        (K.INVOICE, "INV-00000001", 10_000),
        (K.PAYMENT, "INV-00000001", -10_000),
        (K.GRANTED, "", -500),
        (K.TRANSFER, "", -700),
    ]
    assert (made.opening_minor, made.closing_minor) == (0, -1200)
    assert made.closing_minor == world.customer("acme").balance.minor


def test_credit_that_covers_an_invoice_is_no_movement(world: World) -> None:
    world.cashier.credit("acme", Money(500, "USD"), "sorry")
    world.use("acme", "20", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")
    december = statement(world, date(2026, 12, 1), date(2026, 12, 31))
    assert told(december) == [(K.INVOICE, "INV-00000002", 2000), (K.PAYMENT, "INV-00000002", -1500)]
    assert (december.opening_minor, december.closing_minor) == (-500, 0)


def test_one_months_statement_begins_where_the_last_one_ended(world: World) -> None:
    world.cashier.credit("acme", Money(500, "USD"), "sorry")
    october, november, december = (
        statement(world, *days)
        for days in (
            (date(2026, 10, 1), date(2026, 10, 31)),
            (date(2026, 11, 1), date(2026, 11, 30)),
            (date(2026, 12, 1), date(2026, 12, 31)),
        )
    )
    assert (october.movements, october.closing_minor) == ((), 0)
    assert november.opening_minor == october.closing_minor
    assert (december.opening_minor, december.movements) == (november.closing_minor, ())


def test_a_credit_note_a_refund_and_a_reversal_are_told_apart(world: World) -> None:
    world.corrector.credit("INV-00000001", Money(1000, "USD"), "billed twice")
    _collect(world, refunded=500)
    _collect(world, refunded=500, reversed_=9500)
    made = statement(world)
    assert told(made)[2:] == [
        (K.CREDIT_NOTE, "CN-00000001", -1000),
        (K.REFUND, "INV-00000001", 500),
        (K.REVERSAL, "INV-00000001", 9500),
    ]
    assert made.closing_minor == world.customer("acme").balance.minor


def test_only_a_currency_that_was_used_can_be_stated(world: World) -> None:
    with pytest.raises(UserMistakeError, match="nothing was booked for acme in EUR, only in USD"):
        papers(world).statement("acme", date(2026, 11, 1), date(2026, 11, 30), "EUR")


def test_a_receipt_says_what_was_paid_when_and_for_which_invoice(world: World) -> None:
    receipt = papers(world).receipt("2026-10/acme")
    [paid] = receipt.invoices
    assert (paid.number, paid.minor, paid.period) == ("INV-00000001", 10_000, OCTOBER)
    assert (receipt.paid_minor, receipt.kept_minor, receipt.paid_on) == (10_000, 10_000, date(2026, 11, 1))
    assert papers(world).receipt("inv-00000001") == receipt


def test_a_receipt_says_what_has_gone_back_since(world: World) -> None:
    _collect(world, refunded=500)
    receipt = papers(world).receipt("2026-10/acme")
    assert (receipt.paid_minor, receipt.refunded_minor, receipt.kept_minor) == (10_000, 500, 9_500)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2026-10/globex", "payment 2026-10/globex has collected nothing .it is declined."),
        ("INV-00000002", "no payment has collected anything for INV-00000002"),
        ("2026-10/nobody", "there is no payment 2026-10/nobody"),
        ("hello", "'hello' is not the number of any invoice"),
    ],
)
def test_there_is_no_receipt_for_what_was_not_paid(name: str, message: str) -> None:
    world = World()
    world.use(world.add_customer("acme"), "100")
    world.use(world.add_customer("globex", method="declined"), "50")
    world.close()
    with pytest.raises(UserMistakeError, match=message):
        papers(world).receipt(name)


def test_they_are_in_the_customers_language_else_in_the_companys(world: World) -> None:
    assert papers(world).receipt("2026-10/acme").language == "en"
    german = replace(papers(world), company=replace(world.company, language="de"))
    assert german.receipt("2026-10/acme").language == "de"
    profile = replace(world.customer("acme").profile, language="pl")
    world.directory.put_profiles([("acme", profile)])
    assert german.statement("acme", date(2026, 11, 1), date(2026, 11, 30)).language == "pl"


def test_their_pdfs_are_made_anytime_and_not_stored(world: World) -> None:
    before = set(world.documents.objects)
    assert papers(world).pdf(papers(world).receipt("2026-10/acme")).startswith(b"%PDF")
    assert papers(world).pdf(statement(world)).startswith(b"%PDF")
    assert set(world.documents.objects) == before


def _collect(world: World, *, refunded: int = 0, reversed_: int = 0) -> None:
    """Let the provider say what has become of the payment."""
    provider_says(world, Collected(Money(10_000, "USD"), refunded_minor=refunded, reversed_minor=reversed_))
