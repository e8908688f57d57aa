"""Bounces and complaints: kept with the notice, told to finance, and nobody is held for what did not reach them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import HoldAction, NoticeState
from monthclose.domain.notices.mail_event import MailEvent
from monthclose.errors import ConflictError
from monthclose.ports import Mail, Record
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.notices.hear_mail import Heard
from monthclose.use_cases.notices.notice_texts import notice_tag
from tests.fakes import FakeMailer
from tests.world import OCTOBER, World


def ses_event(
    kind: str, tag: str, *, message_id: str = "message-1", to: str = "acme@customers.example", **found: Any
) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    recipients = "bouncedRecipients" if kind == "Bounce" else "complainedRecipients"
    return {
        "source": "aws.ses",
        "detail": {
            "eventType": kind,
            kind.lower(): {**found, recipients: [{"emailAddress": to}]},
            "mail": {"messageId": message_id, "destination": [to], "tags": {"notice": [tag]}},
        },
    }


def bounce(tag: str = "2026-10_acme", kind: str = "Permanent", subtype: str = "General", **also: str) -> MailEvent:
    return MailEvent.read(ses_event("Bounce", tag, bounceType=kind, bounceSubType=subtype, **also))


def complaint(tag: str = "2026-10_acme", **also: Any) -> MailEvent:
    return MailEvent.read(ses_event("Complaint", tag, **also))


def closed(method: str = "declined", policy: HoldPolicy | None = None) -> World:
    world = World(hold_policy=policy or HoldPolicy())
    world.use(world.add_customer("acme", method=method), "10")
    world.close()
    return world


def hear(world: World, event: MailEvent) -> Heard:
    return world.use_cases.mail_hearer.hear(event)


def state(world: World) -> NoticeState:
    notice = world.month("acme").notice
    assert notice
    return notice.state


def collect_in_days(world: World, days: int) -> None:
    world.clock.pass_time(days=days)
    world.collect()


@pytest.mark.parametrize("customer_id", ["acme", "a_b_c", "Äcme & Co. No_1", "2026-10_x", "a.5Fb"])
@pytest.mark.parametrize("step", ["", "2026-11-01-day-3", "2026-11-01T000000-no_method", "hold-1", "CN-00000001"])
def test_a_tag_leads_back_to_its_notice(customer_id: str, step: str) -> None:
    event = bounce(notice_tag(OCTOBER, customer_id, step))
    assert (OCTOBER, customer_id, step) in list(event.notices())


@pytest.mark.parametrize("tag", ["", "nonsense", "2026-10", "2026-13_acme", "2026-10_.Z1"])
def test_an_event_about_no_notice_of_ours_changes_nothing(tag: str) -> None:
    assert hear(closed(), bounce(tag)) is Heard.UNKNOWN


@pytest.mark.parametrize("message", [{}, {"detail": {}}, {"detail": {"eventType": "Open", "mail": {}}}, {"detail": 1}])
def test_a_message_that_is_no_event_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(UserMistakeError):
        MailEvent.read(message)


def test_a_bounce_is_kept_with_the_notice_once_and_the_address_with_the_customer() -> None:
    world = closed("ok")
    assert [hear(world, bounce()) for _ in range(2)] == [Heard.NOTED, Heard.KNOWN]
    notice = world.month("acme").notice
    assert notice
    assert (notice.state, notice.why, notice.bounces) == (NoticeState.BOUNCED, "Permanent/General", 1)
    assert not world.customer("acme").takes_mail


def test_events_may_come_in_any_order() -> None:
    first, last = closed("ok"), closed("ok")
    for event in (bounce(kind="Transient"), bounce(), complaint()):
        hear(first, event)
    for event in (complaint(), bounce(), bounce(kind="Transient")):
        hear(last, event)
    assert state(first) is state(last) is NoticeState.COMPLAINED
    assert not first.customer("acme").takes_mail
    assert not last.customer("acme").takes_mail


def test_a_bounce_that_may_pass_leaves_the_address_alone() -> None:
    world = closed("ok")
    hear(world, bounce(kind="Transient", subtype="MailboxFull"))
    assert state(world) is NoticeState.BOUNCED
    assert world.customer("acme").takes_mail


def test_a_mail_that_was_not_delivered_because_of_an_earlier_complaint_has_told_nobody() -> None:
    world = closed("ok")
    hear(world, complaint(complaintSubType="OnAccountSuppressionList"))
    assert state(world) is NoticeState.BOUNCED


def test_an_event_may_come_before_the_sender_has_noted_the_mail_as_sent() -> None:
    world = World()
    world.use(world.add_customer("acme"), "10")

    class Racing(FakeMailer):
        def send(self, mail: Mail) -> str:
            message_id = super().send(mail)
            hear(world, bounce(mail.tag, message_id=message_id))
            return message_id

    teller = replace(world.customer_teller, mailer=Racing())
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    (batch,) = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, 1)
    world.batch_charger.charge(OCTOBER, 0, 1)
    teller.tell("acme", OCTOBER)
    assert state(world) is NoticeState.BOUNCED


def test_the_report_counts_and_names_whom_no_mail_reached() -> None:
    world = closed("ok")
    hear(world, bounce())
    report = world.reconcile().report
    assert report["status"] == "completed"
    assert report["notices"] == {"sent": 0, "refused": 0, "unconfirmed": 0, "bounced": 1}
    assert report["unreached"]["in_all"] == 1
    (end,) = report["unreached"]["customers"]
    assert (end["customer_id"], end["what"]) == ("acme", "their e-mail: bounced (Permanent/General)")
    assert "1 notices bounced: their customers were not told" in report["warnings"]


def test_a_hold_that_was_placed_with_an_email_is_lifted_when_the_email_bounces() -> None:
    world = closed()
    assert world.customer("acme").held_since
    hear(world, bounce())
    assert world.customer("acme").held_since is None
    change = world.month("acme").hold
    assert change
    assert (change.action, change.reason) == (HoldAction.LIFTED, "the e-mails about it did not arrive")
    for _ in range(30):
        collect_in_days(world, 1)
    assert world.customer("acme").held_since is None
    assert len(world.mailer.sent) == 1, "nothing is sent to an address that takes no mail"


def test_a_complaint_is_no_reason_to_lift_a_hold_but_no_reminders_are_sent() -> None:
    world = closed()
    hear(world, complaint())
    for _ in range(15):
        collect_in_days(world, 1)
    assert world.customer("acme").held_since
    assert len(world.mailer.sent) == 1


def corrected(world: World, email: str) -> None:
    customer: Customer = world.customer("acme")
    world.directory.put_profiles([("acme", replace(customer.profile, email=email))])


def test_with_another_address_the_customer_is_told_and_the_grace_period_begins() -> None:
    world = closed(policy=HoldPolicy(grace_days=3))
    hear(world, bounce())
    collect_in_days(world, 5)
    assert world.customer("acme").held_since is None

    corrected(world, "accounts@customers.example")
    collect_in_days(world, 1)
    assert [mail.to for mail in world.mailer.sent][-1] == "accounts@customers.example"
    for _ in range(3):
        collect_in_days(world, 1)
        assert world.customer("acme").held_since is None, "the three days begin the day after the mail that arrives"

    collect_in_days(world, 1)
    assert world.customer("acme").held_since


def test_an_old_bounce_says_nothing_about_the_mail_to_the_new_address() -> None:
    world = closed()
    hear(world, bounce())
    corrected(world, "accounts@customers.example")
    collect_in_days(world, 1)
    before = world.month("acme")
    hear(world, bounce())
    assert world.month("acme").notices == before.notices
    assert world.customer("acme").takes_mail


def test_a_full_mailbox_is_tried_again_on_later_days_a_few_times() -> None:
    world = closed()
    for day in range(12):
        last = world.month("acme").notices[-1]
        event = bounce(
            notice_tag(OCTOBER, "acme", last.step), kind="Transient", message_id=f"message-{len(world.mailer.sent)}"
        )
        hear(world, event)
        collect_in_days(world, 1)
        assert not world.customer("acme").held_since, day
    assert len(world.mailer.sent) == 1 + 3 * 3, "the close's, and each of three steps three times"


def test_the_next_months_notice_is_not_sent_to_a_dead_address() -> None:
    world = closed("ok")
    hear(world, bounce())
    november = OCTOBER.next
    world.at(datetime(2026, 12, 1, tzinfo=UTC))
    world.use("acme", "20", period=november)
    report = world.close(november, "execution-2")
    assert report["notices"] == {"sent": 0, "refused": 0, "unconfirmed": 0, "unreachable": 1}
    assert report["status"] == "completed"
    assert len(world.mailer.sent) == 1


def test_an_unknown_race_is_tried_again() -> None:
    world = closed("ok")
    commit, failures = world.books.commit, [ConflictError("lost"), ConflictError("lost")]

    def losing(*records: Record) -> tuple[Record, ...]:
        if failures:
            raise failures.pop()
        return commit(*records)

    world.books.commit = losing  # type: ignore[method-assign]
    assert hear(world, bounce()) is Heard.NOTED


def test_events_that_could_not_be_kept_go_back_into_their_queue_and_others_are_stored() -> None:
    world = World()
    event = ses_event("Bounce", "2026-10_acme", bounceType="Permanent", bounceSubType="General")
    world.letters.put(json.dumps(event))
    world.letters.put("what is this?")
    drained = world.drain.drain_mail(world.letters, world.event_queue)
    assert world.event_queue.messages == [event]
    assert [finding.check for finding in drained.findings] == ["dead_letter"]
    assert not world.letters.letters
    assert any(key.startswith("dead-letters/mail/") for key in world.documents.objects)
