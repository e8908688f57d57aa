"""What a person does to an account by hand, before, during and after a close charges it."""

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import OutcomeUnknownError, TryLaterError
from monthclose.ports import InProgress
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

S = PaymentState


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.fixture
def world() -> World:
    """One customer whose October invoice is for 100.00."""
    world = World()
    world.use(world.add_customer("acme"), "100")
    return world


def with_the_charge_queued(world: World) -> int:
    """Open the close and generate the invoice; the message to charge it is on its way."""
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    return batch.number


def the_rest_of_the_close(world: World, batch: int) -> Report:
    world.batch_charger.charge(OCTOBER, batch, 1)
    world.sender.send(OCTOBER, batch, 1)
    world.keeper.apply(OCTOBER, batch, 1)
    return world.reporter.report(OCTOBER, 1)


def moved(world: World) -> list[int]:
    return [amount.minor for _, amount in world.gateway.money_moved]


def test_a_customer_who_pays_by_hand_while_the_charge_is_queued_is_not_charged_again(world: World) -> None:
    batch = with_the_charge_queued(world)

    [payment] = world.cashier.pay("acme")
    report = the_rest_of_the_close(world, batch)

    assert (payment.state, payment.payment_id) == (S.PAID, "2026-10.2/acme")
    assert moved(world) == [10_000]
    month = world.month("acme")
    assert month.payment
    assert month.payment.state is S.NOTHING_DUE
    assert len(world.mailer.sent) == 1
    assert report["status"] == "completed"


def test_a_customer_who_pays_a_part_by_hand_is_charged_the_rest(world: World) -> None:
    batch = with_the_charge_queued(world)

    world.cashier.pay("acme", usd(4_000))
    report = the_rest_of_the_close(world, batch)

    assert moved(world) == [4_000, 6_000]
    assert len(world.mailer.sent) == 1
    assert report["status"] == "completed"
    assert world.customer("acme").balance.minor == 0


def test_money_received_outside_while_the_charge_is_queued_is_not_charged(world: World) -> None:
    batch = with_the_charge_queued(world)
    world.cashier.record("acme", usd(3_000), "SEPA 4711")
    world.cashier.credit("acme", usd(500), "the outage of the 7th")
    report = the_rest_of_the_close(world, batch)
    assert moved(world) == [6_500]
    assert report["status"] == "completed"
    assert report["money"]["USD"]["credited"] == 3_500


def test_money_received_outside_in_full_leaves_nothing_to_charge(world: World) -> None:
    batch = with_the_charge_queued(world)
    world.cashier.record("acme", usd(12_000), "SEPA 4711")
    the_rest_of_the_close(world, batch)
    assert moved(world) == []
    assert world.customer("acme").credit_minor == 2_000
    assert len(world.mailer.sent) == 1


def test_the_same_bank_reference_is_booked_once(world: World) -> None:
    world.close()
    world.cashier.record("acme", usd(100), "SEPA 4711")
    told = "'SEPA 4711' was already booked for customer acme: 1.00 USD on 2026-11-01"
    with pytest.raises(UserMistakeError, match=told):
        world.cashier.record("acme", usd(250), "SEPA 4711")
    assert world.customer("acme").credit_minor == 100


def test_one_transfer_may_pay_for_several_customers(world: World) -> None:
    world.add_customer("globex")
    for customer in ("acme", "globex"):
        world.cashier.record(customer, usd(100), "SEPA 4711")
    assert world.customer("globex").credit_minor == 100


def test_while_a_payment_is_in_flight_nobody_else_charges_and_credit_waits_for_its_outcome(world: World) -> None:
    batch = with_the_charge_queued(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("answer lost")]
    world.batch_charger.charge(OCTOBER, batch, 1)

    with pytest.raises(TryLaterError, match="is being charged for 2026-10/acme"):
        world.cashier.pay("acme")
    world.cashier.credit("acme", usd(1_000), "sorry")
    month = world.month("acme")
    assert month.invoice
    assert month.invoice.credited_minor == 0

    the_rest_of_the_close(world, batch)
    assert moved(world) == [10_000]
    assert world.customer("acme").credit_minor == 1_000
    assert world.customer("acme").open_payment == ""


def test_a_payment_that_could_not_begin_is_resumed_and_not_doubled(world: World) -> None:
    batch = with_the_charge_queued(world)
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("answer lost")]
    world.batch_charger.charge(OCTOBER, batch, 1)
    for _ in range(2):
        with pytest.raises(TryLaterError):
            world.cashier.pay("acme")
    assert [payment.sequence for payment in world.month("acme").payments] == [1, 2]


def test_an_old_charge_awaiting_its_customer_is_withdrawn_before_they_pay_by_hand() -> None:
    world = World()
    world.use(world.add_customer("acme", method="authenticate"), "100")
    world.close()
    old = world.month("acme").payment
    assert old
    assert old.state is S.ACTION_REQUIRED
    world.add_customer("acme", method="ok")

    world.cashier.pay("acme")

    assert moved(world) == [10_000]
    assert world.gateway.outcomes[old.provider_ref] != InProgress()
    assert getattr(world.gateway.outcomes[old.provider_ref], "code", "") == "canceled"


def test_paying_by_hand_pays_the_oldest_invoice_first_and_stops_at_the_amount() -> None:
    world = World()
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.use("acme", "50", period=OCTOBER.next)
    world.clock.pass_time(days=31)
    world.close(OCTOBER.next, "execution-2")
    world.add_customer("acme", method="ok")

    payments = world.cashier.pay("acme", usd(12_000))

    assert [(str(p.period), p.collected_minor) for p in payments] == [("2026-10", 10_000), ("2026-11", 2_000)]
    assert world.customer("acme").balance.minor == 3_000


def test_the_status_shows_a_payment_by_hand_at_once() -> None:
    world = World()
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.add_customer("acme", method="ok")
    world.cashier.pay("acme")
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.money["USD"]["collected"] == 10_000


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (Money(0, "USD"), "more than zero"),
        (Money(-5, "USD"), "more than zero"),
        (Money(5, "EUR"), "billed in USD"),
    ],
)
def test_an_impossible_amount_is_refused(world: World, amount: Money, message: str) -> None:
    world.close()
    for act in (
        lambda: world.cashier.pay("acme", amount),
        lambda: world.cashier.record("acme", amount, "ref"),
        lambda: world.cashier.credit("acme", amount, "why"),
    ):
        with pytest.raises(UserMistakeError, match=message):
            act()


def test_a_customer_who_does_not_exist_or_owes_nothing_cannot_be_charged(world: World) -> None:
    with pytest.raises(UserMistakeError, match="there is no customer 'nobody'"):
        world.cashier.pay("nobody")
    with pytest.raises(UserMistakeError, match="has no open invoice"):
        world.cashier.pay("acme")
