"""A customer whose bank debit of one month is still under way when the next month is closed: what people are told."""

import pytest

from monthclose.domain.payment import PaymentState
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


def parked(monthclose: Command) -> str:
    [told] = [h["text"] for h in monthclose.json("customer", "acme", "--json")["happened"] if h["kind"] == "parked"]
    return str(told)


def test_the_customer_is_parked_for_the_payment_that_is_under_way(monthclose: Command) -> None:
    told = parked(monthclose)

    assert "payment 2026-11/acme is still ready" in told
    assert "being charged for payment 2026-10/acme" in told
    assert "gone" not in told
    assert "no longer" not in told


def test_once_that_has_ended_the_reconciler_begins_with_the_other(monthclose: Command, world: World) -> None:
    debit = world.month("acme").payment
    assert debit
    world.gateway.settle(debit.provider_ref, Collected(debit.amount))

    monthclose("reconcile", "--now")
    world.clock.pass_time(minutes=15)
    monthclose("reconcile", "--now")

    after = world.month("acme", NOVEMBER).payment
    assert after
    assert after.state is PaymentState.PENDING
    assert parked(monthclose).endswith("(no longer parked)")


def test_reconciling_says_whom_it_could_not_begin_with(monthclose: Command) -> None:
    said = monthclose("reconcile", exit_code=4).stdout

    assert "1 payment not begun with: the customer is being charged for another one" in said
    assert "Error" not in said
    assert "run it again" not in said


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            TryLaterError("down"),
            "1 payment met trouble: the provider or AWS was briefly unable, see above; run it again",
        ),
        (ProviderDownError("down"), "1 payment met trouble: the provider cannot be reached or fails; run it again"),
        (ProviderPausedError("down", 60), "2 payments not asked about: stripe is not asked for the moment, see: "),
        (RuntimeError("oops"), "1 payment met trouble: a defect (RuntimeError), named above; run it again"),
    ],
)
def test_trouble_is_told_in_words(monthclose: Command, world: World, error: Exception, message: str) -> None:
    world.gateway.failures["look_up", "before"] = [error]
    assert message in monthclose("reconcile", "--now", exit_code=4).stdout
