"""Charges that a customer could still confirm at their bank: the reconciler withdraws those that are no longer due."""

from collections.abc import Callable

import pytest

from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import CANCELED, PaymentState
from monthclose.errors import ProviderDownError
from monthclose.ports import Collected, Refused
from tests.world import OCTOBER, World

NUMBER, REASON = "INV-00000001", "billed twice"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.fixture
def world() -> World:
    """A customer who has the page of their bank open, for 100 dollars."""
    world = World()
    world.use(world.add_customer("acme", method="authenticate"), "100")
    world.close()
    assert world.use_cases.charges_at_once.pay("acme", OCTOBER, "https://back").confirm_at
    assert world.customer("acme").open_payment == ""
    return world


def reference(world: World) -> str:
    [payment] = world.month("acme").payments
    return payment.provider_ref


DEEDS: list[Callable[[World], object]] = [
    lambda world: world.use_cases.writer_off.write_off(NUMBER, None, REASON, mail=False),
    lambda world: world.use_cases.writer_off.write_off(NUMBER, usd(1_000), REASON, mail=False),
    lambda world: world.use_cases.cashier.record("acme", usd(10_000), "transfer 1"),
    lambda world: world.use_cases.cashier.credit("acme", usd(2_500), REASON, GrantKind.GOODWILL),
    lambda world: world.corrector.credit(NUMBER, usd(2_500), REASON),
    lambda world: world.corrector.credit(NUMBER, None, REASON),
]


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_person_settles_otherwise_is_withdrawn(world: World, deed: Callable[[World], object]) -> None:
    order = reference(world)
    deed(world)
    settled = world.settle()
    assert world.gateway.outcomes[order] == Refused(CANCELED)
    assert settled.findings == []
    assert (world.customer("acme").open_payment, reference(world)) == ("", "")


def test_what_cannot_be_withdrawn_now_is_withdrawn_by_the_next_run(world: World) -> None:
    order = reference(world)
    DEEDS[0](world)
    world.gateway.failures["withdraw", "before"] = [ProviderDownError("down")]
    world.settle()
    assert world.customer("acme").open_payment
    world.settle()
    assert world.gateway.outcomes[order] == Refused(CANCELED)
    assert not world.customer("acme").open_payment


def test_what_was_confirmed_before_it_could_be_withdrawn_is_the_customers_credit(world: World) -> None:
    DEEDS[2](world)
    world.gateway.settle(reference(world), Collected(usd(10_000)))
    world.settle()
    account = world.customer("acme")
    assert (account.receivable_minor, account.credit_minor, account.open_payment) == (0, 10_000, "")
    [payment] = world.month("acme").payments
    assert payment.state is PaymentState.PAID


def test_what_is_still_due_in_full_stays_confirmable(world: World) -> None:
    order = reference(world)
    world.settle()
    world.collector.collect(["acme"], world.clock().date())
    assert world.gateway.outcomes[order] != Refused(CANCELED)
    assert reference(world) == order
