"""Regenerated invoices: what they say, what they book, and which are refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.errors import OutcomeUnknownError, TryLaterError
from monthclose.use_cases.invoices.invoice_links import LinkWriter
from tests.unit.accounts.test_adjust_account import the_rest_of_the_close, usd, with_the_charge_queued
from tests.unit.invoices.late_usage import use
from tests.unit.invoices.regenerating import (
    NEW,
    OLD,
    WHY,
    a_world,
    account,
    books_tie,
    closed,
    content_of,
    invoice_of,
    legs,
    priced_at,
    proof,
    regenerated,
    settled,
)
from tests.unit.invoices.test_taxed_invoices import TAXES, settle_in
from tests.world import OCTOBER, World


def test_a_paid_invoice_that_was_too_high_is_replaced_and_the_difference_is_credit() -> None:
    world = closed()

    priced_at(world, "0.8")

    done = world.regenerator.regenerate(OLD, WHY)

    assert done.note
    assert (done.note.number, done.note.corrects, done.note.total_minor) == ("CN-00000001", OLD, 10_000)
    assert (done.invoice.number, done.invoice.replaces, done.invoice.total_minor) == (NEW, OLD, 8_000)
    assert (done.replaced.number, done.replaced.replaced_by) == (OLD, NEW)
    assert settled(done.replaced) == (0, 10_000, 0, 0)
    assert settled(done.invoice) == (8_000, 0, 0, 0)
    assert account(world) == (0, 2_000)
    assert legs(world, f"invoice/{NEW}") == {Account.REVENUE: -8_000, Account.CREDIT: 8_000}
    report = proof(world)
    assert report["customers"]["invoiced"] == 1
    assert report["payments"]["nothing_due"] == 1
    assert {name: report["money"]["USD"][name] for name in ("invoiced", "credited", "collected", "open")} == {
        "invoiced": 18_000,
        "credited": 10_000,
        "collected": 8_000,
        "open": 0,
    }


def test_both_invoices_stay_available_and_unchanged_and_the_new_one_says_what_it_replaces() -> None:
    world = closed()
    before = world.issued.content(invoice_of(world))
    regenerated(world)

    assert world.issued.content(world.issued.find(OLD)) == before
    new = content_of(world, NEW)
    assert (new["replaces"], new["notes"], new["total_minor"]) == (OLD, [WHY], 8_000)
    assert new["price_book"] == world.price_books.latest()
    assert world.issued.pdf(world.issued.find(OLD)) != world.issued.pdf(world.issued.find(NEW))
    assert content_of(world, OLD).get("replaces") is None


def test_a_link_to_the_replaced_invoice_still_opens_it() -> None:
    world = closed()
    writer = LinkWriter(world.link_secrets, world.clock, "https://invoices.example.com/", 400)
    opener = world.use_cases.link_opener
    link = writer(invoice_of(world))
    new = writer(regenerated(world))
    for address, number in ((link, OLD), (new, NEW)):
        opened = opener.open(address.rpartition("/")[2])
        assert f"name={number}.pdf" in opener.pdf(opened.issued)


def test_an_invoice_that_is_being_charged_waits_for_the_outcome() -> None:
    world = a_world()
    batch = with_the_charge_queued(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("answer lost")]
    world.batch_charger.charge(OCTOBER, batch, 1)
    with pytest.raises(TryLaterError, match=f"{OLD} is being charged"):
        regenerated(world)
    assert world.month("acme").credit_notes == ()
    the_rest_of_the_close(world, batch)
    assert settled(regenerated(world)) == (8_000, 0, 0, 0)


def test_a_partly_credited_or_voided_invoice_can_still_be_regenerated() -> None:
    for amount in (usd(4_000), None):
        world = closed()
        world.corrector.credit(OLD, amount, "an outage")
        done = world.regenerator.regenerate(OLD, WHY)
        assert sum(note.total_minor for note in world.month("acme").credit_notes) == 10_000
        assert settled(done.invoice) == (10_000, 0, 0, 0)
        assert account(world) == (0, 0)
        proof(world)


def test_the_new_invoice_can_be_regenerated_and_credited_and_the_old_one_no_longer() -> None:
    world = closed()
    regenerated(world)
    newest = world.regenerator.regenerate(NEW, "and now?").invoice
    assert (newest.number, newest.replaces) == ("INV-00000003", NEW)
    assert [invoice.replaced_by for invoice in world.month("acme").superseded] == [NEW, "INV-00000003"]
    assert settled(newest) == (8_000, 0, 0, 0)
    with pytest.raises(UserMistakeError, match=f"{OLD} was replaced by {NEW}: correct that one"):
        world.corrector.credit(OLD, usd(100), "too late")
    with pytest.raises(UserMistakeError, match=f"{NEW} has already been replaced by INV-00000003: regenerate that one"):
        world.regenerator.regenerate(NEW, "another reason")
    assert world.corrector.credit("INV-00000003", usd(1_000), "an outage").total_minor == 1_000
    assert account(world) == (0, 3_000)
    proof(world)


def test_running_it_again_shows_what_was_done() -> None:
    world = closed()
    priced_at(world, "0.8")
    first = world.regenerator.regenerate(OLD, WHY)
    assert world.regenerator.regenerate(OLD, f" {WHY} ") == first
    assert len(world.month("acme").invoices) == 2


def test_a_close_that_runs_again_issues_nothing_and_is_not_disturbed() -> None:
    world = closed()
    regenerated(world, "1.5")
    before = dict(world.books.records)
    assert world.close(OCTOBER, "execution-2")["proof"]["ties"]
    assert before == world.books.records


def test_the_new_invoice_has_todays_customer_details_and_the_months_taxes() -> None:
    world = closed()
    world.tax_tables.put(TAXES)
    settle_in(world, "acme", "DE")
    new = regenerated(world, "1")
    assert (new.total_minor, new.tax_minor) == (11_900, 1_900)
    assert content_of(world, NEW)["customer"]["country"] == "DE"
    assert content_of(world, NEW)["tax_table"] == world.tax_tables.latest()
    assert legs(world, f"invoice/{NEW}") == {
        Account.REVENUE: -10_000,
        Account.TAX: -1_900,
        Account.CREDIT: 10_000,
        Account.RECEIVABLE: 1_900,
    }
    books_tie(world)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda w: use(w, "e9", "1", sku="disk"),
            "cannot be billed for 2026-10: .*disk.*; INV-00000001 is unchanged",
        ),
        (lambda w: w.tax_tables.put(TAXES) and settle_in(w, "acme", "FR"), "cannot be billed for 2026-10"),
        (lambda w: priced_at(w, "0"), "would come to nothing: void it"),
        (lambda w: w.change("acme", profile=replace(w.customer("acme").profile, currency="EUR")), "change it back"),
        (lambda w: w.change("acme", account_currency="EUR", credit_minor=5), "the account of customer acme is in EUR"),
    ],
)
def test_an_invoice_that_cannot_be_regenerated_stays_untouched_and_says_why(
    spoil: Callable[[World], object], message: str
) -> None:
    world = closed()
    spoil(world)
    before = dict(world.books.records), dict(world.documents.objects)
    with pytest.raises(UserMistakeError, match=message):
        world.regenerator.regenerate(OLD, WHY)
    assert before == (world.books.records, world.documents.objects)


def test_a_negative_invoice_a_missing_reason_and_an_unknown_number_are_refused() -> None:
    world = closed(units=-10)
    for number, reason, message in (
        (OLD, WHY, "became the customer.s credit"),
        (OLD, " ", "a reason is needed"),
        ("INV-00000009", WHY, "has not been used"),
    ):
        with pytest.raises(UserMistakeError, match=message):
            world.regenerator.regenerate(number, reason)


def test_a_new_invoice_below_the_minimum_is_still_issued() -> None:
    world = closed()
    policy = InvoicingPolicy({"default": 500})
    world.regenerator = replace(world.regenerator, policy=policy)
    assert regenerated(world, "0.01").total_minor == 100
    books_tie(world)


def test_a_preview_writes_nothing_and_shows_the_result() -> None:
    world = closed()
    priced_at(world, "1.5")
    before = dict(world.books.records), dict(world.documents.objects)
    preview = world.regenerator.preview(OLD)
    assert before == (world.books.records, world.documents.objects)
    assert (preview.replaced.number, preview.total, preview.due) == (OLD, usd(15_000), usd(5_000))
    assert settled(world.regenerator.regenerate(OLD, WHY).invoice)[3] == preview.due.minor
