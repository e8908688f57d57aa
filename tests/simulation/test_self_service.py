"""Customers who pay by their link, or give a new payment method, while processes die and others charge them, too.

Whatever happens at whatever point, they are charged exactly once, the books tie with the provider's, no lease is left.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import BeingChargedError
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.own_payment import new_payment
from tests.fakes import FakeGateway
from tests.simulation.providers import TWINS
from tests.simulation.universe import CUSTOMER, KEY, SOON, TOTAL, Universe, story
from tests.world import OCTOBER


class Scene(NamedTuple):
    """What a customer does, and how their first charge ended."""

    provider: str
    first: str
    """The payment method that the close has charged."""
    gives: str = ""
    """The one that they give; empty if they press the button that charges the first one."""

    def __str__(self) -> str:
        return f"{self.provider}: {self.first}, {self.gives or 'pays'}"

    def begun(self) -> tuple[Universe, Callable[[], object]]:
        """Let the close's charge be refused; returns what the process does that the customer sets off."""
        universe = Universe(TWINS[self.provider], self.first)
        with universe.process():
            universe.charger.charge(KEY)
        universe.heal(SOON)
        assert universe.payments[0].state in (PaymentState.DECLINED, PaymentState.ACTION_REQUIRED)
        if not self.gives:
            return universe, universe.pay
        page = universe.give(self.gives)
        return universe, lambda: universe.hear_of(page)


GIVING = [Scene("stripe", "refused", "pays"), Scene("stripe", "asks", "pays"), Scene("gocardless", "refused", "pays")]
PAYING = [Scene("stripe", "asks")]
SCENES = [*GIVING, *PAYING]


def points(scene: Scene) -> Iterator[tuple[int, str]]:
    """Name the points that the process passes."""
    universe, act = scene.begun()
    with universe.process() as fuse:
        act()
    return enumerate(fuse.passed)


def ends_well(universe: Universe, act: Callable[[], object], *, in_full: bool = True) -> None:
    """Let it be tried again, as a queue or a customer does, the customer authenticate, and time pass."""
    for _ in range(2):
        with universe.process():
            act()
        universe.twin.authenticate()
        universe.heal(SOON)
    with universe.process():  # the daily collections charge what waited for a bank debit
        universe.use_cases.collector(universe.gateway.provider).collect([CUSTOMER], universe.clock().date())
    universe.heal(SOON)
    account, told = universe.customer, story(universe)
    assert sum(universe.moved()) == TOTAL - account.receivable_minor, told
    assert (account.credit_minor, in_full and account.receivable_minor) == (0, 0), told
    assert not account.open_payment, told
    assert not universe.findings(), told


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_the_process_that_a_customer_sets_off_may_die_at_every_point(scene: Scene) -> None:
    for number, _ in points(scene):
        universe, act = scene.begun()
        with universe.process(dies_at=number):
            act()
        ends_well(universe, act)


def others_charge(universe: Universe) -> None:
    """The daily collections and the reconciler charge the same payment."""
    with universe.process():
        universe.charger.charge(KEY, again=True)
    with universe.process():
        universe.charger.look_up(KEY, go_on=True)


def a_person_charges(universe: Universe) -> None:
    """Support charges a part by hand."""
    with universe.process():
        universe.cashier.pay(CUSTOMER, Money(4_000, "USD"))


def the_customer_clicks_again(universe: Universe) -> None:
    """They press the button in another tab, and confirm what it asks for."""
    with universe.process():
        universe.pay()
    universe.twin.authenticate()


def the_customer_gives_a_method(universe: Universe) -> None:
    """They give a payment method in another tab, and its webhook is heard of."""
    page = universe.give("pays")
    with universe.process():
        universe.hear_of(page)


MEANWHILE = [others_charge, a_person_charges, the_customer_clicks_again, the_customer_gives_a_method]


@pytest.mark.parametrize("scene", SCENES, ids=str)
@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda deed: deed.__name__)
def test_it_may_be_suspended_at_every_point_while_the_same_money_is_charged_elsewhere(
    scene: Scene, meanwhile: Callable[[Universe], None]
) -> None:
    for number, _ in points(scene):
        universe, act = scene.begun()
        paused, go_on = threading.Event(), threading.Event()

        def late_worker(universe: Universe, act: Callable[[], object], pause: tuple[int, ...]) -> None:
            with universe.process() as fuse:
                fuse.pause = (pause[0], paused, go_on)  # noqa: B023 - joined in the same turn of the loop
                act()

        worker = threading.Thread(target=late_worker, args=(universe, act, (number,)))
        worker.start()
        assert paused.wait(20)
        meanwhile(universe)
        go_on.set()
        worker.join(20)
        assert not worker.is_alive()
        ends_well(universe, act, in_full=meanwhile is not a_person_charges)  # the rest of what they charge may stay


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_a_bank_page_left_open_cannot_collect_what_another_method_has_paid_meanwhile(scene: Scene) -> None:
    universe, pay = scene.begun()
    with universe.process():
        assert pay()
    the_customer_gives_a_method(universe)
    assert universe.moved() == [TOTAL]
    universe.twin.authenticate()  # the page in the first tab: Stripe knows that the order is paid
    ends_well(universe, pay)


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_what_is_confirmed_is_the_amount_due_at_the_click_and_not_the_invoices(scene: Scene) -> None:
    universe, pay = scene.begun()
    universe.grant(3_000)
    with universe.process():
        assert pay()
    universe.twin.authenticate()
    universe.heal(SOON)
    assert universe.moved() == [TOTAL - 3_000]
    assert not universe.findings(), story(universe)


def with_an_open_page(scene: Scene) -> Universe:
    """Let the customer press the button, and leave the bank's page open."""
    universe, pay = scene.begun()
    assert pay()
    return universe


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_a_bank_page_left_open_collects_nothing_once_a_transfer_has_paid_its_invoice(scene: Scene) -> None:
    universe = with_an_open_page(scene)
    universe.cashier.record(CUSTOMER, Money(TOTAL, "USD"), "transfer 1")
    universe.heal(SOON)
    universe.twin.authenticate()
    universe.heal(SOON)
    assert universe.moved() == [], story(universe)
    assert (universe.customer.receivable_minor, universe.customer.open_payment) == (0, "")


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_a_bank_page_left_open_does_not_collect_what_was_credited_since(scene: Scene) -> None:
    universe = with_an_open_page(scene)
    universe.grant(3_000)
    universe.heal(SOON)
    universe.twin.authenticate()
    universe.heal(SOON)
    assert universe.moved() == [], story(universe)
    assert universe.pay()
    universe.twin.authenticate()
    universe.heal(SOON)
    assert universe.moved() == [TOTAL - 3_000], story(universe)
    assert not universe.findings(), story(universe)


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_the_daily_collections_withdraw_a_charge_whose_amount_is_no_longer_due(scene: Scene) -> None:
    universe = with_an_open_page(scene)
    universe.grant(3_000)
    universe.books.commit(universe.customer.released_by(universe.payments[0].payment_id))
    universe.clock.now += timedelta(days=1)  # no reminder is due
    universe.use_cases.collector(scene.provider).collect([CUSTOMER], universe.clock().date())
    universe.twin.authenticate()
    universe.heal(SOON)
    assert universe.moved() == [], story(universe)


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_another_provider_charges_nobody_before_their_bank_page_is_withdrawn(scene: Scene) -> None:
    universe = with_an_open_page(scene)
    profile = replace(universe.customer.profile, payment_provider="gocardless", payment_method="ok")
    universe.books.commit(replace(universe.customer, profile=profile))
    other = FakeGateway(one_order_per_payment=False)
    other.provider = "gocardless"
    charger, key = (
        Charger(universe.books, other, universe.clock),
        new_payment(universe.books, universe.customer, OCTOBER),
    )
    with pytest.raises(BeingChargedError):
        charger.charge(key)
    assert (
        universe.charger.look_up(KEY, go_on=True) is PaymentState.ACTION_REQUIRED
    )  # the reconciler, with Stripe's key
    universe.twin.authenticate()
    assert charger.charge(key) is PaymentState.PAID
    assert (universe.moved(), len(other.money_moved)) == ([], 1), story(universe)


@pytest.mark.parametrize("scene", PAYING, ids=str)
def test_a_bank_page_that_was_completed_first_is_the_one_that_counts(scene: Scene) -> None:
    universe = with_an_open_page(scene)
    profile = replace(universe.customer.profile, payment_provider="gocardless", payment_method="ok")
    universe.books.commit(replace(universe.customer, profile=profile))
    other = FakeGateway(one_order_per_payment=False)
    other.provider = "gocardless"
    charger, key = (
        Charger(universe.books, other, universe.clock),
        new_payment(universe.books, universe.customer, OCTOBER),
    )
    universe.twin.authenticate()
    with pytest.raises(BeingChargedError):
        charger.charge(key)
    assert universe.charger.look_up(KEY, go_on=True) is PaymentState.PAID
    assert charger.charge(key) is PaymentState.NOTHING_DUE
    assert (universe.moved(), other.money_moved) == ([TOTAL], []), story(universe)
