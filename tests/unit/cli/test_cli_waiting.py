"""A customer whose bank debit of one month is still under way when the next month is closed: what people are told."""

import pytest

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import ProviderDownError, ProviderPausedError, TryLaterError
from monthclose.ports import Collected
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    world.add_customer("acme", method="debit")
    world.use("acme", "10")
    world.use("acme", "20", period=NOVEMBER)
    world.close()
    world.clock.now = NOVEMBER.end
    world.close(NOVEMBER, "execution-2")
    world.clock.pass_time(minutes=15)


def test_a_customer_with_a_payment_under_way_waits_and_is_not_parked(monthclose: Command) -> None:
    story = monthclose.json("customer", "acme", "--json")["happened"]
    assert "parked" not in {happening["kind"] for happening in story}
    said = monthclose("report", "2026-11", "--findings").stdout
    assert "payment 2026-11/acme starts once payment 2026-10/acme, now under way, has ended" in said
    assert monthclose("status", "2026-11").stdout.startswith("2026-11 waiting")


def test_paying_meanwhile_says_which_payment_is_under_way_since_when_and_how_much(
    monthclose: Command, world: World
) -> None:
    said = monthclose("pay", "acme", exit_code=4).stdout
    assert (
        "nothing was charged; payment 2026-10/acme of 10.00 USD by stripe has been under way since 2026-11-01 00:00 UTC"
        in said
    )
    assert world.month("acme").manual == world.month("acme", NOVEMBER).manual == ()


def test_once_the_payment_has_ended_the_reconciler_starts_the_other(monthclose: Command, world: World) -> None:
    debit = world.month("acme").payment
    assert debit
    world.gateway.settle(debit.provider_ref, Collected(debit.amount))

    monthclose("reconcile", "--now")
    world.clock.pass_time(minutes=15)
    monthclose("reconcile", "--now")

    after = world.month("acme", NOVEMBER).payment
    assert after
    assert after.state is PaymentState.PENDING


def test_reconciling_names_customers_whose_payment_could_not_start(monthclose: Command) -> None:
    said = monthclose("reconcile").stdout

    assert "1 payment not started: the customer is being charged for another one" in said
    assert "Error" not in said
    assert "run it again" not in said


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            TryLaterError("down"),
            "1 payment could not be looked up: the provider or AWS was briefly unavailable, see above; run it again",
        ),
        (
            ProviderDownError("down"),
            "1 payment could not be looked up: the provider cannot be reached or is failing; run it again",
        ),
        (ProviderPausedError("down", 60), "2 payments not looked up: stripe is paused for the moment, see: "),
        (
            RuntimeError("oops"),
            "1 payment could not be looked up: a defect (RuntimeError), described above; run it again",
        ),
    ],
)
def test_problems_are_reported_in_words(monthclose: Command, world: World, error: Exception, message: str) -> None:
    world.gateway.failures["look_up", "before"] = [error]
    assert message in monthclose("reconcile", "--now").stdout
