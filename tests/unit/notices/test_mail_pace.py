"""Mail at the account's pace: what has no turn stays untold, and is told once there is one."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from monthclose.domain.closes.close import Batch, BatchProgress
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.notices.sending import UNLIMITED, MailSettings, SendingQuota, mail_warnings
from monthclose.domain.payments.throttle import Limit
from monthclose.errors import (
    MailRefusedError,
    OutcomeUnknownError,
    ProviderPausedError,
    QuotaUsedUpError,
    RateLimitedError,
    TryLaterError,
)
from monthclose.ports import Mail
from monthclose.settings import CloseSettings
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.notices.send_notices import MOST_WAITING, RemainingSender
from monthclose.use_cases.notices.throttled_mailer import LANE, ThrottledMailer
from monthclose.use_cases.payments.limiter import PacedLimiter
from tests.fakes import FakeMailAccount, FakeMailer
from tests.fakes.throttle import FakeLimiter, FakeProviderLimits, VirtualTime
from tests.world import OCTOBER, OneAfterTheOther, World

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MAIL = Mail("billing@acme.example", "Invoice", "text", "<p>text</p>", "2026-10_acme")


def throttled(
    mailer: FakeMailer, account: FakeMailAccount | None = None, settings: MailSettings | None = None
) -> tuple[ThrottledMailer, FakeLimiter, list[Limit]]:
    limiter, limits = FakeLimiter(), list[Limit]()

    def make(limit: Limit) -> FakeLimiter:
        limits.append(limit)
        return limiter

    return ThrottledMailer(mailer, account or FakeMailAccount(), settings or MailSettings(), make), limiter, limits


def test_every_mail_takes_one_slot_whether_its_turn_was_waited_for_before_or_not() -> None:
    mailer, limiter, _ = throttled(FakeMailer())
    mailer.wait_for_turn()
    mailer.wait_for_turn()
    assert [mailer.send(MAIL), mailer.send(MAIL)] == ["message-1", "message-2"]
    assert limiter.slots() == {LANE: 2}


def test_a_mail_that_came_too_fast_slows_all_down_and_is_sent_in_another_slot() -> None:
    mailer, limiter, _ = throttled(FakeMailer(failures=[RateLimitedError("Maximum sending rate exceeded.")]))
    assert mailer.send(MAIL) == "message-1"
    assert [what for what, _ in limiter.notes] == ["acquire", "limited", "acquire", "succeeded"]


def test_a_mail_to_several_recipients_takes_a_slot_for_each() -> None:
    mailer, limiter, _ = throttled(FakeMailer())
    mailer.send(replace(MAIL, others=("a@acme.example", "b@acme.example")))
    mailer.send(MAIL)
    assert limiter.slots() == {LANE: 4}


def test_mail_that_is_refused_again_and_again_must_wait() -> None:
    mailer, limiter, _ = throttled(FakeMailer(failures=[RateLimitedError("too fast")] * 4))
    with pytest.raises(ProviderPausedError):
        mailer.send(MAIL)
    assert limiter.slots() == {LANE: 4}


def test_once_the_days_quota_is_used_up_nobody_asks_again_for_now() -> None:
    inner = FakeMailer(failures=[QuotaUsedUpError("Daily message quota exceeded")])
    mailer, limiter, _ = throttled(inner)
    for _ in range(2):
        with pytest.raises(ProviderPausedError) as refused:
            mailer.send(MAIL)
        assert refused.value.seconds == 600
    assert limiter.slots() == {LANE: 1}
    assert not inner.failures


@pytest.mark.parametrize(
    ("error", "noted"),
    [
        (MailRefusedError("MessageRejected"), "succeeded"),
        (OutcomeUnknownError("lost"), "failed"),
        (TryLaterError("cannot be reached"), "failed"),
    ],
)
def test_other_errors_are_noted_and_passed_on(error: Exception, noted: str) -> None:
    mailer, limiter, _ = throttled(FakeMailer(failures=[error]))
    with pytest.raises(type(error)):
        mailer.send(MAIL)
    assert limiter.notes[-1] == (noted, LANE)


def test_the_pace_is_the_accounts_or_the_settings_lower_one_and_follows_a_raise() -> None:
    account = FakeMailAccount()
    mailer, _, limits = throttled(FakeMailer(), account, MailSettings(emails_per_second=20, share_left=0.5))
    mailer.send(MAIL)
    account.per_second = 100
    mailer.send(MAIL)
    assert [(limit.rate_per_second, limit.reserve_share) for limit in limits] == [(14, 0.5), (20, 0.5)]


def test_while_ses_does_not_say_what_it_allows_one_mail_a_second_is_sent() -> None:
    class Silent(FakeMailAccount):
        def quota(self) -> SendingQuota:
            raise TryLaterError("asked too often")

    mailer, _, limits = throttled(FakeMailer(), Silent())
    assert mailer.send(MAIL) == "message-1"
    assert [limit.rate_per_second for limit in limits] == [1]


def test_a_share_of_the_days_quota_is_left_to_the_companys_other_mail() -> None:
    mailer, _, _ = throttled(FakeMailer(), FakeMailAccount(sent=40_000), MailSettings(share_left=0.2))
    with pytest.raises(ProviderPausedError):
        mailer.wait_for_turn()


def test_two_workers_together_send_at_the_accounts_rate_and_no_faster() -> None:
    time, shared, sent = VirtualTime(), FakeProviderLimits(), list[float]()

    class Ses(FakeMailer):
        def send(self, mail: Mail) -> str:
            sent.append(time.now)
            time.sleep(0.15)
            return "sent"

    def paced(limit: Limit) -> PacedLimiter:
        return PacedLimiter("mail", limit, shared, time.clock, patience_seconds=60, sleep=time.sleep)

    def work(mailer: ThrottledMailer) -> None:
        for _ in range(70):
            mailer.send(MAIL)

    workers = [ThrottledMailer(Ses(), FakeMailAccount(), MailSettings(), paced) for _ in range(2)]
    time.run([lambda mailer=mailer: work(mailer) for mailer in workers for _ in range(4)])  # type: ignore[misc]

    in_any_second = max(sum(at <= other < at + 1 for other in sent) for at in sent)
    assert in_any_second <= 14 + 3  # the burst that a rate of 14 is given
    assert len(sent) / (max(sent) - min(sent)) > 0.93 * 14


@pytest.mark.parametrize(("per_second", "rate"), [(0, 1), (14, 14), (8_000, 8_000), (25_000, 10_000)])
def test_a_close_can_be_planned_whatever_rate_the_account_has(per_second: float, rate: float) -> None:
    quota = SendingQuota(per_second, UNLIMITED, 0, NOON)
    assert MailSettings().limit(quota).rate_per_second == rate
    mail_warnings(1_000, 60, quota, MailSettings())


def closing(customers: int) -> World:
    world = World()
    for index in range(customers):
        world.use(world.add_customer(f"C-{index}"), "10")
    return world


def test_customers_without_a_turn_stay_untold_and_their_batch_goes_on() -> None:
    world = closing(3)
    world.mailer.turns = 2

    report = world.close()

    assert len(world.mailer.sent) == 2
    assert report["status"] == "unfinished"
    assert report["warnings"] == ["1 customer not notified yet: the reconciler sends their notices"]
    assert {progress.stage for progress in world.closes.all_progress(OCTOBER)} == {"closed"}


class SlowMailer(FakeMailer):
    """A mail service that lets everybody wait, and takes its time."""

    def __init__(self, world: World, waiting: float, sending: float) -> None:
        super().__init__()
        self._world, self._waiting, self._sending = world, waiting, sending

    def wait_for_turn(self) -> None:
        self._world.clock.pass_time(seconds=self._waiting)

    def send(self, mail: Mail) -> str:
        self._world.clock.pass_time(seconds=self._sending - self._waiting)  # it has had its turn
        return super().send(mail)


@pytest.mark.parametrize(("waiting", "sending", "told"), [(0, 5, 60), (4, 5, 8)])
def test_a_large_batch_has_time_to_send_its_notices_but_not_to_wait_long_for_mail(
    waiting: float, sending: float, told: int
) -> None:
    world = World(close_settings=CloseSettings(max_batches=1))
    for index in range(60):
        world.use(world.add_customer(f"C-{index}"), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    world.batch_charger.charge(OCTOBER, batch.number, plan.close.round)
    teller = replace(world.sender.teller, mailer=SlowMailer(world, waiting, sending))
    sender = replace(world.sender, teller=teller)
    progress = sender.send(OCTOBER, batch.number, plan.close.round, most_waiting=MOST_WAITING)
    assert progress.totals.notices == {"sent": told}  # eight waits are half a minute


def test_what_the_batches_leave_is_sent_before_the_close_is_proved() -> None:
    world = closing(3)
    world.mailer.turns = 0
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    for batch in read_batches(world.documents, plan.round_key):
        world.close_batch(OCTOBER, batch, plan.close.round)
    assert not world.mailer.sent

    world.mailer.turns = 2
    first = world.use_cases.remaining_sender.send(OCTOBER)
    world.mailer.turns = None
    second = world.use_cases.remaining_sender.send(OCTOBER)

    assert (first.sent, first.left, first.again) == (2, 1, True)
    assert (second.sent, second.left, second.again) == (1, 0, False)
    assert sorted(mail.tag for mail in world.mailer.sent) == ["2026-10_C-0", "2026-10_C-1", "2026-10_C-2"]


def test_a_close_is_reported_once_nothing_more_can_be_sent() -> None:
    world = closing(3)
    world.mailer.turns = 0
    remaining = world.use_cases.remaining_sender

    report = world.close()

    assert report["status"] == "unfinished"
    assert not remaining.send(OCTOBER).again
    assert remaining.send(OCTOBER, lambda: True).left == 3


def test_customers_who_are_to_be_told_only_since_the_count_do_not_make_it_call_again() -> None:
    world = closing(2)
    world.mailer.turns = 0
    world.close()
    counted = [replace(it, totals=replace(it.totals, untold=0)) for it in world.closes.all_progress(OCTOBER)]
    world.closes.put_progress(replace(counted[0], totals=replace(counted[0].totals, untold=1)))
    sender = world.use_cases.remaining_sender
    more = replace(counted[0], totals=replace(counted[0].totals, untold=2))
    object.__setattr__(sender, "sender", SimpleNamespace(can_send=lambda: True, send=lambda *_: more))
    remaining = sender.send(OCTOBER)
    assert (remaining.sent, remaining.again) == (0, False)


def test_no_more_than_a_few_batches_are_in_memory_while_the_rest_is_sent() -> None:
    world = closing(1)
    world.close()
    [like] = world.closes.all_progress(OCTOBER)
    untold = replace(like, totals=replace(like.totals, untold=1_000))

    def many(_: object) -> Iterator[BatchProgress]:
        for number in range(300):
            yield replace(untold, batch=Batch(number, "stripe", tuple(f"{number}-{i:060}" for i in range(1_000))))

    closes: Any = SimpleNamespace(all_progress=many)
    nobody: Any = SimpleNamespace(can_send=lambda: False)
    sender = RemainingSender(closes, nobody, OneAfterTheOther())
    tracemalloc.start()
    assert sender.send(OCTOBER).left == 300_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_the_reconciler_sends_what_the_days_quota_left_each_once() -> None:
    world = closing(3)
    world.mailer.turns = 1
    world.close()
    world.settle()
    assert len(world.mailer.sent) == 1

    world.mailer.turns = None
    world.settle()
    world.settle()

    assert sorted(mail.tag for mail in world.mailer.sent) == ["2026-10_C-0", "2026-10_C-1", "2026-10_C-2"]
    assert world.reconcile().report["status"] == "completed"


def test_a_refusal_for_throttling_is_a_definite_no_and_the_mail_goes_out_later_once() -> None:
    world = closing(1)
    world.mailer.failures = [ProviderPausedError("SES takes e-mails more slowly than it says", 600)]
    report = world.close()
    assert report["notices"] == {"sent": 1, "refused": 0, "unconfirmed": 0}
    assert [mail.tag for mail in world.mailer.sent] == ["2026-10_C-0"]


def test_nobody_is_put_on_hold_before_their_notice_can_be_sent() -> None:
    world = World()
    world.use(world.add_customer("acme", method="declined"), "10")
    world.mailer.turns = 0
    world.close()
    assert world.customer("acme").held_since is None

    world.mailer.turns = None
    world.settle()

    assert world.customer("acme").held_since is not None
    (mail,) = world.mailer.sent
    assert "on hold" in mail.text


def quota(per_second: float = 14, per_day: float = 50_000, sent: float = 0) -> SendingQuota:
    return SendingQuota(per_second, per_day, sent, NOON)


def test_the_plan_warns_of_mail_that_takes_longer_than_charging_and_of_a_quota_that_does_not_suffice() -> None:
    assert mail_warnings(200_000, 8_000, quota(sent=1_000), MailSettings()) == [
        "e-mail: 200,000 notices at 13.7/s take 4.0 h, longer than charging does: ask AWS for a higher SES sending "
        "rate",
        "e-mail: 200,000 notices, but only 49,000 can still be sent today (SES quota: 50,000 in 24 hours): the rest "
        "are told on the following days, or ask AWS for a higher quota",
    ]


@pytest.mark.parametrize(
    ("emails", "found"), [(1_000, quota()), (200_000, quota(100, UNLIMITED)), (200_000, quota(100, 500_000))]
)
def test_the_plan_does_not_warn_of_mail_that_goes_out_in_time(emails: int, found: SendingQuota) -> None:
    assert mail_warnings(emails, 8_000, found, MailSettings()) == []


def test_a_close_plans_with_the_accounts_quota() -> None:
    world = closing(3)
    world.mail_account.per_day = 2
    report = world.close()
    assert any("only 2 can still be sent today" in warning for warning in report["warnings"])


def test_a_hold_whose_news_has_no_turn_does_not_fail_its_batch() -> None:
    world = World(hold_policy=HoldPolicy(grace_days=1), dunning=DunningPolicy(retry_days=()))
    world.use(world.add_customer("acme", method="declined"), "10")
    world.close()
    assert not world.customer("acme").held_since
    world.clock.pass_time(days=2)
    world.mailer.turns = 0

    assert world.keeper.apply(OCTOBER, 0, 1).stage == "closed"

    assert world.customer("acme").held_since
    assert [mail.tag for mail in world.mailer.sent] == ["2026-10_acme"]
