"""What is gone or busy at the provider: orders, cards, customers and mandates, and how each payment continues."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monthclose.domain.payments.declines import CUSTOMER_DELETED, METHOD_DETACHED
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.errors import ObjectBusyError, OrderInvalidError, OutcomeUnknownError, PayerGoneError, TryLaterError
from monthclose.ports import Answer, ChargeOrder, InProgress, ProviderEvent, Refused
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.webhooks.apply_event import Applied, Result
from tests.fakes import FakeGateway
from tests.world import OCTOBER, World

S = PaymentState
KEY = PaymentKey("acme", OCTOBER)


def a_world(method: str = "ok", gateway: FakeGateway | None = None) -> World:
    """One customer whose October invoice is waiting to be charged."""
    world = World(gateway=gateway or FakeGateway())
    world.use(world.add_customer("acme", method=method), "100")
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    return world


def payment(world: World) -> Payment:
    found = world.month("acme").payment
    assert found
    return found


def states(world: World) -> list[PaymentState]:
    return [step.after for step in payment(world).history]


def imports(world: World, method: str, payer: str = "") -> None:
    """Import a new payment method, and optionally its provider customer."""
    profile = replace(world.customer("acme").profile, payment_method=method, imported_provider_customer_id=payer)
    world.directory.put_profiles([("acme", profile)])


class CancelsAtConfirm(FakeGateway):
    """Cancels orders when they are confirmed, as after too many confirms."""

    cancels = 1

    def collect(self, order: ChargeOrder) -> Answer:
        if self.cancels:
            self.cancels -= 1
            self.cancel(order.reference)
        return super().collect(order)


def test_an_order_that_is_cancelled_when_it_is_confirmed_is_followed_by_another_that_is_collected() -> None:
    world = a_world(gateway=CancelsAtConfirm())
    assert world.charger.charge(KEY) is S.PAID
    assert states(world) == [S.CHARGING, S.READY, S.CHARGING, S.PAID]
    assert len(world.gateway.money_moved) == 1
    assert len(world.gateway.orders) == 2
    assert world.customer("acme").open_payment == ""


def test_a_provider_that_cancels_everything_is_left_alone_after_a_few_orders() -> None:
    gateway = CancelsAtConfirm()
    gateway.cancels = 100
    world = a_world(gateway=gateway)
    with pytest.raises(TryLaterError):
        world.charger.charge(KEY)
    assert payment(world).state is S.READY
    assert 2 <= len(world.gateway.orders) <= 10
    gateway.cancels = 0
    assert world.charger.charge(KEY) is S.PAID


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_that_is_cancelled_after_its_answer_was_lost_is_no_decline(when: str) -> None:
    world = a_world()
    world.gateway.failures["collect", "before"] = [OutcomeUnknownError("lost")]
    assert world.charger.charge(KEY) is S.UNKNOWN
    world.gateway.cancel(payment(world).provider_ref)
    if when == "before":  # a webhook reports it before anybody resumes the payment
        assert world.charger.look_up(KEY) is S.UNKNOWN
    assert world.charger.look_up(KEY, go_on=True) is S.PAID
    assert S.DECLINED not in states(world)
    assert len(world.gateway.money_moved) == 1


def test_an_order_that_is_cancelled_between_attempts_is_followed_by_another() -> None:
    world = a_world("declined")
    assert world.charger.charge(KEY) is S.DECLINED
    first = payment(world).provider_ref
    world.gateway.cancel(first)
    imports(world, "ok")
    assert world.charger.charge(KEY, again=True) is S.PAID
    assert payment(world).provider_ref != first


def test_a_debit_cancelled_while_under_way_is_declined_and_may_be_retried() -> None:
    world = a_world("debit")
    assert world.charger.charge(KEY) is S.PENDING
    world.gateway.cancel(payment(world).provider_ref)
    assert world.charger.look_up(KEY) is S.DECLINED
    assert world.charger.charge(KEY, again=True) is S.PENDING


def test_a_removed_card_is_declined_and_notified_and_a_new_one_is_charged() -> None:
    world = World()
    world.use(world.add_customer("acme", method="detached"), "100")
    report = world.close()
    assert (payment(world).state, payment(world).code) == (S.DECLINED, METHOD_DETACHED)
    assert report["customers"]["parked"] == 0
    [mail] = world.mailer.sent
    assert "The payment method has been removed" in " ".join(mail.text.split())
    world.clock.now += timedelta(days=1)
    world.collect()
    assert payment(world).attempt == 1, "it would be refused again"
    imports(world, "ok")
    world.clock.now += timedelta(days=1)
    world.collect()
    assert payment(world).state is S.PAID


def test_a_customer_deleted_at_the_provider_is_notified_and_registered_again_with_a_new_method() -> None:
    world = a_world()
    imports(world, "ok", payer="cus_old")
    world.gateway.deleted.add("cus_old")
    assert world.charger.charge(KEY) is S.DECLINED
    assert payment(world).code == CUSTOMER_DELETED
    assert world.gateway.registered == 0
    imports(world, "debit", payer="cus_old")  # the import goes on naming the dead one
    assert world.charger.charge(KEY, again=True) is S.PENDING
    assert world.gateway.registered == 1
    assert world.customer("acme").provider_customer_id == "cus_acme"
    assert [order.provider_customer_id for order in world.gateway.orders.values()] == ["cus_acme"]


def test_a_customer_with_an_order_under_a_dead_id_gets_another_and_the_first_is_never_collected() -> None:
    world = a_world("declined")
    imports(world, "declined", payer="cus_old")
    assert world.charger.charge(KEY) is S.DECLINED
    world.gateway.deleted.add("cus_old")
    imports(world, "ok", payer="cus_new")
    assert world.charger.charge(KEY, again=True) is S.PAID
    assert len(world.gateway.money_moved) == 1
    [first, second] = world.gateway.orders
    assert world.gateway.outcomes[first] == Refused("canceled")
    assert payment(world).provider_ref == second


def test_a_customer_whom_we_registered_and_somebody_deleted_is_registered_again_at_once() -> None:
    world = a_world("declined")
    assert world.charger.charge(KEY) is S.DECLINED
    world.gateway.deleted.add("cus_acme")
    imports(world, "ok")
    assert world.charger.charge(KEY, again=True) is S.PAID
    assert world.customer("acme").provider_customer_id == "cus_acme_2"


def test_an_imported_customer_who_never_existed_there_is_our_mistake() -> None:
    world = a_world()
    imports(world, "ok", payer="cus_of_another_account")
    world.gateway.failures["prepare", "before"] = [PayerGoneError("resource_missing", deleted=False)]
    assert world.charger.charge(KEY) is S.READY
    assert world.customer("acme").provider_customer_id == "cus_of_another_account"
    assert issubclass(PayerGoneError, OrderInvalidError)


@pytest.mark.parametrize("call", ["prepare", "collect"])
def test_a_payment_whose_object_is_busy_is_charged_later_and_once(call: str) -> None:
    world = a_world()
    world.gateway.failures[call, "before"] = [ObjectBusyError("lock_timeout")]
    with pytest.raises(ObjectBusyError):
        world.charger.charge(KEY)
    assert payment(world).state is S.CHARGING
    assert world.charger.charge(KEY) is S.PAID
    assert len(world.gateway.money_moved) == 1


def test_advice_given_with_a_decline_is_kept_until_the_next_attempt() -> None:
    world = World()
    world.use(world.add_customer("acme", method="declined"), "100")
    world.gateway.advice = "do_not_try_again"
    world.close()
    assert payment(world).advice == "do_not_try_again"
    world.clock.now += timedelta(days=2)
    world.collect()
    assert payment(world).attempt == 1
    imports(world, "ok")
    world.clock.now += timedelta(days=1)
    world.collect()
    assert (payment(world).state, payment(world).advice) == (S.PAID, "")


def debiting() -> World:
    return a_world("debit", FakeGateway(one_order_per_payment=False))


def test_a_charge_by_a_replaced_method_continues_in_the_same_attempt() -> None:
    world = debiting()
    world.gateway.successors["debit"] = "ok"
    assert world.charger.charge(KEY) is S.PAID
    assert payment(world).attempt == 1
    assert world.customer("acme").payment_method == "ok"
    assert world.customer("acme").profile.payment_method == "debit"


def replaced(world: World) -> Applied:
    return world.applier.book(ProviderEvent("EV1", "mandates.replaced", "debit", method="debit"))


def test_an_event_that_a_method_was_replaced_is_noted_once_and_is_not_a_new_method_for_dunning() -> None:
    world = World(gateway=FakeGateway(one_order_per_payment=False))
    world.use(world.add_customer("acme", method="debit"), "100")
    world.close()
    world.gateway.settle(payment(world).provider_ref, Refused("bank_account_closed"))
    world.charger.look_up(KEY)
    world.gateway.successors["debit"] = "debit2"
    # The fake is called Stripe, whose table has the same code.
    assert [replaced(world).result for _ in range(2)] == [Result.BOOKED, Result.UNCHANGED]
    assert world.customer("acme").payment_method == "debit2"
    world.clock.now += timedelta(days=1)
    world.collect()
    assert payment(world).attempt == 1
    imports(world, "ok")
    world.clock.now += timedelta(days=1)
    world.collect()
    assert payment(world).state is S.PAID


def test_an_event_about_somebody_elses_method_concerns_nobody() -> None:
    world = debiting()
    assert replaced(world).result is Result.NOT_OURS


def test_a_payment_stays_under_way_when_its_method_is_replaced() -> None:
    world = debiting()
    world.charger.charge(KEY)
    world.gateway.successors["debit"] = "ok"
    replaced(world)
    assert isinstance(world.gateway.outcomes[payment(world).provider_ref], InProgress)
    assert world.charger.charge(KEY) is S.PENDING
    assert world.charger.look_up(KEY, go_on=True) is S.PENDING
    assert world.gateway.money_moved == []
