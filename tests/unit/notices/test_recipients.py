"""Who gets a notice: addresses by purpose, one e-mail for all of them, and what happens when it bounces at one."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from monthclose.domain.accounts.addresses import Purpose, recipients, split_addresses
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind, purpose_of
from monthclose.use_cases.notices.hear_mail import Heard
from tests.unit.notices.test_bounced_mail import bounce, hear
from tests.world import World

BOOKS, CHIEF, OWING = "books@acme.example", "chief@acme.example", "owing@acme.example"


def world_of(method: str = "ok", policy: HoldPolicy | None = None, **profile: Any) -> World:
    world = World(hold_policy=policy or HoldPolicy())
    world.use(world.add_customer("acme", method=method), "10")
    world.directory.put_profiles([("acme", replace(world.customer("acme").profile, **profile))])
    return world


def notice_of(world: World) -> Notice:
    notice = world.month("acme").notice
    assert notice
    return notice


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        ("a@x.example", ["a@x.example"]),
        ("a@x.example; B@x.example,c@x.example d@x.example;", [f"{name}@x.example" for name in "aBcd"]),
        ("A@x.example a@X.example b@x.example", ["A@x.example", "b@x.example"]),
    ],
)
def test_addresses_are_separated_by_semicolons_commas_or_spaces_and_count_once(text: str, addresses: list[str]) -> None:
    assert split_addresses(text) == addresses


@pytest.mark.parametrize(
    ("invoice", "dunning", "expected"),
    [
        ("", "", {"invoice": ["own"], "dunning": ["own"], "both": ["own"]}),
        ("a b", "", {"invoice": ["a", "b"], "dunning": ["a", "b"], "both": ["a", "b"]}),
        ("", "c", {"invoice": ["own"], "dunning": ["c"], "both": ["own", "c"]}),
        ("a", "c a", {"invoice": ["a"], "dunning": ["c", "a"], "both": ["a", "c"]}),
    ],
)
def test_addresses_of_a_purpose_take_the_place_of_the_customers_own(
    invoice: str, dunning: str, expected: dict[str, list[str]]
) -> None:
    profile = Profile("Acme", "own", "USD", "stripe", invoice_emails=invoice, dunning_emails=dunning)
    assert {str(purpose): recipients(profile, purpose) for purpose in Purpose} == expected


def test_every_kind_of_notice_has_a_purpose_and_only_those_without_an_invoice_are_dunning() -> None:
    dunning = {kind.value for kind in NoticeKind if purpose_of(kind) is Purpose.DUNNING}
    assert dunning == {"reminder", "last_reminder", "new_method", "action_reminder", "hold_placed", "hold_lifted"}


def test_the_invoice_is_one_email_to_all_its_addresses() -> None:
    world = world_of(invoice_emails=f"{BOOKS} {CHIEF}", dunning_emails=OWING)
    world.close()
    assert [(mail.to, mail.others) for mail in world.mailer.sent] == [(BOOKS, (CHIEF,))]
    assert notice_of(world).recipients == f"{BOOKS} {CHIEF}"


def test_a_declined_charge_also_goes_where_reminders_go_and_reminders_only_there() -> None:
    world = world_of("declined", invoice_emails=BOOKS, dunning_emails=OWING)
    world.close()
    world.clock.pass_time(days=3)
    world.collect()
    assert [(mail.to, mail.others) for mail in world.mailer.sent] == [(BOOKS, (OWING,)), (OWING, ())]


def test_the_contact_is_greeted_instead_of_the_company() -> None:
    world = world_of(contact="Ada Lovelace")
    world.close()
    assert world.mailer.sent[0].text.startswith("Hello Ada Lovelace,")


def test_closing_again_sends_nothing_more_to_anybody() -> None:
    world = world_of(invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    world.close(execution="execution-2")
    assert len(world.mailer.sent) == 1


def test_one_address_that_bounces_is_left_out_from_then_on_and_the_customer_was_told_all_the_same() -> None:
    world = world_of(invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    assert [hear(world, bounce(to=CHIEF)) for _ in range(2)] == [Heard.NOTED, Heard.KNOWN]
    assert (notice_of(world).state, notice_of(world).returned) == (NoticeState.SENT, CHIEF)
    assert world.customer("acme").reached_for(Purpose.INVOICE) == [BOOKS]
    assert world.customer("acme").unreached == [CHIEF]


def test_an_email_has_come_back_once_it_has_reached_none_of_its_recipients() -> None:
    world = world_of(invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    hear(world, bounce(to=CHIEF))
    hear(world, bounce(to=BOOKS, kind="Transient", subtype="MailboxFull"))
    assert (notice_of(world).state, notice_of(world).bounces) == (NoticeState.BOUNCED, 1)
    assert world.customer("acme").reached_for(Purpose.INVOICE) == [BOOKS]


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_events_about_several_recipients_may_come_in_any_order_and_twice(order: tuple[int, ...]) -> None:
    world = world_of(invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    events = [bounce(to=CHIEF), bounce(to=BOOKS, kind="Transient", subtype="MailboxFull"), bounce(to=CHIEF)]
    for place in order:
        hear(world, events[place])
    notice = notice_of(world)
    assert (notice.state, notice.why, notice.bounces) == (NoticeState.BOUNCED, "Permanent/General", 1)
    assert world.customer("acme").dead_address == CHIEF


def test_the_next_notice_goes_to_the_addresses_that_are_left() -> None:
    world = world_of("declined", invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    hear(world, bounce(to=BOOKS))
    world.clock.pass_time(days=3)
    world.collect()
    assert world.mailer.sent[-1].to == CHIEF
    assert world.mailer.sent[-1].others == ()


def test_with_every_address_dead_nothing_is_sent_until_an_import_brings_another() -> None:
    world = world_of("declined", invoice_emails=f"{BOOKS} {CHIEF}")
    world.close()
    for address in (BOOKS, CHIEF):
        hear(world, bounce(to=address))
    assert not world.customer("acme").takes_mail
    world.clock.pass_time(days=3)
    world.collect()
    assert len(world.mailer.sent) == 1
    profile = replace(world.customer("acme").profile, invoice_emails=f"{BOOKS} new@acme.example")
    world.directory.put_profiles([("acme", profile)])
    assert world.customer("acme").reached_for(Purpose.DUNNING) == ["new@acme.example"]


def test_a_customer_whose_reminders_do_not_arrive_is_not_held() -> None:
    world = world_of("declined", HoldPolicy(grace_days=0), invoice_emails=BOOKS, dunning_emails=OWING)
    world.close()
    assert world.customer("acme").held_since
    for address in (OWING, BOOKS):
        hear(world, bounce(to=address))
    assert world.customer("acme").held_since is None


def test_an_address_of_an_earlier_release_that_takes_no_mail_is_still_known() -> None:
    world = world_of(invoice_emails=CHIEF)
    world.change("acme", dead_address="acme@customers.example")
    assert world.customer("acme").takes_mail
    world.directory.put_profiles([("acme", replace(world.customer("acme").profile, invoice_emails=""))])
    assert not world.customer("acme").takes_mail
