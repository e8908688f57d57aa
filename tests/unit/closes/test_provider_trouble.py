"""A close while a payment provider fails, refuses or cannot be asked: nobody is charged twice, and it goes on later."""

from dataclasses import replace

import pytest

from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.ports import PaymentGateway
from monthclose.use_cases.closes.snapshot import read_batches
from tests.unit.closes.generating import generated_batch
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return World()


BROKEN_CALLS = [
    ("prepare", "before", TryLaterError("down")),
    ("prepare", "after", TryLaterError("answer lost")),
    ("collect", "before", OutcomeUnknownError("reset")),
    ("collect", "after", OutcomeUnknownError("reset after the money moved")),
    ("collect", "after", RuntimeError("the process died")),
    ("look_up", "before", TryLaterError("down")),
    ("register", "before", TryLaterError("down")),
]


@pytest.mark.parametrize(("call", "when", "error"), BROKEN_CALLS, ids=str)
def test_a_broken_provider_call_is_repaired_without_charging_twice(
    world: World, call: str, when: str, error: Exception
) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures[call, when].append(error)

    report = world.close()

    assert [amount.minor for _, amount in world.gateway.money_moved] == [1000]
    payment = world.month("acme").payment
    assert payment
    assert payment.state is PaymentState.PAID
    assert world.customer("acme").open_payment == ""
    assert len(world.mailer.sent) == 1
    assert report["proof"]["ties"]


def test_a_payment_whose_outcome_stays_unknown_is_parked_and_nobody_is_notified_or_held(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["collect", "before"] = [OutcomeUnknownError("reset")] * 9

    report = world.close()

    assert report["payments"]["unknown"] == 1
    assert report["parked"] == {"payment_unsettled": 1}
    assert report["money"]["USD"]["pending"] == 1000
    assert world.mailer.sent == []
    assert world.customer("acme").held_since is None
    assert report["proof"]["ties"]  # every sum does; the customer is named
    assert report["status"] == "unfinished"
    assert [end["customer_id"] for end in report["unfinished"]["customers"]] == ["acme"]


def test_closing_again_settles_unknown_payments(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")]
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 9
    world.close()
    world.gateway.failures.clear()

    report = world.close(execution="execution-2")

    assert [amount.minor for _, amount in world.gateway.money_moved] == [1000]
    assert report["payments"]["paid"] == 1
    assert report["parked"] == {}
    assert report["status"] == "completed"
    assert len(world.mailer.sent) == 1


def test_an_order_that_we_sent_wrongly_holds_nobody_and_is_sent_again_later(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["prepare", "before"] = [OrderInvalidError("resource_missing")] * 3

    report = world.close()

    assert report["payments"]["ready"] == 1
    assert report["parked"] == {"payment_unsettled": 1}
    assert world.mailer.sent == []
    assert world.customer("acme").held_since is None
    assert world.customer("acme").open_payment == ""
    assert world.close(execution="execution-2")["payments"]["paid"] == 1


def test_a_customer_whom_the_provider_will_not_register_keeps_no_lease(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["register", "before"] = [OrderInvalidError("email_invalid")] * 3
    world.close()
    assert world.customer("acme").open_payment == ""


def test_a_provider_that_cannot_be_asked_is_a_finding_and_does_not_stop_the_report(world: World) -> None:
    world.use(world.add_customer("acme"), "10")

    def unreachable() -> PaymentGateway:
        raise ProviderRefusedError("the secret cannot be read")

    world.close()
    comparer = replace(world.comparer, reader=replace(world.comparer.reader, gateways={"stripe": unreachable}))
    world.reporter = replace(world.reporter, comparer=comparer)
    report = world.close(execution="execution-2")
    assert [finding["check"] for finding in report["proof"]["findings"]] == ["provider_unreachable"]
    assert report["status"] == "not_compared"


def test_a_provider_that_refuses_us_stops_the_close_before_anything_is_generated_or_parked(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["check", "before"] = [ProviderRefusedError("no such key")]
    with pytest.raises(ProviderRefusedError):
        world.close()
    assert world.month("acme") == CustomerMonth()
    world.workflow.running.clear()
    assert world.close(execution="execution-2")["status"] == "completed"


def test_a_provider_that_refuses_us_in_the_middle_parks_nobody(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(OCTOBER, batch, 1)
    world.gateway.failures["check", "before"] = [ProviderRefusedError("revoked")]
    with pytest.raises(ProviderRefusedError):
        world.planner.plan(OCTOBER, run)
    assert world.month("acme").parking is None


def test_a_provider_that_is_down_does_not_stop_the_plan(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["check", "before"] = [TryLaterError("down")]
    assert world.close()["status"] == "completed"


def test_a_provider_that_refuses_us_stops_the_batch(world: World) -> None:
    world.use(world.add_customer("acme"), "10")
    batch = generated_batch(world)
    world.gateway.failures["register", "before"] = [ProviderRefusedError("no such key")]
    with pytest.raises(ProviderRefusedError):
        world.batch_charger.charge(OCTOBER, batch, 1)


def test_an_invoice_too_small_to_be_charged_holds_nobody_and_blames_no_bank(world: World) -> None:
    world.use(world.add_customer("acme"), "5")
    world.gateway.failures["prepare", "before"] = [OrderRefusedError("below_minimum")]
    report = world.close()
    assert report["declines"] == {"below_minimum": 1}
    assert report["holds"]["placed"] == 0
    assert "declined" not in world.mailer.sent[0].text


def test_a_batch_of_which_nothing_was_charged_goes_back_without_its_customers_being_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(world.add_customer("acme"), "10")
    batch = generated_batch(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.books, "month", None)
        assert world.batch_charger.charge(OCTOBER, batch, 1, time_is_up=lambda: True).handed_back == 1
    assert world.batch_charger.charge(OCTOBER, batch, 1).handed_back == 0
