"""What support may say: true on that day, in words that a customer understands, with what support should know."""

from datetime import timedelta

import pytest

from cli.dashboard.support import Sentence, support_says
from monthclose.domain.money import Money
from tests.unit.dashboard.test_sent_mails import closed, days_of_dunning, usd
from tests.world import World


def said(world: World, customer_id: str = "acme", *, can_charge: bool = True) -> list[Sentence]:
    customer, months = world.customer(customer_id), world.books.months(customer_id)
    return support_says(customer, months, world.dunning, world.clock().date(), can_charge=can_charge)


def to_customer(world: World) -> str:
    return " ".join(sentence.text for sentence in said(world) if sentence.to_customer)


def for_support(world: World) -> str:
    return " ".join(sentence.text for sentence in said(world) if not sentence.to_customer)


def test_somebody_who_paid_owes_nothing() -> None:
    assert said(closed("ok")) == [Sentence("You owe nothing.")]


def test_credit_is_for_the_next_invoice() -> None:
    world = closed("ok")
    world.cashier.credit("acme", usd(500), "sorry")
    assert to_customer(world) == "You owe nothing, and have 5.00 USD of credit, which your next invoice uses first."


def test_a_decline_is_explained_with_the_day_of_the_next_attempt() -> None:
    world = closed("declined")
    text = to_customer(world)
    assert "You owe 100.00 USD." in text
    assert "100.00 USD of invoice INV-00000001 for October 2026 is open. The payment was declined." in text
    assert "There was not enough money in the account. We try again on 2 November 2026." in text


def test_the_day_that_is_said_is_the_day_on_which_it_is_tried() -> None:
    world = closed("declined")
    attempts = len(world.gateway.money_moved), world.month("acme").payment
    assert "We try again on 2 November 2026." in to_customer(world)
    world.clock.pass_time(days=1)
    world.collect()
    before, after = attempts[1], world.month("acme").payment
    assert before
    assert after
    assert after.attempt == before.attempt + 1


def test_once_no_attempt_is_left_another_method_is_asked_for() -> None:
    world = closed("declined")
    days_of_dunning(world, 12)
    assert "Please use another card or bank account: the link is in our e-mail." in to_customer(world)
    assert "We try again" not in to_customer(world)
    assert "Next, on 15 November 2026: the e-mail “last reminder”." in for_support(world)


def test_a_hold_is_explained_and_how_it_ends() -> None:
    world = closed("declined")
    days_of_dunning(world)
    assert "The hold ends by itself as soon as nothing is overdue." in to_customer(world)
    assert "Nothing more happens by itself: the account is on hold." in for_support(world)


def test_a_hold_by_a_person_is_not_promised_to_end_by_itself() -> None:
    world = closed("ok")
    world.desk.hold("acme", "fraud suspected", "ada")
    assert "fraud" not in to_customer(world)
    assert "by itself" not in to_customer(world)
    assert "ada put it on hold: fraud suspected. A person must release it." in for_support(world)


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("debit", "Your bank is collecting 100.00 USD of invoice INV-00000001 for October 2026."),
        ("authenticate", "Your bank asks you to confirm the payment. The link is in our e-mail."),
        ("", "We have no card or bank account to charge. Please add one: the link is in our e-mail."),
    ],
)
def test_why_something_is_open_is_said(method: str, text: str) -> None:
    assert text in to_customer(closed(method))


def test_a_parked_customer_hears_of_a_delay_and_support_of_the_reason() -> None:
    world = World()
    world.add_customer("acme")
    world.use("acme", "5")
    world.add_customer("other")
    world.change("acme", receivable_minor=1, account_currency="EUR")
    world.close()
    assert "Your invoice for October 2026 is delayed. Nothing has been charged for it." in to_customer(world)
    assert "They are parked in 2026-10 (currency_mismatch)" in for_support(world)


def test_an_address_that_fails_is_asked_for() -> None:
    world = closed("ok")
    world.books.commit(world.customer("acme").without_mail())
    assert "please give us another address" in to_customer(world)


def test_nobody_is_told_of_another_attempt_through_a_provider_that_is_not_connected() -> None:
    world = closed("declined")
    text = " ".join(sentence.text for sentence in said(world, can_charge=False))
    assert "We try again" not in text


def test_what_is_owed_is_said_to_the_minor_unit() -> None:
    world = closed("declined", "1234.56")
    world.clock.pass_time(seconds=timedelta(hours=1).seconds)
    assert Money(123_456, "USD") == world.customer("acme").balance
    assert "You owe 1,234.56 USD." in to_customer(world)
