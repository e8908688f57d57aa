"""What a provider's event leads to: whenever it arrives, and however often, our record ends up as the provider's."""

from dataclasses import replace
from itertools import permutations

import pytest

from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.money import Money
from monthclose.domain.month import HoldAction
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.errors import BrokeOffError, ConflictError, OutcomeUnknownError, ProviderDownError, TryLaterError
from monthclose.ports import (
    Answer,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    InProgress,
    ProviderEvent,
    Refused,
)
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.webhooks.apply_event import Applied, Result
from tests.fakes import FakeGateway, reversed_by_the_bank
from tests.world import OCTOBER, World

S = PaymentState
KEY = PaymentKey("acme", OCTOBER)
NOVEMBER = OCTOBER.next
SUCCEEDED = ProviderEvent("evt_1", "payment_intent.succeeded", "pi_2026-10/acme_1", "", frozenset({S.PAID, S.REVERSED}))
CHANGED = ProviderEvent("evt_2", "charge.refunded", "pi_2026-10/acme_1")
TOTAL = Money(10_000, "USD")


def a_world(method: str = "ok", gateway: FakeGateway | None = None) -> World:
    """One customer whose October invoice is for 100.00."""
    world = World(gateway=gateway) if gateway else World()
    world.use(world.add_customer("acme", method=method), "100")
    return world


def closed(method: str = "ok") -> World:
    world = a_world(method)
    world.close()
    return world


def generated(world: World) -> None:
    """Open the close and generate the invoice; nothing is charged yet."""
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)


def apply_event(world: World, event: ProviderEvent = CHANGED) -> Applied:
    """Apply an event, as the handler does."""
    applied = world.applier.book(event)
    if applied.result is Result.BOOKED:
        world.applier.finish(applied)
    return applied


def provider_says(world: World, outcome: ChargeOutcome) -> None:
    world.gateway.settle(CHANGED.reference, outcome)


def payment(world: World) -> Payment:
    found = world.month("acme").payment
    assert found
    return found


def open_minor(world: World) -> int:
    invoice = world.month("acme").invoice
    assert invoice
    return invoice.open.minor


def totals_of(world: World) -> dict[str, int]:
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    return {state: number for state, number in progress.totals.payments.items() if number}


def test_a_refund_is_booked_once_however_often_it_is_reported() -> None:
    world = closed()
    provider_says(world, Collected(TOTAL, refunded_minor=3_000))
    results = [apply_event(world).result for _ in range(3)]
    assert results == [Result.BOOKED, Result.UNCHANGED, Result.UNCHANGED]
    assert payment(world).net_minor == 7_000
    assert open_minor(world) == 0  # a deliberate refund: written off, and not charged again
    assert len(world.month("acme").entries) == 3  # invoice, payment, refund


def test_a_dispute_reopens_the_invoice_and_winning_it_settles_the_invoice() -> None:
    world = closed()
    provider_says(world, reversed_by_the_bank(TOTAL))
    assert apply_event(world).result is Result.BOOKED
    assert payment(world).state is S.REVERSED
    assert open_minor(world) == 10_000
    assert world.customer("acme").balance == TOTAL
    assert totals_of(world) == {"reversed": 1}

    provider_says(world, Collected(TOTAL))
    apply_event(world)
    assert payment(world).state is S.PAID
    assert open_minor(world) == 0
    assert totals_of(world) == {"paid": 1}


def test_a_bank_debit_that_fails_days_later_is_declined_and_frees_its_customer() -> None:
    world = closed("debit")
    assert payment(world).state is S.PENDING
    provider_says(world, Refused("insufficient_funds"))
    apply_event(world)
    assert (payment(world).state, payment(world).code) == (S.DECLINED, "insufficient_funds")
    assert world.customer("acme").open_payment == ""
    assert open_minor(world) == 10_000


def test_a_customer_who_authenticates_late_has_paid() -> None:
    world = closed("authenticate")
    assert payment(world).state is S.ACTION_REQUIRED
    provider_says(world, Collected(TOTAL))
    apply_event(world, SUCCEEDED)
    assert payment(world).state is S.PAID
    assert len(world.gateway.money_moved) == 1


def test_the_hold_on_a_customer_who_pays_late_is_lifted_and_the_close_says_so() -> None:
    world = closed("declined")
    assert world.customer("acme").held_since
    provider_says(world, Collected(TOTAL))
    apply_event(world, SUCCEEDED)
    assert world.customer("acme").held_since is None
    change = world.month("acme").hold
    assert change
    assert change.action is HoldAction.LIFTED
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.holds.get("lifted") == 1


def test_a_customer_with_nothing_overdue_is_no_longer_held() -> None:
    world = closed("declined")
    world.add_customer("acme", method="")  # the card is gone: November is to be paid in some other way
    world.use("acme", "20", period=NOVEMBER)
    world.clock.pass_time(days=30)
    world.close(NOVEMBER, "execution-2")
    assert world.customer("acme").held_since
    provider_says(world, Collected(TOTAL))

    apply_event(world, SUCCEEDED)

    assert world.customer("acme").held_since is None
    assert world.customer("acme").balance == Money(2_000, "USD")
    assert [change.action for change in world.month("acme").holds] == [HoldAction.PLACED, HoldAction.LIFTED]
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.holds.get("lifted") == 1


def test_a_decline_reported_later_holds_as_the_policy_says() -> None:
    for policy, held in ((HoldPolicy(), True), (HoldPolicy(grace_days=3), False)):
        world = a_world("debit")
        world.keeper = replace(world.keeper, policy=policy)
        world.applier = replace(
            world.applier, holds=world.keeper, teller=replace(world.customer_teller, holds=world.keeper)
        )
        world.close()
        provider_says(world, Refused("insufficient_funds"))
        apply_event(world)
        assert (world.customer("acme").held_since is not None) is held


@pytest.mark.parametrize("order", list(permutations([SUCCEEDED, CHANGED, CHANGED, SUCCEEDED], 3)))
@pytest.mark.parametrize(
    ("outcome", "state"),
    [(reversed_by_the_bank(TOTAL), S.REVERSED), (Collected(TOTAL, 500), S.PAID), (InProgress(), S.PENDING)],
)
def test_events_in_any_order_have_the_same_result(
    order: tuple[ProviderEvent, ...], outcome: ChargeOutcome, state: PaymentState
) -> None:
    world = closed("debit")
    if not isinstance(outcome, InProgress):
        provider_says(world, Collected(TOTAL))
        apply_event(world, SUCCEEDED)
    provider_says(world, outcome)
    for event in order:
        apply_event(world, event)
    apply_event(world)  # the last event always comes
    assert payment(world).state is state


def test_a_charge_that_is_under_way_is_not_disturbed() -> None:
    class Impatient(FakeGateway):
        """Delivers its webhook before it answers."""

        world: World

        def collect(self, order: ChargeOrder) -> Answer:
            answer = super().collect(order)
            before = dict(self.world.books.records)
            with pytest.raises(TryLaterError, match="being charged right now"):
                self.world.applier.book(SUCCEEDED)
            assert self.world.books.records == before
            return answer

    gateway = Impatient()
    world = gateway.world = a_world(gateway=gateway)
    world.close()
    assert payment(world).state is S.PAID
    assert apply_event(world, SUCCEEDED).result is Result.KNOWN


def test_a_decline_of_the_previous_attempt_does_not_end_the_one_under_way() -> None:
    world = closed("declined")

    class Late(FakeGateway):
        """Tells of the last attempt's refusal while the next one is being prepared."""

        def prepare(self, order: ChargeOrder) -> str:
            with pytest.raises(TryLaterError):
                world.applier.book(CHANGED)
            return super().prepare(order)

    late = Late()
    late.__dict__.update(world.gateway.__dict__)
    object.__setattr__(world.charger, "gateway", late)
    world.charger.charge(KEY, again=True)
    assert (payment(world).state, payment(world).attempt) == (S.DECLINED, 2)


def test_an_event_before_our_own_booking_waits_and_repairs_a_charge_that_broke_off() -> None:
    world = a_world()
    generated(world)
    world.gateway.failures["collect", "after"] = [RuntimeError("the process died")]
    with pytest.raises(RuntimeError):
        world.charger.charge(KEY)
    assert payment(world).state is S.CHARGING
    with pytest.raises(TryLaterError):
        world.applier.book(SUCCEEDED)

    world.clock.pass_time(minutes=5)
    apply_event(world, SUCCEEDED)

    assert payment(world).state is S.PAID
    assert len(world.gateway.money_moved) == 1
    assert world.customer("acme").open_payment == ""


def test_a_charge_whose_answer_was_lost_is_settled_at_once() -> None:
    world = a_world()
    generated(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")]
    world.charger.charge(KEY)
    assert payment(world).state is S.UNKNOWN
    apply_event(world, SUCCEEDED)
    assert payment(world).state is S.PAID


def test_a_customer_whose_payment_an_event_has_settled_is_notified_by_the_next_round() -> None:
    world = a_world()
    generated(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")]
    world.batch_charger.charge(OCTOBER, 0, 1)
    world.sender.send(OCTOBER, 0, 1)
    world.keeper.apply(OCTOBER, 0, 1)
    assert world.mailer.sent == []

    apply_event(world, SUCCEEDED)
    world.workflow.running.clear()
    report = world.close(execution="execution-2")

    assert len(world.mailer.sent) == 1
    assert report["status"] == "completed"


@pytest.mark.parametrize("method", ["ok", "declined", "debit", "authenticate"])
@pytest.mark.parametrize("outcome", [Collected(TOTAL), Refused("insufficient_funds"), reversed_by_the_bank(TOTAL)])
def test_what_our_record_alone_says_of_an_event_is_what_applying_it_says(method: str, outcome: ChargeOutcome) -> None:
    world = closed(method)
    for event in (SUCCEEDED, CHANGED, SUCCEEDED):
        unasked, before = world.applier.known(event), dict(world.books.records)
        if unasked:
            assert world.applier.book(event) == unasked
            assert world.books.records == before
        else:
            apply_event(world, event)
        provider_says(world, outcome)


def test_a_booked_payment_is_not_looked_up() -> None:
    world = closed()
    world.gateway.failures["look_up", "before"] = [AssertionError("asked")]
    event = ProviderEvent("evt_1", SUCCEEDED.kind, SUCCEEDED.reference, "2026-10/acme", SUCCEEDED.known_in)
    world.gateway.failures["payment_of", "before"] = [AssertionError("asked")]
    assert apply_event(world, event) == Applied(Result.KNOWN, KEY)


@pytest.mark.parametrize("quoted", ["", "2026-10/nobody", "2026-11/acme", "2026-10.2/acme", "order 4711"])
def test_a_payment_that_is_not_ours_is_left_alone(quoted: str) -> None:
    world = closed()
    before = dict(world.books.records)
    event = ProviderEvent("evt_1", "charge.refunded", "pi_of_somebody_else", quoted)
    assert apply_event(world, event) == Applied(Result.NOT_OURS)
    assert world.books.records == before


def test_a_payment_through_another_provider_is_ignored() -> None:
    world = a_world()
    world.add_customer("elsewhere", provider="adyen")
    world.use("elsewhere", "10")
    world.close()
    event = ProviderEvent("evt_1", "charge.refunded", "pi_1", "2026-10/elsewhere")
    assert apply_event(world, event).result is Result.NOT_OURS


@pytest.mark.parametrize("call", ["payment_of", "look_up"])
def test_nothing_is_decided_while_the_provider_is_down(call: str) -> None:
    world = closed()
    provider_says(world, reversed_by_the_bank(TOTAL))
    world.gateway.failures[call, "before"] = [ProviderDownError("503")]
    with pytest.raises(TryLaterError):
        apply_event(world)
    assert payment(world).state is S.PAID
    apply_event(world)
    assert payment(world).state is S.REVERSED


def test_if_it_dies_after_booking_the_next_call_updates_the_totals() -> None:
    world = closed()
    provider_says(world, reversed_by_the_bank(TOTAL))
    world.applier.book(CHANGED)  # and the process dies
    assert totals_of(world) == {"paid": 1}
    world.applier.finish(world.applier.book(CHANGED))
    assert totals_of(world) == {"reversed": 1}


def test_when_totals_cannot_be_updated_the_error_says_that_the_payment_is_booked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = closed()
    provider_says(world, reversed_by_the_bank(TOTAL))
    applied = world.applier.book(CHANGED)

    def throttled(*_: object) -> None:
        raise ConflictError("throttled")

    monkeypatch.setattr(world.closes, "put_progress", throttled)
    with pytest.raises(BrokeOffError, match="2026-10/acme is booked"):
        world.applier.finish(applied)
