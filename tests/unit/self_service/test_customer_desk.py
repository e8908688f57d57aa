"""What customers ask for by their link, and the answer: done, try later, not possible, or not with that link."""

from collections import Counter
from dataclasses import replace

import pytest

from monthclose.domain.invoices.link import LinkKeys
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.errors import (
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.handlers import act_for_customer
from monthclose.ports import Answer, ChargeOrder, PageAnswer
from monthclose.use_cases.invoices.invoice_links import LinkWriter
from tests.fakes import reversed_by_the_bank
from tests.unit.test_handlers import FakeContext
from tests.world import OCTOBER, SETTINGS, World


def a_world(method: str = "declined") -> World:
    """One customer, whose October invoice the close has charged."""
    world = World(links=SETTINGS.links)
    world.use(world.add_customer("acme", method=method), "100")
    world.close()
    return world


def ask(world: World, asked: str, token: str = "") -> dict[str, str]:
    """Ask for something by the link to the invoice."""
    invoice = world.month("acme").invoice
    assert invoice
    assert world.links
    writer = LinkWriter(world.link_secrets, world.clock, world.links.url, 400)
    token = token or writer(invoice).rpartition("/")[2]
    return world.use_cases.customer_desk.serve({"token": token, "asked": asked})


def attempts(world: World) -> int:
    return sum(payment.attempt for payment in world.month("acme").payments)


def test_the_provider_sends_them_back_to_the_page_of_their_invoice() -> None:
    world = a_world()
    assert ask(world, "details") == {"to": "https://pages.example.com/page_1"}
    back = world.pages.orders["page_1"].back
    assert back.startswith("https://invoices.example.com/v1.k1.")
    assert back.endswith("?from=provider")


def test_the_provider_is_asked_once_in_a_while_however_often_somebody_says_that_they_are_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = a_world("authenticate")
    ask(world, "pay")
    ask(world, "details")
    looked_up, charged = Counter[str](), Counter[str]()
    page_of, charge_of = world.pages.look_up, world.gateway.look_up

    def page(reference: str) -> PageAnswer:
        looked_up[reference] += 1
        return page_of(reference)

    def charge(order: ChargeOrder) -> Answer:
        charged[order.payment_id] += 1
        return charge_of(order)

    monkeypatch.setattr(world.pages, "look_up", page)
    monkeypatch.setattr(world.gateway, "look_up", charge)
    assert [ask(world, "return")["said"] for _ in range(10)] == ["checked"] * 10
    assert (looked_up.total(), charged.total()) == (1, 1)
    world.clock.pass_time(seconds=6)
    ask(world, "return")
    assert (looked_up.total(), charged.total()) == (2, 2)


def test_a_charge_that_is_refused_again_says_so_and_writes_no_second_e_mail() -> None:
    world = a_world()
    sent = len(world.mailer.sent)
    assert ask(world, "pay") == {"said": "declined"}
    assert len(world.mailer.sent) == sent
    assert attempts(world) == 2


def test_a_charge_that_the_bank_wants_confirmed_leads_there_and_leaves_no_lease() -> None:
    world = a_world("authenticate")
    assert ask(world, "pay") == {"to": "https://bank.example.com/2026-10/acme"}
    assert world.customer("acme").open_payment == ""


def test_where_no_page_of_the_bank_can_be_reached_payment_details_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = a_world("authenticate")
    outcome = world.gateway._outcome
    monkeypatch.setattr(world.gateway, "_outcome", lambda order: outcome(replace(order, back="")))
    assert ask(world, "pay") == {"to": "https://pages.example.com/page_1"}


def test_a_customer_who_abandons_the_confirmation_is_reminded_and_dunned_as_before() -> None:
    world = a_world("authenticate")
    ask(world, "pay")
    world.clock.pass_time(days=1)
    world.reminder_sender.send(["acme"], world.clock().date(), frozenset())
    assert "confirm" in world.mailer.sent[-1].subject


def test_an_invoice_is_charged_by_its_link_a_few_times_a_day_and_then_only_details_help() -> None:
    world = a_world()
    answers = [ask(world, "pay")["said"] for _ in range(8)]
    assert answers[:4] == ["declined"] * 4
    assert answers[5:] == ["checked"] * 3
    assert attempts(world) == 5
    world.clock.pass_time(days=2)
    assert ask(world, "pay") == {"said": "declined"}


@pytest.mark.parametrize("method", ["ok", "debit"])
def test_nothing_is_charged_for_an_invoice_that_is_paid_or_being_collected(method: str) -> None:
    world = a_world(method)
    before = dict(world.books.records)
    assert ask(world, "pay") == {"said": "checked"}
    assert world.books.records == before


def test_money_that_the_bank_reversed_is_paid_again_by_another_payment() -> None:
    world = a_world("ok")
    [payment] = world.month("acme").payments
    world.gateway.settle(payment.provider_ref, reversed_by_the_bank(Money(10_000, "USD")))
    world.charger.look_up(PaymentKey("acme", OCTOBER))
    assert ask(world, "pay") == {"said": "paid"}
    assert [p.state for p in world.month("acme").payments] == [PaymentState.REVERSED, PaymentState.PAID]


def test_charging_that_a_person_has_paused_waits_and_looking_up_goes_on() -> None:
    world = a_world()
    world.use_cases.pause_provider("stripe", "ada", "")
    world.clock.pass_time(seconds=10)
    assert ask(world, "pay") == {"said": "later"}
    assert attempts(world) == 1
    assert ask(world, "return") == {"said": "checked"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TryLaterError("busy"), "later"),
        (ProviderDownError("down"), "later"),
        (OutcomeUnknownError("lost"), "later"),
        (OrderRefusedError("invalid_currency"), "unavailable"),
        (ProviderRefusedError("the key was revoked"), "unavailable"),
    ],
)
def test_a_page_that_cannot_be_made_says_whether_to_try_again(error: Exception, said: str) -> None:
    world = a_world()
    world.pages.failures.append(error)
    assert ask(world, "details") == {"said": said}


def test_a_charge_whose_answer_was_lost_is_left_to_the_reconciler() -> None:
    world = a_world()
    world.add_customer("acme", method="ok")
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("lost")]
    assert ask(world, "pay") == {"said": "unknown"}
    assert ask(world, "pay") == {"said": "checked"}
    world.clock.pass_time(minutes=10)
    world.settler.settle()
    assert len(world.gateway.money_moved) == 1
    assert world.customer("acme").receivable_minor == 0


def test_a_link_that_is_not_ours_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world()
    monkeypatch.setattr(world.books, "customer", lambda _: pytest.fail("an account was read"))
    assert ask(world, "pay", "v1.k1.e30." + "A" * 43) == {"said": "refused"}


def test_a_link_whose_key_was_removed_does_nothing() -> None:
    world = a_world()
    invoice = world.month("acme").invoice
    assert invoice
    assert world.links
    token = LinkWriter(world.link_secrets, world.clock, world.links.url, 400)(invoice).rpartition("/")[2]
    world.link_secrets.keys = LinkKeys("k2", {"k2": "b" * 64})
    assert ask(world, "pay", token) == {"said": "refused"}


def test_the_handler_answers_and_logs_neither_token_nor_customer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = a_world()
    monkeypatch.setattr(act_for_customer, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(act_for_customer, "runtime", lambda: world)
    invoice = world.month("acme").invoice
    assert invoice
    assert world.links
    token = LinkWriter(world.link_secrets, world.clock, world.links.url, 400)(invoice).rpartition("/")[2]
    answer = act_for_customer.handler({"token": token, "asked": "details"}, FakeContext())  # type: ignore[arg-type]
    assert answer == {"to": "https://pages.example.com/page_1"}
    logged = str([record.__dict__ for record in caplog.records])
    assert "a customer's request" in logged
    assert token not in logged
    assert "acme" not in logged
