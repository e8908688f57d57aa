"""E-mails are not kept. They are written again from the records as they were: word for word what was sent."""

from collections.abc import Callable
from typing import Any

import pytest

from cli.dashboard.as_it_was import customer_at, months_at
from cli.dashboard.sent_mails import as_sent
from cli.system import Notes, System
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.month import Notice
from monthclose.ports import Collected, Mail
from tests.fakes import reversed_by_the_bank
from tests.unit.invoices.regenerating import WHY, regenerated
from tests.unit.invoices.regenerating import closed as priced_and_closed
from tests.unit.invoices.test_correct_invoice import INV, settle_method
from tests.world import OCTOBER, SETTINGS, World

REFERENCE = "pi_2026-10/acme_1"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def closed(method: str, amount: str = "100") -> World:
    world = World()
    world.use(world.add_customer("acme", method=method), amount)
    world.close()
    return world


def system_of(world: World) -> System:
    log: Any = Notes()
    return System(world.use_cases, "arn:state-machine", frozenset({"stripe"}), ask=log, collections="")


def written_again(world: World, customer_id: str = "acme") -> list[tuple[Mail, Mail]]:
    """Pair what was sent with what is written now, for every e-mail of a customer."""
    customer, months = world.customer(customer_id), world.books.months(customer_id)
    notices = [notice for month in months.values() for notice in month.notices if notice.message_id]
    return [(_sent(world, one), as_sent(system_of(world), customer, months, one)) for one in notices]


def _sent(world: World, notice: Notice) -> Mail:
    return world.mailer.sent[int(notice.message_id.removeprefix("message-")) - 1]


def days_of_dunning(world: World, days: int = 25) -> None:
    for _ in range(days):
        world.clock.pass_time(days=1)
        world.collect()


def a_card_that_is_declined_until_the_hold() -> World:
    world = closed("declined")
    days_of_dunning(world)
    return world


def a_card_that_was_replaced_and_paid() -> World:
    world = closed("declined")
    days_of_dunning(world, 4)
    settle_method(world, "ok")
    days_of_dunning(world, 2)
    return world


def a_debit_that_comes_in() -> World:
    world = closed("debit")
    world.clock.pass_time(days=4)
    world.gateway.settle(REFERENCE, Collected(usd(10_000)))
    world.settle(everyone=True)
    world.reconcile()
    days_of_dunning(world, 2)
    return world


def a_payment_that_the_bank_reverses() -> World:
    world = closed("ok")
    world.clock.pass_time(days=9)
    world.gateway.settle(REFERENCE, reversed_by_the_bank(usd(10_000)))
    world.reconcile()
    days_of_dunning(world, 4)
    return world


def credit_and_a_transfer_after_the_mail() -> World:
    world = closed("declined")
    world.clock.pass_time(hours=5)
    world.cashier.credit("acme", usd(2_500), "sorry")
    days_of_dunning(world, 4)
    world.cashier.record("acme", usd(20_000), "transfer 1")
    days_of_dunning(world, 2)
    return world


def a_credit_note_and_what_came_after() -> World:
    world = closed("declined")
    world.clock.pass_time(days=2)
    world.teller.tell(world.corrector.credit(INV, usd(2_500), "an outage"))
    world.clock.pass_time(days=2)
    world.cashier.record("acme", usd(7_500), "transfer 1")
    days_of_dunning(world, 2)
    return world


def a_customer_who_must_confirm() -> World:
    world = closed("authenticate")
    days_of_dunning(world, 12)
    return world


def nobody_to_charge() -> World:
    world = closed("")
    days_of_dunning(world, 12)
    return world


STORIES = (
    a_card_that_is_declined_until_the_hold,
    a_card_that_was_replaced_and_paid,
    a_debit_that_comes_in,
    a_payment_that_the_bank_reverses,
    credit_and_a_transfer_after_the_mail,
    a_credit_note_and_what_came_after,
    a_customer_who_must_confirm,
    nobody_to_charge,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_mail_is_written_again_word_for_word(story: Callable[[], World]) -> None:
    pairs = written_again(story())
    assert pairs
    for sent, again in pairs:
        assert (again.subject, again.text) == (sent.subject, sent.text)
        assert again.html == sent.html


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_an_account_as_it_is_now_is_what_it_was_a_moment_ago(story: Callable[[], World]) -> None:
    world = story()
    customer, months, now = world.customer("acme"), world.books.months("acme"), world.clock()
    then = customer_at(customer, months, now)
    assert _account(then) == _account(customer)
    assert months_at(months, now) == months


def _account(customer: Customer) -> tuple[object, ...]:
    return customer.receivable_minor, customer.credit_minor, customer.held_since, customer.hold_reason


def test_before_the_close_nothing_was_owed() -> None:
    world = closed("declined")
    customer, months = world.customer("acme"), world.books.months("acme")
    before = months_at(months, OCTOBER.start)[OCTOBER]
    assert not customer_at(customer, months, OCTOBER.start).balance
    assert before.invoice is None
    assert before.entries == ()


def test_the_mail_about_a_replaced_invoice_says_what_it_said() -> None:
    world = priced_and_closed("ok")
    world.clock.pass_time(days=1)
    invoice = regenerated(world, "1.2")
    world.clock.pass_time(hours=1)
    assert world.teller.tell_replacement(invoice, WHY)
    sent, again = written_again(world)[-1]
    assert (again.subject, again.text) == (sent.subject, sent.text)


def test_a_link_in_a_mail_does_not_open_the_customers_invoice() -> None:
    world = World(links=SETTINGS.links)
    world.use(world.add_customer("acme"), "100")
    world.close()
    [(sent, again)] = written_again(world)
    assert "https://invoices.example.com/" in sent.text
    assert "https://invoices.example.com/" not in again.text + again.html
    assert "https://link.invalid/" in again.text


def test_a_mail_whose_records_are_gone_says_so() -> None:
    world = closed("ok")
    months, notice = dict(world.books.months("acme")), world.month("acme").notice
    assert notice
    months[OCTOBER] = months[OCTOBER].__class__(notice=notice)
    with pytest.raises(UserMistakeError, match="can no longer be written as it was"):
        as_sent(system_of(world), world.customer("acme"), months, notice)
