"""Collections in memory, day after day on the clock: retries, reminders, holds, and what undoes them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, NoticeState
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.errors import (
    MailRefusedError,
    OrderInvalidError,
    OutcomeUnknownError,
    ProviderPausedError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.ports import Collected, Refused
from monthclose.use_cases.closes.snapshot import read_batches
from tests.fakes import reversed_by_the_bank
from tests.world import OCTOBER, STRIPE, World

S = PaymentState
ACME = PaymentKey("acme", OCTOBER)


def a_world(**policies: HoldPolicy | DunningPolicy) -> World:
    return World(**{"hold_policy": HoldPolicy(grace_days=10), **policies})  # type: ignore[arg-type]


def closed(method: str = "declined", *names: str, **policies: HoldPolicy | DunningPolicy) -> World:
    """A world whose October is closed, with customers who owe 100.00 each."""
    world = a_world(**policies)
    for name in names or ("acme",):
        world.use(world.add_customer(name, method=method), "100")
    world.close()
    return world


def live(world: World, days: int, each: Callable[[int], object] = lambda _: None) -> None:
    """Let days pass, with the collections run twice each: the second run finds everything done."""
    for number in range(1, days + 1):
        world.clock.pass_time(days=1)
        each(number)
        world.collect()
        before = dict(world.books.records), len(world.mailer.sent)
        world.collect()
        assert (dict(world.books.records), len(world.mailer.sent)) == before


def days_of_attempts(world: World) -> list[int]:
    payment = world.month("acme").payment
    assert payment
    return [start.day - 1 for start in payment.starts]


def mails(world: World) -> list[tuple[int, str]]:
    month = world.month("acme")
    assert month.notice
    return [(notice.time.day - 1, notice.kind) for notice in (month.notice, *month.reminders)]


def test_thirty_days_of_a_soft_decline_that_never_clears() -> None:
    world = closed(hold_policy=HoldPolicy(grace_days=25))
    held: dict[int, bool] = {}
    live(world, 29, lambda day: held.update({day - 1: world.customer("acme").held_since is not None}))
    assert days_of_attempts(world) == [0, 1, 3, 5, 7]
    told = [(0, "declined"), (3, "reminder"), (10, "reminder"), (14, "last_reminder"), (25, "hold_placed")]
    assert mails(world) == told
    assert [day for day, is_held in held.items() if is_held] == [25, 26, 27, 28]
    assert world.gateway.money_moved == []
    assert "put your account on hold" not in world.mailer.sent[1].text
    assert "pay by 22 November 2026" in world.mailer.sent[3].text
    assert {mail.tag for mail in world.mailer.sent} == {
        "2026-10_acme",
        "2026-10.2026-11-01-day-3_acme",
        "2026-10.2026-11-01-day-10_acme",
        "2026-10.2026-11-01-day-14_acme",
        "2026-10.hold-1_acme",
    }


def test_a_declined_payment_by_hand_does_not_stop_the_reminders() -> None:
    world = closed("declined", "acme", "zeta")
    live(world, 17, lambda day: world.cashier.pay("acme") if day == 9 else None)
    assert mails(world) == [(0, "declined"), (3, "reminder"), (10, "reminder"), (14, "last_reminder")]
    assert [notice.kind for notice in world.month("zeta").reminders] == ["reminder", "reminder", "last_reminder"]


def test_a_customer_without_a_payment_method_is_reminded_of_that_and_not_of_a_bank() -> None:
    world = closed("")
    live(world, 4)
    reminder = world.mailer.sent[-1]
    assert reminder.subject.startswith("Payment method needed")
    assert "your account has no payment method" in " ".join(reminder.text.split())
    assert "Your bank" not in reminder.text


def test_a_successful_retry_ends_dunning_and_appears_in_the_report() -> None:
    world = closed()

    def refill(day: int) -> None:
        if day == 5:
            world.add_customer("acme", method="declined")
            world.gateway._outcome = lambda order: Collected(order.amount)  # type: ignore[method-assign]

    live(world, 20, refill)
    assert [amount.minor for _, amount in world.gateway.money_moved] == [10_000]
    assert days_of_attempts(world) == [0, 1, 3, 5]
    assert [kind for _, kind in mails(world)] == ["declined", "reminder", "receipt"]
    assert world.customer("acme").balance.minor == 0
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.payments == {"paid": 1}
    assert progress.totals.money["USD"]["open"] == 0
    assert world.close(execution="execution-2")["proof"]["ties"]


def test_a_customer_held_after_the_grace_period_is_released_when_a_new_card_pays() -> None:
    world = closed()
    live(world, 10)
    assert world.customer("acme").held_since == world.clock.now
    assert world.customer("acme").hold_reason == "invoice INV-00000001: insufficient_funds"
    world.add_customer("acme", method="ok")
    world.clock.pass_time(days=1)
    world.collect()
    assert world.customer("acme").held_since is None
    assert [change.action for change in world.month("acme").holds] == ["placed", "lifted"]
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.holds == {"lifted": 1}


def test_paying_one_of_two_overdue_invoices_keeps_the_hold_until_the_other_is_paid() -> None:
    world = closed()
    world.clock.pass_time(days=30)
    world.use("acme", "50", period=OCTOBER.next)
    world.close(OCTOBER.next, "execution-2")
    world.clock.pass_time(days=11)
    world.collect()
    assert world.customer("acme").held_since
    world.cashier.record("acme", Money(10_000, "USD"), "x")
    assert world.customer("acme").held_since
    world.cashier.record("acme", world.customer("acme").balance, "y")
    assert world.customer("acme").held_since is None


def test_a_part_payment_that_leaves_less_than_the_threshold_lifts_the_hold() -> None:
    world = closed(hold_policy=HoldPolicy(threshold_minor={"USD": 1_000}))
    assert world.customer("acme").held_since
    world.cashier.credit("acme", Money(9_500, "USD"), "sorry")
    assert world.customer("acme").held_since is None
    assert world.customer("acme").balance.minor == 500


@pytest.mark.parametrize("broken", [OutcomeUnknownError("answer lost"), ProviderPausedError("down", 30)])
def test_nobody_is_notified_or_held_while_a_retry_is_outstanding(broken: Exception) -> None:
    world = closed()
    world.clock.pass_time(days=10)
    world.gateway.failures["collect", "before"] = [broken]
    world.collect()
    assert len(world.mailer.sent) == 1
    assert world.customer("acme").held_since is None


@pytest.mark.parametrize("call", ["look_up", "prepare"])
def test_nobody_is_reminded_or_held_while_a_retry_that_is_due_cannot_be_made(call: str) -> None:
    world = closed()
    world.clock.pass_time(days=10)
    world.gateway.failures[call, "before"] = [TryLaterError("down")]
    world.collect()
    assert len(world.mailer.sent) == 1
    assert world.customer("acme").held_since is None
    world.clock.pass_time(days=1)
    world.charger.look_up(ACME, go_on=True)  # as the reconciler does with what broke off
    world.collect()
    assert world.customer("acme").held_since


def test_a_hold_is_not_lifted_by_a_new_card_that_has_not_paid_yet() -> None:
    world = closed(hold_policy=HoldPolicy())
    world.add_customer("acme", method="ok")
    assert world.keeper.review("acme") is None
    assert world.customer("acme").held_since


def test_a_bank_debit_that_fails_days_later_is_notified_at_once_and_retried() -> None:
    world = closed("debit")
    live(world, 4)
    payment = world.month("acme").payment
    assert payment
    assert payment.state is S.PENDING
    assert len(world.mailer.sent) == 1
    world.gateway.settle(payment.provider_ref, Refused("insufficient_funds"))
    world.charger.look_up(ACME)
    world.collect()
    assert [kind for _, kind in mails(world)] == ["pending", "declined"]
    world.clock.pass_time(days=1)
    world.collect()
    retried = world.month("acme").payment
    assert retried
    assert (retried.attempt, retried.state) == (2, S.PENDING)


def test_a_reversed_payment_is_notified_and_never_charged_again_automatically() -> None:
    world = closed("ok")
    payment = world.month("acme").payment
    assert payment
    world.clock.pass_time(days=5)
    world.gateway.settle(payment.provider_ref, reversed_by_the_bank(payment.amount, "fraudulent"))
    world.charger.look_up(ACME)
    world.add_customer("acme", method="ok")
    live(world, 20)
    assert [kind for _, kind in mails(world)] == ["receipt", "reversed", "reminder", "reminder", "last_reminder"]
    assert len(world.gateway.money_moved) == 1


def test_a_customer_who_confirmed_their_payment_is_not_asked_to_confirm_it() -> None:
    world = closed("authenticate")
    payment = world.month("acme").payment
    assert payment
    world.clock.pass_time(days=3)
    world.gateway.settle(payment.provider_ref, Collected(payment.amount))
    world.collect()
    assert [kind for _, kind in mails(world)] == ["action_required", "receipt"]
    assert world.customer("acme").balance.minor == 0


def test_a_customer_with_several_open_invoices_gets_one_mail_a_day() -> None:
    world = closed("declined", "acme", dunning=DunningPolicy(retry_days=()))
    world.clock.pass_time(days=2)
    world.use("acme", "50", period=OCTOBER.next)
    world.clock.pass_time(days=29)
    world.close(OCTOBER.next, "execution-2")
    live(world, 28)
    sent = [notice.time.date() for month in world.books.months("acme").values() for notice in month.reminders]
    assert max(Counter(sent).values()) == 1
    kinds = [notice.kind for month in world.books.months("acme").values() for notice in month.reminders]
    assert Counter(kinds) == {"reminder": 2, "last_reminder": 2}
    assert "Total owed" in world.mailer.sent[-1].text


def test_a_charge_the_provider_could_not_accept_is_retried_the_next_day_at_no_cost_to_the_customer() -> None:
    world = closed()
    world.clock.pass_time(days=1)
    world.gateway.failures["prepare", "before"] = [OrderInvalidError("resource_missing")]
    world.collect()
    assert world.customer("acme").held_since is None
    world.gateway._outcome = lambda order: Collected(order.amount)  # type: ignore[method-assign]
    world.clock.pass_time(days=1)
    world.collect()
    assert world.customer("acme").balance.minor == 0


def test_a_customer_who_changed_provider_is_charged_at_the_new_one() -> None:
    world = closed()
    world.change("acme", profile=replace(world.customer("acme").profile, payment_provider="elsewhere"))
    world.clock.pass_time(days=1)
    world.collect()
    assert world.month("acme").manual == (), "without an adapter nothing is tried"
    world.collector.charger.gateway.provider = "elsewhere"  # type: ignore[misc]
    world.change("acme", profile=replace(world.customer("acme").profile, payment_method="ok"))
    world.collector.collect(["acme"], world.clock.now.date())
    [payment] = world.month("acme").manual
    assert (payment.provider, payment.state) == ("elsewhere", S.PAID)


def test_a_second_run_while_the_first_works_finds_it_running() -> None:
    world = closed()
    world.workflow.running.add("first")
    assert world.finder.find("first").outcome == "begun"
    assert world.finder.find("second").outcome == "already_running"
    world.workflow.running.clear()
    assert world.finder.find("second").outcome == "begun"


def test_while_a_close_runs_the_collections_skip_its_customers() -> None:
    world = closed("declined", "acme", "other")
    world.clock.pass_time(days=31)
    november = OCTOBER.next
    world.use("acme", "50", period=november)
    world.use("other", "0", period=november)
    plan = world.planner.plan(november, world.open(november, "execution-2"))
    assert plan.unfinished
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(november, batch, 1)
    before = world.month("acme"), len(world.mailer.sent)
    assert world.collect().closing == (november,)
    assert (world.month("acme"), len(world.mailer.sent)) == (before[0], before[1] + 1)
    assert world.month("other").reminders


def test_batches_hold_customers_of_one_provider_who_owe() -> None:
    world = closed("declined", *(f"c{number:03}" for number in range(103)))
    world.use(world.add_customer("paid"), "5")
    for number in range(3):
        world.change(world.add_customer(f"g{number}", provider="gocardless"), receivable_minor=5)
    world.change(world.add_customer("held"), held_since=world.clock.now)
    found = world.finder.find("execution")
    rows = json.loads(world.documents.get(found.key))
    assert (found.batches, found.customers) == (3, 107)
    assert found.expected_seconds == round(104 / STRIPE.limit.usable())
    assert sorted((row["provider"], len(row["customers"])) for row in rows) == [
        ("gocardless", 3),
        ("stripe", 4),
        ("stripe", 100),
    ]
    assert {row["provider"]: row["queue_url"] for row in rows} == {"stripe": "https://queue/stripe", "gocardless": None}
    assert [row["batch"] for row in rows] == [0, 1, 2]


def test_when_nobody_owes_the_list_is_empty() -> None:
    found = World().finder.find("execution")
    assert (found.batches, found.customers) == (0, 0)


def test_a_provider_that_refuses_us_stops_the_batch() -> None:
    world = closed()
    world.clock.pass_time(days=1)
    world.gateway.failures["prepare", "before"] = [ProviderRefusedError("revoked")]
    with pytest.raises(ProviderRefusedError):
        world.collector.collect(["acme"], world.clock.now.date())


def test_a_batch_whose_time_is_up_is_handed_back() -> None:
    world = closed()
    world.clock.pass_time(days=1)
    result = world.collector.collect(["acme"], world.clock.now.date(), time_is_up=lambda: True)
    assert (result.retried, result.handed_back.customers) == (0, 1)


@pytest.mark.parametrize(
    ("error", "state"), [(MailRefusedError("no such address"), "refused"), (OutcomeUnknownError("?"), "claimed")]
)
def test_a_reminder_that_may_have_been_sent_or_can_never_be_sent_is_not_sent_again(
    error: Exception, state: str
) -> None:
    world = closed("declined", dunning=DunningPolicy(retry_days=()))
    world.clock.pass_time(days=3)
    world.mailer.failures = [error]
    world.collect()
    world.clock.pass_time(days=1)
    world.collect()
    assert [reminder.state for reminder in world.month("acme").reminders] == [NoticeState(state)]
    assert len(world.mailer.sent) == 1


def test_a_reminder_that_was_certainly_not_sent_is_sent_when_called_again() -> None:
    world = closed("declined", dunning=DunningPolicy(retry_days=()))
    world.clock.pass_time(days=3)
    world.mailer.failures = [TryLaterError("throttled")]
    with pytest.raises(TryLaterError):
        world.reminder_sender.send(["acme"], world.clock.now.date())
    assert world.reminder_sender.send(["acme"], world.clock.now.date()) == 1
    assert world.reminder_sender.send(["acme"], world.clock.now.date()) == 0


def test_a_release_by_hand_lasts_until_there_is_a_new_reason() -> None:
    world = closed()
    live(world, 10)
    world.desk.release("acme", "they called", "ada")
    live(world, 15)
    assert world.customer("acme").held_since is None
    world.clock.pass_time(days=10)
    world.use("acme", "50", period=OCTOBER.next)
    world.close(OCTOBER.next, "execution-2")
    world.clock.pass_time(days=10)
    world.collect()
    assert world.customer("acme").hold_reason.startswith("invoice INV-00000002")


def test_a_hold_placed_by_a_person_is_not_lifted_by_the_collections() -> None:
    world = closed()
    world.desk.hold("acme", "fraud", "ada")
    world.cashier.record("acme", world.customer("acme").balance, "x")
    world.collect()
    assert world.customer("acme").held_by == "ada"


def test_a_customer_without_anything_open_is_not_touched() -> None:
    world = closed("ok")
    before = dict(world.books.records)
    live(world, 3)
    assert dict(world.books.records) == before
    assert world.month("acme") != CustomerMonth()
