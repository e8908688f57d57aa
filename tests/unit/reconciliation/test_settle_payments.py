"""Settling: what the reconciler does with payments whose outcome is outstanding, and how often it asks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from monthclose.domain.month import NoticeState
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
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
from tests.fakes import FakeGateway
from tests.world import OCTOBER, World

KEY = PaymentKey("acme", OCTOBER)


@pytest.fixture(params=[True, False], ids=["card", "bank debit"])
def world(request: pytest.FixtureRequest) -> World:
    """A world with one customer, and a provider of either kind."""
    world = World(gateway=FakeGateway(one_order_per_payment=request.param))
    world.use(world.add_customer("acme"), "10")
    return world


@pytest.fixture
def card() -> World:
    world = World()
    world.use(world.add_customer("acme"), "10")
    return world


def payment_of(world: World, customer_id: str = "acme") -> Payment:
    payment = world.month(customer_id).payment
    assert payment
    return payment


def close_with_lost_answers(world: World, when: str) -> None:
    """Close the month while every answer of the provider is lost."""
    world.gateway.failures["collect", when] = [OutcomeUnknownError("reset")] * 9
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 9
    world.close()
    world.gateway.failures.clear()
    assert payment_of(world).state is PaymentState.UNKNOWN


def counting(world: World, call: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(world.gateway, call)

    def counted(*arguments: Any) -> Any:
        calls.append(world.clock.now)
        return real(*arguments)

    monkeypatch.setattr(world.gateway, call, counted)
    return calls


def every_quarter_of_an_hour(world: World, **span: float) -> None:
    end = world.clock.now + timedelta(**span)
    while world.clock.now < end:
        world.clock.pass_time(minutes=15)
        world.settle()


def test_an_unknown_payment_that_was_collected_is_booked_notified_and_totalled(world: World) -> None:
    close_with_lost_answers(world, "after")
    assert world.mailer.sent == []
    world.clock.pass_time(minutes=15)

    settled = world.settle()

    assert payment_of(world).state is PaymentState.PAID
    assert settled.states == {"paid": 1}
    assert [amount.minor for _, amount in world.gateway.money_moved] == [1000]
    assert world.customer("acme").open_payment == ""
    assert not world.month("acme").parked
    assert [mail.to for mail in world.mailer.sent] == ["acme@customers.example"]
    [progress] = world.closes.all_progress(OCTOBER)
    assert progress.finished
    assert progress.totals.money["USD"]["collected"] == 1000
    assert world.reconcile().report["status"] == "completed"


def test_an_unknown_payment_that_was_not_collected_is_resumed_and_collected_once(world: World) -> None:
    close_with_lost_answers(world, "before")
    every_quarter_of_an_hour(world, hours=3)
    assert payment_of(world).state is PaymentState.PAID
    assert [amount.minor for _, amount in world.gateway.money_moved] == [1000]
    assert len(world.mailer.sent) == 1


def test_a_charge_whose_process_died_is_resumed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = generated(world)
    monkeypatch.setattr(world.gateway, "collect", killed)
    with pytest.raises(SystemExit):
        world.batch_charger.charge(OCTOBER, batch, 1)
    monkeypatch.undo()
    assert payment_of(world).state is PaymentState.CHARGING
    assert world.settle().states == {}, "it is not stale yet"

    world.clock.pass_time(minutes=5)
    world.settle()

    assert payment_of(world).state is PaymentState.PAID
    assert len(world.gateway.money_moved) == 1


def killed(_order: Any) -> None:
    raise SystemExit


def generated(world: World) -> int:
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    return batch.number


@pytest.mark.parametrize(
    ("outcome", "state", "kind"),
    [("collected", PaymentState.PAID, "receipt"), ("refused", PaymentState.DECLINED, "declined")],
)
def test_a_pending_payment_is_settled_by_its_outcome_and_the_customer_is_notified_once(
    world: World, outcome: str, state: PaymentState, kind: str
) -> None:
    world.add_customer("acme", method="debit")
    world.close()
    assert payment_of(world).state is PaymentState.PENDING
    assert len(world.mailer.sent) == 1
    said = Collected(payment_of(world).amount) if outcome == "collected" else Refused("insufficient_funds")
    world.gateway.settle(payment_of(world).provider_ref, said)
    world.clock.pass_time(days=1)

    world.settle()

    assert payment_of(world).state is state
    assert world.customer("acme").open_payment == ""
    assert [notice.kind for notice in world.month("acme").notices] == ["pending", kind]
    world.settle()
    assert len(world.mailer.sent) == 2
    [progress] = world.closes.all_progress(OCTOBER)
    assert progress.totals.payments == {state: 1}
    assert not progress.totals.untold
    assert world.reconcile().report["proof"]["ties"]


def test_a_hold_follows_the_outcome_of_a_pending_payment(world: World) -> None:
    world.add_customer("acme", method="debit")
    world.close()
    world.gateway.settle(payment_of(world).provider_ref, Refused("insufficient_funds"))
    world.clock.pass_time(days=1)
    world.settle()
    assert world.customer("acme").held_since


def test_a_payment_that_stays_outstanding_is_checked_less_and_less_often(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_customer("acme", method="debit")
    world.close()
    asked = counting(world, "look_up", monkeypatch)

    every_quarter_of_an_hour(world, days=7)

    pauses = [after - before for before, after in pairwise(asked)]
    assert 10 <= len(asked) <= 16
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(days=1)


def test_a_provider_that_is_down_is_also_asked_less_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    close_with_lost_answers(world, "after")
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 10_000
    asked = counting(world, "look_up", monkeypatch)
    every_quarter_of_an_hour(world, days=7)
    assert len(asked) <= 16
    assert world.mailer.sent == []


def test_all_payments_in_flight_are_checked_now_if_a_person_asks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    close_with_lost_answers(world, "after")
    assert world.settle().states == {}
    assert world.settle(everyone=True).states == {"paid": 1}


def test_a_paused_provider_is_left_alone_and_the_payment_keeps_its_turn(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.clock.pass_time(minutes=15)
    due = world.customer("acme").check_at
    world.gateway.failures["look_up", "before"] = [ProviderPausedError("down", 60)]

    settled = world.settle()

    assert (settled.left, settled.time_was_up) == (1, False)
    assert world.customer("acme").check_at == due
    assert world.settle().states == {"paid": 1}


def test_work_that_does_not_fit_into_the_time_is_reported_and_done_next_time(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.clock.pass_time(minutes=15)
    settled, changed = world.settler.settle(share_left=lambda: 0.2)
    assert settled.time_was_up
    assert changed == set()
    assert world.settle().states == {"paid": 1}


def test_a_provider_that_refuses_us_ends_the_settling(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.clock.pass_time(minutes=15)
    world.gateway.failures["look_up", "before"] = [ProviderRefusedError("no such key")]
    with pytest.raises(ProviderRefusedError):
        world.settle()


def test_one_payments_failure_affects_no_other_and_logs_no_content(world: World) -> None:
    world.use(world.add_customer("other"), "20")
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")] * 18
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 18
    world.close()
    world.gateway.failures.clear()
    world.clock.pass_time(minutes=15)
    world.gateway.failures["look_up", "before"] = [RuntimeError("12.34 EUR of acme@customers.example")]

    settled = world.settle()

    assert settled.states == {"paid": 1}
    assert settled.errors == {"RuntimeError": 1}
    assert "acme@customers.example" not in str(world.log.lines)
    every_quarter_of_an_hour(world, hours=1)
    assert len(world.gateway.money_moved) == len(world.mailer.sent) == 2


def test_two_reconcilers_at_once_settle_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    close_with_lost_answers(world, "before")
    world.clock.pass_time(hours=1)
    real, inside = world.gateway.look_up, [False]

    def look_up(order: Any) -> Any:
        answer = real(order)
        if not inside[0]:  # while the first waits for its answer, the second does everything
            inside[0] = True
            world.settle()
        return answer

    monkeypatch.setattr(world.gateway, "look_up", look_up)
    world.settle()
    monkeypatch.undo()

    every_quarter_of_an_hour(world, hours=2)
    assert [amount.minor for _, amount in world.gateway.money_moved] == [1000]
    assert len(world.mailer.sent) == 1
    assert payment_of(world).state is PaymentState.PAID
    assert world.reconcile().report["proof"]["ties"]


def test_a_payment_that_never_started_is_charged_notified_and_no_longer_parked(world: World) -> None:
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 9
    world.gateway.failures["register", "before"] = [OrderInvalidError("email_invalid")] * 3
    assert world.close()["parked"] == {"payment_unsettled": 1}
    world.gateway.failures.clear()
    world.clock.pass_time(minutes=15)

    world.settle()

    assert payment_of(world).state is PaymentState.PAID
    assert not world.month("acme").parked
    assert len(world.mailer.sent) == 1
    assert world.reconcile().report["status"] == "completed"


def test_a_request_that_is_our_mistake_is_repeated_less_and_less_often(
    card: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.gateway.failures["prepare", "before"] = [OrderInvalidError("resource_missing")] * 1000
    card.close()
    asked = counting(card, "prepare", monkeypatch)
    every_quarter_of_an_hour(card, days=7)
    assert 8 <= len(asked) <= 20


def test_a_payment_that_can_no_longer_be_charged_is_notified_instead_of_parked(card: World) -> None:
    card.gateway.failures["prepare", "before"] = [OrderInvalidError("resource_missing")] * 3
    card.close()
    card.add_customer("acme", method="")
    card.clock.pass_time(minutes=15)
    card.settle()
    assert payment_of(card).state is PaymentState.NO_PAYMENT_METHOD
    assert not card.month("acme").parked
    assert len(card.mailer.sent) == 1


def test_a_mail_service_that_is_down_does_not_lose_the_notice(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.clock.pass_time(minutes=15)
    world.mailer.failures = [TryLaterError("throttled")]
    world.settle()
    assert world.mailer.sent == []
    world.settle()
    assert len(world.mailer.sent) == 1
    world.settle()
    assert len(world.mailer.sent) == 1


def test_a_refused_notice_is_not_retried_for_ever(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.clock.pass_time(minutes=15)
    world.mailer.failures = [MailRefusedError("MessageRejected")]
    every_quarter_of_an_hour(world, hours=1)
    notice = world.month("acme").notice
    assert notice
    assert notice.state is NoticeState.REFUSED


def test_the_batches_of_a_running_close_are_left_to_it(world: World) -> None:
    close_with_lost_answers(world, "after")
    world.open(execution="execution-2")
    world.clock.pass_time(minutes=15)
    world.settle()
    assert payment_of(world).state is PaymentState.PAID
    assert world.mailer.sent == [], "the close tells"
    assert world.close(execution="execution-2")["notices"]["sent"] == 1


def test_a_lease_held_by_a_settled_payment_is_found_and_released(world: World) -> None:
    world.close()
    world.change("acme", open_payment=KEY.payment_id, check_at=world.clock.now)
    settled = world.settle()
    assert [finding.check for finding in settled.findings] == ["lease_left"]
    assert world.customer("acme").open_payment == ""
    assert world.settle().findings == []


def test_a_lease_held_by_a_missing_payment_is_found_daily_and_kept(world: World) -> None:
    world.change("acme", open_payment="2026-10.7/acme", check_at=world.clock.now)
    assert [finding.check for finding in world.settle().findings] == ["lease_left"]
    assert world.customer("acme").open_payment == "2026-10.7/acme"
    assert world.settle().findings == []
    world.clock.pass_time(days=1)
    assert len(world.settle().findings) == 1


def test_only_this_providers_payments_are_checked(world: World) -> None:
    close_with_lost_answers(world, "after")
    payment = payment_of(world)
    world.books.commit(replace(payment, provider="gocardless"))
    world.clock.pass_time(minutes=15)
    due = world.customer("acme").check_at
    settled = world.settle()
    assert (settled.states, settled.errors, settled.left) == ({}, {}, 0)
    assert payment_of(world).state is PaymentState.UNKNOWN
    assert world.customer("acme").check_at == due


def test_an_older_closes_pending_payment_is_still_settled_and_totalled(world: World) -> None:
    world.add_customer("acme", method="debit")
    world.close()
    for month, number in ((11, 2), (12, 3)):
        world.clock.pass_time(days=31)
        world.close(Period(2026, month), f"execution-{number}")
    world.clock.pass_time(days=31)
    world.close(Period(2027, 1), "execution-4")
    world.gateway.settle(payment_of(world).provider_ref, Collected(payment_of(world).amount))
    world.clock.pass_time(days=1)
    world.settle()
    [progress] = world.closes.all_progress(OCTOBER)
    assert progress.totals.payments == {"paid": 1}
