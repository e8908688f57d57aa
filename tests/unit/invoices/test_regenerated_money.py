"""Regenerated invoices: who collects them, and that reversed and returned money ties with both."""

from dataclasses import replace

import pytest

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Collected
from tests.fakes import reversed_by_the_bank
from tests.unit.accounts.test_adjust_account import moved, the_rest_of_the_close, usd, with_the_charge_queued
from tests.unit.invoices.regenerating import (
    NEW,
    NOVEMBER,
    OLD,
    WHY,
    a_world,
    account,
    books_tie,
    closed,
    invoice_of,
    metered,
    old_of,
    proof,
    provider_says,
    regenerated,
    settled,
)
from tests.unit.invoices.test_correct_invoice import settle_method
from tests.world import OCTOBER, World


def test_a_paid_invoice_that_was_too_low_leaves_the_rest_open_and_the_collections_charge_it() -> None:
    world = closed()
    new = regenerated(world, "1.5")
    assert settled(new) == (10_000, 0, 0, 5_000)
    assert account(world) == (5_000, 0)
    report = proof(world)
    assert (report["status"], report["payments"]["ready"]) == ("completed", 1)

    world.clock.pass_time(days=1)
    world.collect()

    assert moved(world) == [10_000, 5_000]
    assert settled(invoice_of(world)) == (15_000, 0, 0, 0)
    report = proof(world)
    assert (report["payments"]["paid"], report["money"]["USD"]["collected"]) == (1, 15_000)


def test_a_person_may_charge_a_part_and_the_collections_charge_the_rest() -> None:
    world = closed()
    regenerated(world, "1.5")
    [paid] = world.cashier.pay("acme", usd(2_000))
    assert (paid.state, paid.collected_minor) == (PaymentState.PAID, 2_000)
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [10_000, 2_000, 3_000]
    proof(world)


def test_what_a_person_charges_in_full_leaves_nothing_to_the_collections() -> None:
    world = closed()
    regenerated(world, "1.5")
    world.cashier.pay("acme")
    assert moved(world) == [10_000, 5_000]
    assert [payment.sequence for payment in world.month("acme").payments] == [1, 2]
    assert proof(world)["payments"]["paid"] == 1


def test_an_invoice_paid_with_credit_before_it_is_charged_has_nothing_due() -> None:
    world = closed()
    regenerated(world, "1.5")
    world.cashier.record("acme", usd(5_000), "SEPA 1")
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [10_000]
    assert proof(world)["payments"]["nothing_due"] == 1


def test_a_declined_invoice_gets_a_fresh_schedule_and_the_hold_is_lifted_with_it() -> None:
    world = closed("declined")
    assert world.customer("acme").held_since
    regenerated(world)
    assert not world.customer("acme").held_since
    assert settled(invoice_of(world)) == (0, 0, 0, 8_000)
    settle_method(world, "ok")
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [8_000]
    report = proof(world)
    assert (report["payments"]["paid"], report["payments"]["declined"], report["declines"]) == (1, 0, {})


def test_a_new_invoice_that_is_declined_is_notified_retried_and_held_like_any_other() -> None:
    world = closed("declined")
    mails = len(world.mailer.sent)
    regenerated(world)
    world.clock.pass_time(days=1)
    world.collect()
    assert world.month("acme").payments[-1].state is PaymentState.DECLINED
    assert NEW in world.mailer.sent[-1].text
    assert len(world.mailer.sent) == mails + 1
    assert world.customer("acme").held_since
    settle_method(world, "ok")
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [8_000]
    assert not world.customer("acme").held_since
    proof(world)


@pytest.mark.parametrize(
    ("method", "provider", "state"),
    [("", "stripe", PaymentState.NO_PAYMENT_METHOD), ("ok", "adyen", PaymentState.NO_ADAPTER)],
)
def test_a_customer_who_cannot_be_charged_is_not_and_the_payment_says_why(
    method: str, provider: str, state: PaymentState
) -> None:
    world = closed()
    profile = replace(world.customer("acme").profile, payment_method=method, payment_provider=provider)
    world.change("acme", profile=profile)
    regenerated(world, "1.5")
    assert world.month("acme").payments[-1].state is state
    proof(world)


def test_the_customers_current_provider_charges_it() -> None:
    world = closed()
    regenerated(world, "1.5")
    payment = world.month("acme").payments[-1]
    world.books.commit(replace(payment, provider="adyen"))
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [10_000, 5_000]


def test_before_the_close_has_charged_the_closes_own_payment_collects_the_new_invoice() -> None:
    world = a_world()
    batch = with_the_charge_queued(world)
    regenerated(world)
    assert the_rest_of_the_close(world, batch)["status"] == "completed"
    assert moved(world) == [8_000]
    [payment] = world.month("acme").payments
    assert payment.state is PaymentState.PAID
    assert [NEW in mail.text for mail in world.mailer.sent] == [True]


@pytest.mark.parametrize(("refunded", "written_off", "left"), [(1_500, 0, 500), (2_000, 0, 0), (10_000, 8_000, 0)])
def test_a_refund_of_the_old_payment_comes_out_of_the_credit_first(refunded: int, written_off: int, left: int) -> None:
    world = closed()
    regenerated(world)
    provider_says(world, Collected(usd(10_000), refunded_minor=refunded))
    assert f"of invoice {OLD} refunded" in world.month("acme").entries[-1].memo
    assert settled(invoice_of(world)) == (8_000 - written_off, 0, written_off, 0)
    assert account(world) == (0, left)
    books_tie(world)


def test_a_dispute_of_the_old_payment_reopens_the_new_invoice_and_the_customer_is_notified() -> None:
    world = closed()
    regenerated(world)
    world.clock.pass_time(days=1)
    provider_says(world, reversed_by_the_bank(usd(10_000)))
    assert settled(invoice_of(world)) == (0, 0, 0, 8_000)
    assert account(world) == (8_000, 0)
    books_tie(world)
    world.collect()
    assert moved(world) == [10_000], "what a bank took back is not charged again by itself"
    assert NEW in world.mailer.sent[-1].text
    world.cashier.pay("acme")
    assert moved(world) == [10_000, 8_000]
    books_tie(world)


def lost(world: World, period: Period = OCTOBER) -> int:
    return sum(payment.lost_minor for payment in world.month("acme", period).payments)


def test_a_dispute_of_money_that_paid_another_month_is_a_loss_on_its_payment() -> None:
    world = closed()
    world.clock.now = NOVEMBER.end
    metered(world, 100, "n1", NOVEMBER)
    regenerated(world, "0.6")
    world.close(NOVEMBER, "execution-2")
    assert account(world) == (0, 0)
    provider_says(world, reversed_by_the_bank(usd(10_000)))
    assert settled(invoice_of(world)) == (0, 0, 0, 6_000)
    assert settled(old_of(world)) == (0, 10_000, 0, 0)
    assert lost(world) == 4_000
    books_tie(world, OCTOBER, NOVEMBER)


def test_refunded_money_that_covered_an_older_invoice_is_a_loss_on_its_payment() -> None:
    world = closed("declined")
    settle_method(world, "ok")
    world.clock.now = NOVEMBER.end
    metered(world, 50, "n1", NOVEMBER)
    world.close(NOVEMBER, "execution-2")
    done = world.regenerator.regenerate("INV-00000002", WHY)
    assert settled(done.invoice) == (0, 0, 0, 5_000), "October, the older one, was covered first"
    provider_says(world, Collected(usd(5_000), refunded_minor=5_000), NOVEMBER)
    assert settled(world.month("acme", NOVEMBER).superseded[0]) == (0, 5_000, 0, 0)
    assert lost(world, NOVEMBER) == 5_000
    books_tie(world, OCTOBER, NOVEMBER)


def test_credit_that_came_from_no_payment_of_the_month_counts_as_credited() -> None:
    world = closed("declined")
    world.corrector.void(OLD, "voided first")
    world.cashier.record("acme", usd(3_000), "SEPA 1")
    assert settled(regenerated(world)) == (0, 3_000, 0, 5_000)
    books_tie(world)


def test_the_schedule_counts_days_from_the_new_invoices_own_first_decline() -> None:
    world = closed("declined")
    world.clock.pass_time(days=20)
    regenerated(world)
    for attempts in (1, 2, 2, 3):  # at once, on day 1, and on day 3
        world.clock.pass_time(days=1)
        world.collect()
        assert len(world.month("acme").payments[-1].starts) == attempts
    assert len(world.month("acme").payments[0].starts) == 1


def test_the_comparison_of_the_books_finds_and_books_later_refunds() -> None:
    world = closed()
    regenerated(world)
    payment = world.month("acme").payment
    assert payment
    world.gateway.outcomes[payment.provider_ref] = Collected(usd(10_000), refunded_minor=2_000)
    [comparison] = world.reconcile().comparisons
    assert (comparison.booked, comparison.findings) == (1, ())
    assert account(world) == (0, 0)
    proof(world)


def test_the_reconciler_charges_it_when_it_finds_it_and_notifies_nobody_twice() -> None:
    world = closed()
    regenerated(world, "1.5")
    mails = len(world.mailer.sent)
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, status=CloseStatus.COMPLETED_WITH_FINDINGS))
    settled_now, _ = world.settler.settle()
    world.finisher.finish(settled_now, {(OCTOBER, 0)})
    assert moved(world) == [10_000, 5_000]
    assert len(world.mailer.sent) == mails
    proof(world)
