"""Payment methods that customers give on their provider's page: whose they become, and what they replace."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.errors import ConflictError, ProviderDownError, ProviderPausedError, UnfinishedError
from monthclose.ports import ProviderEvent, Record, Refused
from monthclose.use_cases.payments.earlier_orders import order_of
from monthclose.use_cases.self_service.payment_details import DetailsDesk, NoPageError
from monthclose.use_cases.webhooks.apply_event import Result
from tests.fakes import FakePages
from tests.unit.any import NOW
from tests.world import OCTOBER, World

BACK = "https://invoices.example.com/token?from=provider"


def a_world(method: str = "declined") -> World:
    """One customer, whose October invoice the close has charged."""
    world = World()
    world.use(world.add_customer("acme", method=method), "100")
    world.close()
    return world


def desk_of(world: World) -> DetailsDesk:
    return world.use_cases.details_desk


def asked(world: World) -> str:
    """Let the customer ask for a page; returns its reference."""
    desk_of(world).ask("acme", BACK)
    return list(world.pages.orders)[-1]


def given(world: World, method: str = "ok") -> str:
    """Let the customer give a payment method on a page of their own."""
    page = asked(world)
    world.pages.give(page, method)
    return page


def heard(world: World, page: str) -> Result:
    """Apply the webhook of a page, as the handler does."""
    event = ProviderEvent("evt_1", "checkout.session.completed", page, page=page)
    assert world.applier.known(event) is None
    applied = world.applier.book(event)
    if applied.result is Result.BOOKED:
        world.applier.finish(applied)
    return applied.result


def imported(world: World, **changes: Any) -> None:
    """Import the customer's row again, with some changes."""
    world.directory.put_profiles([("acme", replace(world.customer("acme").profile, **changes))])


def test_a_page_is_made_for_the_customer_that_the_provider_knows_and_moves_no_money() -> None:
    world = a_world()
    moved = list(world.gateway.money_moved)
    address = desk_of(world).ask("acme", BACK)
    [(reference, order)] = world.pages.orders.items()
    assert address == f"https://pages.example.com/{reference}"
    assert (order.customer_id, order.payer, order.currency, order.back) == ("acme", "cus_acme", "USD", BACK)
    assert world.customer("acme").method_page == reference
    assert world.gateway.money_moved == moved


def test_a_customer_who_asks_again_at_once_is_sent_to_the_same_page() -> None:
    world = a_world()
    first = desk_of(world).ask("acme", BACK)
    world.clock.pass_time(minutes=1)
    assert [desk_of(world).ask("acme", BACK) for _ in range(20)] == [first] * 20
    assert len(world.pages.orders) == 1
    world.clock.pass_time(minutes=3)
    assert desk_of(world).ask("acme", BACK) != first


def test_a_page_is_not_shared_between_links_nor_after_it_was_answered_or_the_provider_changed() -> None:
    world = a_world()
    asked(world)
    desk_of(world).ask("acme", BACK.replace("token", "other"))
    assert len(world.pages.orders) == 2
    world.pages.give("page_2", "declined")
    heard(world, "page_2")
    asked(world)
    assert len(world.pages.orders) == 3
    imported(world, payment_provider="gocardless", payment_method="MD_1")
    with pytest.raises(NoPageError):
        asked(world)


def test_a_customer_without_an_id_at_the_provider_is_registered_there_first() -> None:
    world = a_world(method="")
    assert not world.customer("acme").provider_customer_id
    asked(world)
    assert world.customer("acme").provider_customer_id == "cus_acme"


def test_a_provider_that_needs_no_known_customer_makes_one_with_the_page() -> None:
    pages = FakePages(needs_payer=False)
    world = World(pages=pages)
    world.use(world.add_customer("acme", method=""), "100")
    world.close()
    heard(world, given(world))
    account = world.customer("acme")
    assert (account.payment_method, account.provider_customer_id) == ("ok", "payer_of_page_1")
    assert account.receivable_minor == 0


def test_a_provider_without_pages_says_so() -> None:
    world = World()
    world.add_customer("acme", provider="wallet")
    with pytest.raises(NoPageError):
        desk_of(world).ask("acme", BACK)


def test_what_was_given_is_charged_by_its_webhook_and_the_hold_is_lifted() -> None:
    world = a_world()
    world.keeper.keep("acme")
    assert world.customer("acme").held_since
    assert heard(world, given(world)) is Result.BOOKED
    account = world.customer("acme")
    assert (account.receivable_minor, account.held_since, account.method_page) == (0, None, "")
    assert account.profile.payment_method == "declined"
    assert account.payment_method == "ok"
    [payment] = world.month("acme").payments
    assert (payment.state, payment.attempt, payment.payment_method) == (PaymentState.PAID, 2, "ok")
    assert world.mailer.sent[-1].subject.startswith("Paid:")


def test_a_webhook_that_comes_twice_late_or_after_the_customer_is_back_charges_once() -> None:
    world = a_world()
    page = given(world)
    assert desk_of(world).catch_up(world.customer("acme"))
    world.use_cases.charges_at_once.collect("acme")
    for _ in range(3):
        assert heard(world, page) is Result.BOOKED
    assert len(world.gateway.money_moved) == 1


def test_a_method_that_is_refused_is_not_tried_again_by_a_second_webhook() -> None:
    world = a_world("")
    page = given(world, "declined")
    for _ in range(3):
        heard(world, page)
    [payment] = world.month("acme").payments
    assert (payment.state, payment.attempt) == (PaymentState.DECLINED, 1)


def test_new_methods_are_charged_a_few_times_a_day_and_the_last_one_by_the_daily_collections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = a_world()
    monkeypatch.setattr(world.gateway, "_outcome", lambda _: Refused("insufficient_funds"))
    for number in range(8):
        world.clock.pass_time(minutes=5)
        heard(world, given(world, f"card_{number}"))
    [payment] = world.month("acme").payments
    assert (payment.attempt, payment.payment_method) == (5, "card_3")
    assert world.customer("acme").payment_method == "card_7"
    world.clock.pass_time(days=1)
    world.collector.collect(["acme"], world.clock().date())
    [payment] = world.month("acme").payments
    assert (payment.attempt, payment.payment_method) == (6, "card_7")


def test_a_lost_webhook_is_made_up_for_by_the_daily_collections() -> None:
    world = a_world()
    given(world)
    world.collector.collect(["acme"], world.clock().date())
    assert world.customer("acme").receivable_minor == 0
    assert len(world.gateway.money_moved) == 1


def test_a_page_that_was_never_answered_is_asked_about_until_it_expires() -> None:
    world = a_world()
    page = asked(world)
    assert not desk_of(world).catch_up(world.customer("acme"))
    assert world.customer("acme").method_page == page
    world.pages.expire(page)
    assert not desk_of(world).catch_up(world.customer("acme"))
    assert world.customer("acme").method_page == ""


def test_a_page_that_never_ends_is_forgotten_after_two_weeks() -> None:
    world = a_world()
    asked(world)
    world.clock.pass_time(days=15)
    assert not desk_of(world).catch_up(world.customer("acme"))
    assert world.customer("acme").method_page == ""


@pytest.mark.parametrize(
    ("changes", "charged"),
    [
        ({}, "ok"),  # the nightly import of the same row
        ({"name": "Acme Group", "email": "new@acme.example"}, "ok"),
        ({"payment_method": "newer"}, "newer"),
        ({"payment_method": ""}, ""),
        ({"imported_provider_customer_id": "cus_other", "payment_method": "theirs"}, "theirs"),
        ({"payment_provider": "gocardless", "payment_method": "MD_1"}, "MD_1"),
        ({"payment_method": "ok"}, "ok"),
    ],
)
def test_an_import_of_the_same_method_keeps_what_was_given_and_one_of_another_is_newer(
    changes: dict[str, str], charged: str
) -> None:
    world = a_world()
    heard(world, given(world))
    imported(world, **changes)
    assert world.customer("acme").payment_method == charged


def test_a_late_event_about_what_was_given_does_not_undo_a_newer_import() -> None:
    world = a_world()
    page = given(world)
    heard(world, page)
    imported(world, payment_method="newer")
    answer = world.pages.answers[page]
    assert answer.made_at
    # Stripe tells of the SetupIntent, too, which was created after its session.
    world.pages.answers["seti_1"] = replace(answer, reference="seti_1", made_at=answer.made_at + timedelta(minutes=4))
    heard(world, "seti_1")
    assert world.customer("acme").payment_method == "newer"


def test_what_was_given_counts_again_if_the_import_that_replaced_it_was_a_mistake() -> None:
    world = a_world()
    heard(world, given(world))
    imported(world, payment_method="wrong")
    imported(world, payment_method="declined")
    assert world.customer("acme").payment_method == "ok"


def test_of_two_pages_the_later_ones_method_is_charged_whichever_is_heard_of_first() -> None:
    world = a_world()
    first = asked(world)
    world.clock.pass_time(minutes=5)
    second = asked(world)
    world.pages.give(second, "ok")
    heard(world, second)
    world.pages.give(first, "declined")
    heard(world, first)
    assert world.customer("acme").payment_method == "ok"


def test_what_was_given_is_lost_with_the_providers_customer() -> None:
    world = a_world()
    heard(world, given(world))
    account = world.customer("acme").without_provider_customer()
    assert (account.payment_method, account.provider_customer_id) == ("declined", "")


def test_a_page_of_somebody_else_or_of_a_customer_who_has_another_provider_by_now_changes_nothing() -> None:
    world = a_world()
    page = given(world)
    imported(world, payment_provider="gocardless", payment_method="MD_1")
    before = dict(world.books.records)
    assert heard(world, page) is Result.NOT_OURS
    assert heard(world, "page_99") is Result.NOT_OURS
    assert world.books.records == before


def test_a_method_given_while_another_payment_is_under_way_waits_for_its_end() -> None:
    world = a_world()
    world.change("acme", open_payment="2026-09/acme", check_at=NOW)
    assert heard(world, given(world)) is Result.BOOKED
    assert world.gateway.money_moved == []
    assert world.customer("acme").payment_method == "ok"
    world.change("acme", open_payment="", check_at=None)
    world.collector.collect(["acme"], world.clock().date())
    assert len(world.gateway.money_moved) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderDownError("down"), UnfinishedError),
        (ProviderPausedError("paused", 30), ProviderPausedError),
    ],
)
def test_what_cannot_be_charged_now_is_tried_again(error: Exception, expected: type[Exception]) -> None:
    world = a_world()
    page = given(world)
    world.gateway.failures["look_up", "before"] = [error]
    with pytest.raises(expected):
        heard(world, page)
    assert heard(world, page) is Result.BOOKED
    assert len(world.gateway.money_moved) == 1


def test_an_account_that_is_changed_meanwhile_keeps_both_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world()
    page, commit, raced = given(world), world.books.commit, list[bool]()

    def racing(*records: Record) -> tuple[Record, ...]:
        if not raced and any(isinstance(record, Customer) for record in records):
            raced.append(True)
            world.change("acme", carried_minor=7)
            raise ConflictError("somebody was faster")
        return commit(*records)

    monkeypatch.setattr(world.books, "commit", racing)
    assert desk_of(world).take("stripe", page) == "acme"
    account = world.customer("acme")
    assert (account.carried_minor, account.payment_method) == (7, "ok")


def test_a_payment_under_way_keeps_the_method_that_it_was_begun_with() -> None:
    world = a_world()
    [payment] = world.month("acme").payments
    begun = payment.start(payment.amount, "declined", world.clock())
    world.books.commit(begun, world.customer("acme").leased_to(payment.payment_id, world.clock()))
    desk_of(world).take("stripe", given(world))
    case = world.charger.bookkeeper.read(PaymentKey("acme", OCTOBER))
    assert case
    assert case.customer.payment_method == "ok"
    assert order_of(case).payment_method == "declined"


def test_profiles_are_never_changed() -> None:
    world = a_world()
    before: Profile = world.customer("acme").profile
    heard(world, given(world))
    assert world.customer("acme").profile == before
    assert world.month("acme", OCTOBER).invoice
