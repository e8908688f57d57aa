"""A bank debit of one month is under way when the next month is closed: its customer waits, and nothing is wrong."""

import pytest

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from monthclose.ports import Collected, Refused
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next
FIRST = "pi_2026-10/acme_1"


@pytest.fixture
def world() -> World:
    """October's debit is under way, and November has been closed."""
    world = World()
    world.use(world.add_customer("acme", method="debit"), "100")
    world.use(world.add_customer("zeta"), "10", period=NOVEMBER)
    world.close()
    world.use("acme", "50", period=NOVEMBER)
    world.clock.now = NOVEMBER.end
    world.close(NOVEMBER, "execution-2")
    return world


def test_waiting_customers_wait_in_one_round_and_the_report_says_for_what(world: World) -> None:
    close = world.closes.get(NOVEMBER)
    assert close
    assert close.round == 1  # no repair round waits a minute for what takes days
    assert close.status is CloseStatus.WAITING
    assert not world.month("acme", NOVEMBER).parked
    report = world.reconcile(NOVEMBER).report
    assert report["proof"]["ties"]
    assert report["unfinished"]["in_all"] == 0
    [end] = report["waiting"]["customers"]
    assert end["customer_id"] == "acme"
    assert end["what"] == "payment 2026-11/acme starts once payment 2026-10/acme, now under way, has ended"


@pytest.mark.parametrize("outcome", [Collected(Money(10_000, "USD")), Refused("insufficient_funds")])
def test_once_the_payment_has_ended_they_are_charged_and_notified_and_the_close_completes(
    world: World, outcome: Collected | Refused
) -> None:
    world.gateway.settle(FIRST, outcome)
    world.add_customer("acme", method="ok")
    for _ in range(2):
        world.clock.pass_time(hours=1)
        world.settle(everyone=True)
    payment = world.month("acme", NOVEMBER).payment
    assert payment
    assert (payment.state, payment.waits_for) == (PaymentState.PAID, "")
    assert world.reconcile(NOVEMBER).report["status"] == "completed"
    assert [notice.kind for notice in world.month("acme", NOVEMBER).notices] == ["receipt"]


def test_a_debit_of_the_month_itself_is_awaited_and_the_close_completes() -> None:
    world = World()
    world.use(world.add_customer("acme", method="debit"), "100")
    report = world.close()
    assert report["status"] == "completed"
    [end] = report["waiting"]["customers"]
    assert end["what"] == "stripe is collecting 100.00 USD (payment 2026-10/acme)"
    assert end["since"] == world.clock.now.isoformat()


def test_closing_again_while_they_wait_parks_nobody_and_charges_nobody(world: World) -> None:
    moved = list(world.gateway.money_moved)
    report = world.close(NOVEMBER, "execution-3")
    assert report["status"] == "waiting"
    assert report["parked"] == {}
    assert world.gateway.money_moved == moved
