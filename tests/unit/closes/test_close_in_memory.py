"""Whole closes in memory: what a customer, finance and the operator may rely on."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.usage import UsageEvent
from monthclose.errors import (
    MailRefusedError,
    OutcomeUnknownError,
    TryLaterError,
    UserMistakeError,
)
from monthclose.use_cases.closes.snapshot import read_batches
from tests.unit.closes.generating import generated_batch
from tests.world import OCTOBER, World


def events_without_price(customer_id: str) -> list[UsageEvent]:
    return [UsageEvent("e", customer_id, "unknown-sku", Decimal(1), OCTOBER.start)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_customer_with_usage_is_invoiced_charged_and_notified_once(world: World) -> None:
    world.add_customer("acme")
    world.use("acme", "12.34")

    report = world.close()

    month = world.month("acme")
    assert month.invoice
    assert month.payment
    assert month.invoice.number == "INV-00000001"
    assert month.payment.state is PaymentState.PAID
    assert [amount.minor for _, amount in world.gateway.money_moved] == [1234]
    assert [mail.to for mail in world.mailer.sent] == ["acme@customers.example"]
    assert world.customer("acme").balance.minor == 0
    assert world.customer("acme").open_payment == ""
    assert report["status"] == "completed"
    assert report["proof"]["ties"]


def test_the_report_says_how_every_customer_ended(world: World) -> None:
    for name, method in [("paid", "ok"), ("refused", "declined"), ("asks", "authenticate"), ("bare", "")]:
        world.use(world.add_customer(name, method=method), "10")
    world.use(world.add_customer("debit", provider="gocardless"), "10")
    world.use(world.add_customer("negative"), "-3")
    world.use(world.add_customer("zero"), "0")
    world.add_customer("idle")
    world.add_customer("unpriced")
    world.usage.put(events_without_price("unpriced"))

    report = world.close()

    assert report["customers"] == {"snapshot": 9, "invoiced": 6, "nothing_to_bill": 2, "parked": 1}
    assert {state: n for state, n in report["payments"].items() if n} == {
        "paid": 1,
        "declined": 1,
        "action_required": 1,
        "no_payment_method": 1,
        "no_adapter": 1,
        "nothing_due": 1,
    }
    assert report["money"]["USD"] == {
        "invoiced": 5000,
        "collected": 1000,
        "credited": 0,
        "written_off": 0,
        "lost": 0,
        "open": 4000,
        "pending": 0,
        "credit_granted": 300,
    }
    assert report["declines"] == {"insufficient_funds": 1}
    assert report["parked"] == {"no_price": 1}
    assert report["notices"]["sent"] == 6
    assert report["holds"] == {"placed": 1, "lifted": 0}
    assert {entry["state"] for entry in report["proof"]["checks"]} == {"passed"}
    assert {**report["proof"], "checks": []} == {"ties": True, "findings": [], "findings_in_all": 0, "checks": []}
    assert report["status"] == "unfinished"  # somebody must fix the price book: not an error in the books
    [parked] = report["unfinished"]["customers"]
    assert "no_price" in parked["what"]


def test_closing_again_changes_nothing_and_charges_nobody(world: World) -> None:
    for number in range(5):
        world.use(world.add_customer(f"c{number}"), f"{number + 1}")
    world.close()
    before = dict(world.books.records)

    report = world.close(execution="execution-2")

    assert dict(world.books.records) == before
    assert len(world.gateway.money_moved) == 5
    assert len(world.mailer.sent) == 5
    assert report["run"] == 2
    assert report["rounds"] == 0


def test_a_second_start_while_the_first_runs_finds_it_running(world: World) -> None:
    world.open(execution="first")
    second = world.use_cases.open_close(OCTOBER, "second")
    assert second.outcome == "already_running"


def test_a_start_after_the_first_died_takes_the_close_over(world: World) -> None:
    world.open(execution="first")
    world.workflow.running.clear()
    assert world.open(execution="second") == 2


def test_credit_from_a_negative_month_pays_for_the_next(world: World) -> None:
    world.add_customer("acme")
    world.use("acme", "-30")
    world.close()
    assert world.customer("acme").balance.minor == -3000
    world.use("acme", "50", period=Period(2026, 11))
    world.clock.pass_time(days=31)

    report = world.close(Period(2026, 11), "execution-2")

    assert [amount.minor for _, amount in world.gateway.money_moved] == [2000]
    assert report["money"]["USD"]["credited"] == 3000
    assert report["money"]["USD"]["collected"] == 2000
    assert report["proof"]["ties"]


def test_money_paid_while_the_charge_is_queued_is_not_charged_again(world: World) -> None:
    world.use(world.add_customer("acme"), "100")
    batch = generated_batch(world)
    world.change("acme", credit_minor=10_000)  # e.g. a credit of the same amount was granted meanwhile

    world.batch_charger.charge(OCTOBER, batch, 1)

    payment, invoice = world.month("acme").payment, world.month("acme").invoice
    assert payment
    assert invoice
    assert payment.state is PaymentState.NOTHING_DUE
    assert world.gateway.money_moved == []
    assert invoice.open.minor == 0
    assert world.customer("acme").balance.minor == 0


def test_only_the_rest_is_charged_when_a_part_was_credited_meanwhile(world: World) -> None:
    world.use(world.add_customer("acme"), "100")
    batch = generated_batch(world)
    world.change("acme", credit_minor=4_000)

    world.batch_charger.charge(OCTOBER, batch, 1)

    assert [amount.minor for _, amount in world.gateway.money_moved] == [6000]
    invoice = world.month("acme").invoice
    assert invoice
    assert (invoice.collected_minor, invoice.credited_minor, invoice.open.minor) == (6000, 4000, 0)


def test_a_held_customer_who_paid_and_has_no_usage_is_released(world: World) -> None:
    world.use(world.add_customer("acme", method="declined"), "10")
    world.close()
    world.change("acme", receivable_minor=0)
    world.clock.pass_time(days=31)
    assert world.close(Period(2026, 11), "execution-2")["holds"]["lifted"] == 1
    assert world.customer("acme").held_since is None


def test_a_customer_who_owes_nothing_overall_is_not_held(world: World) -> None:
    world.use(world.add_customer("acme", method="declined"), "10")
    batch = generated_batch(world)
    world.batch_charger.charge(OCTOBER, batch, 1)
    world.change("acme", credit_minor=1000)
    world.keeper.apply(OCTOBER, batch, 1)
    assert world.customer("acme").held_since is None


def test_a_late_message_does_not_reopen_a_closed_batch(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.close()
    world.batch_charger.charge(OCTOBER, 0, 1)
    report = world.close(execution="execution-2")
    assert report["rounds"] == 0
    assert report["proof"]["ties"]


def test_a_plan_that_breaks_off_includes_the_parked_customers_when_it_is_called_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise RuntimeError("the process died")

    world.add_customer("acme")
    world.usage.put(events_without_price("acme"))
    world.close()
    world.price_books.merge(PriceBook.of([Price.plain("unknown-sku", "USD", Decimal("7.50"))]))
    run = world.open(execution="execution-2")
    with monkeypatch.context() as patch:
        patch.setattr(world.documents, "put", die)
        with pytest.raises(RuntimeError):
            world.planner.plan(OCTOBER, run)
    assert world.planner.plan(OCTOBER, run).unfinished == 1


def test_a_customer_whose_provider_changed_after_the_snapshot_is_parked(world: World) -> None:
    world.use(world.add_customer("acme", provider="gocardless"), "10")
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    world.add_customer("acme", provider="stripe")
    [batch] = read_batches(world.documents, plan.round_key)
    world.close_batch(OCTOBER, batch, 1)
    parking = world.month("acme").parking
    assert parking
    assert parking.reason == "provider_changed"


def test_a_corrected_price_book_lets_the_next_run_bill_a_parked_customer(world: World) -> None:
    world.add_customer("acme")
    world.usage.put(events_without_price("acme"))
    assert world.close()["customers"]["parked"] == 1
    world.price_books.merge(PriceBook.of([Price.plain("unknown-sku", "USD", Decimal("7.50"))]))

    report = world.close(execution="execution-2")

    assert report["customers"]["invoiced"] == 1
    assert report["parked"] == {}
    assert report["status"] == "completed"
    assert [amount.minor for _, amount in world.gateway.money_moved] == [750]


def test_a_notice_whose_sending_was_refused_is_recorded_and_not_tried_again(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.mailer.failures = [MailRefusedError("MessageRejected")]
    report = world.close()
    assert report["notices"] == {"sent": 0, "refused": 1, "unconfirmed": 0}
    assert world.close(execution="execution-2")["notices"]["refused"] == 1


def test_a_notice_that_was_certainly_not_sent_is_sent_later(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.mailer.failures = [TryLaterError("throttled")]
    assert world.close()["notices"]["sent"] == 1
    assert len(world.mailer.sent) == 1


def test_a_notice_that_may_have_been_sent_is_never_sent_twice(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.mailer.failures = [OutcomeUnknownError("answer lost")]
    report = world.close()
    assert report["notices"] == {"sent": 0, "refused": 0, "unconfirmed": 1}
    assert world.mailer.sent == []


def test_a_hold_is_lifted_once_nothing_is_owed(world: World) -> None:
    world.use(world.add_customer("acme", method="declined"), "10")
    world.close()
    assert world.customer("acme").held_since
    world.change("acme", receivable_minor=0)  # paid by bank transfer
    world.use("acme", "1", period=Period(2026, 11))
    world.clock.pass_time(days=31)
    world.change("acme", profile=replace(world.customer("acme").profile, payment_method="ok"))

    report = world.close(Period(2026, 11), "execution-2")

    assert report["holds"] == {"placed": 0, "lifted": 1}
    assert world.customer("acme").held_since is None


def test_an_unfinished_month_cannot_be_closed(world: World) -> None:
    with pytest.raises(UserMistakeError, match=r"2026-11 is not over yet"):
        world.open(Period(2026, 11))


def test_a_close_without_customers_says_so(world: World) -> None:
    with pytest.raises(UserMistakeError, match="no customers"):
        world.close()


def test_the_proof_finds_money_that_only_the_provider_has(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.close()
    reference, order = next(iter(world.gateway.orders.items()))
    world.gateway.orders["pi_stray"] = order
    world.gateway.outcomes["pi_stray"] = world.gateway.outcomes[reference]

    findings = world.close(execution="execution-2")["proof"]["findings"]

    assert {finding["check"] for finding in findings} == {"provider_unknown", "provider_sum"}


def test_a_customer_whose_currency_changed_while_money_is_open_is_parked(world: World) -> None:
    world.use(world.add_customer("acme", method="declined"), "10")
    world.close()
    world.add_customer("acme", currency="EUR")
    world.use("acme", "5", period=Period(2026, 11))
    world.clock.pass_time(days=31)
    assert world.close(Period(2026, 11), "execution-2")["parked"] == {"currency_mismatch": 1}
    assert str(world.customer("acme").balance) == "10.00 USD"


def test_a_customer_who_changed_currency_is_parked_even_if_credit_equals_the_open_amount(world: World) -> None:
    world.use(world.add_customer("acme", method="debit"), "10")
    world.close()
    world.cashier.record("acme", Money(1_000, "USD"), "a transfer beside the debit")
    world.add_customer("acme", currency="EUR")
    world.use("acme", "5", period=Period(2026, 11))
    world.clock.pass_time(days=31)
    assert world.close(Period(2026, 11), "execution-2")["parked"] == {"currency_mismatch": 1}
