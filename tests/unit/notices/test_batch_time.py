"""A batch of any size is told and held within its function's time, whatever mail does."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from monthclose.domain.closes.close import Stage
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import Mail
from monthclose.settings import CloseSettings
from monthclose.use_cases.notices.send_notices import MOST_WAITING
from tests.fakes import FakeClock, FakeMailer
from tests.unit.closes.generating import generated_batch
from tests.world import OCTOBER, World


@dataclass
class SlowMailer(FakeMailer):
    """A mail service whose turns and e-mails take time."""

    clock: FakeClock = field(default_factory=FakeClock)
    seconds_to_wait: float = 0
    seconds_to_send: float = 0
    waits: int = 0
    come: bool = False
    """Whether a turn has come that is not used yet."""

    def wait_for_turn(self) -> None:
        if self.come:
            return
        self.waits += 1
        super().wait_for_turn()
        self.come = True
        self.clock.pass_time(seconds=self.seconds_to_wait)

    def send(self, mail: Mail) -> str:
        message_id = super().send(mail)
        self.come = False
        self.clock.pass_time(seconds=self.seconds_to_send)
        return message_id


def charged(mailer: SlowMailer, customers: int, *, method: str = "ok") -> tuple[World, int]:
    """A batch whose customers are charged and not told yet."""
    world = World(
        clock=mailer.clock,
        mailer=mailer,
        close_settings=CloseSettings(max_batches=1),
        dunning=DunningPolicy(retry_days=()),
    )
    for number in range(customers):
        world.use(world.add_customer(f"c{number:03}", method=method), "10")
    batch = generated_batch(world)
    world.batch_charger.charge(OCTOBER, batch, 1)
    return world, batch


def test_a_large_batch_that_need_not_wait_for_mail_is_told_at_once() -> None:
    mailer = SlowMailer(seconds_to_send=0.2)
    world, batch = charged(mailer, 300)  # a minute's work
    progress = world.sender.send(OCTOBER, batch, 1, most_waiting=MOST_WAITING)
    assert progress.totals.untold == 0
    assert len(mailer.sent) == 300


def test_a_batch_waits_for_mail_for_half_a_minute_in_all_and_leaves_the_rest() -> None:
    mailer = SlowMailer(seconds_to_wait=1)
    world, batch = charged(mailer, 100)
    before = world.clock.now
    progress = world.sender.send(OCTOBER, batch, 1, most_waiting=MOST_WAITING)
    assert 0 < progress.totals.untold < 100
    assert progress.stage is Stage.NOTIFIED
    assert world.clock.now - before <= timedelta(seconds=32)
    assert world.use_cases.remaining_sender.send(OCTOBER).left == 0


def test_holds_for_which_there_is_no_time_are_applied_by_the_next_call() -> None:
    world, batch = charged(SlowMailer(), 10, method="declined")
    world.sender.send(OCTOBER, batch, 1)
    answers = iter([False] * 4 + [True])
    with pytest.raises(TryLaterError):
        world.keeper.apply(OCTOBER, batch, 1, lambda: next(answers))
    progress = world.closes.progress(OCTOBER, batch)
    assert progress
    assert progress.stage is Stage.NOTIFIED
    assert world.keeper.apply(OCTOBER, batch, 1).stage is Stage.CLOSED


def test_a_batch_whose_hold_news_has_no_turn_waits_for_one_turn_alone() -> None:
    mailer = SlowMailer()
    world, batch = charged(mailer, 10)
    for number in range(10):
        world.change(f"c{number:03}", held_since=world.clock.now - timedelta(days=20))
    mailer.turns, mailer.waits = 0, 0
    assert world.keeper.apply(OCTOBER, batch, 1).totals.holds == {"lifted": 10}
    assert mailer.waits == 1


def test_the_collections_lift_all_holds_that_they_can_though_mail_has_no_turn() -> None:
    mailer = SlowMailer()
    world, batch = charged(mailer, 10)
    names = [f"c{number:03}" for number in range(10)]
    for name in names:
        world.change(name, held_since=world.clock.now - timedelta(days=20))
    mailer.turns, mailer.waits = 0, 0
    with pytest.raises(ProviderPausedError):
        world.keeper.review_all(names, world.clock.now.date(), closing=frozenset())
    assert mailer.waits == 1
    assert not any(world.customer(name).held_since for name in names)
    progress = world.closes.progress(OCTOBER, batch)
    assert progress
    assert progress.totals.holds == {"lifted": 10}


def test_reminders_for_which_there_is_no_time_are_sent_by_the_next_call() -> None:
    world, batch = charged(SlowMailer(), 4, method="declined")
    world.sender.send(OCTOBER, batch, 1)
    world.clock.pass_time(days=3)
    names, today, answers = [f"c{number:03}" for number in range(4)], world.clock.now.date(), iter([False, False, True])
    with pytest.raises(ProviderPausedError):
        world.reminder_sender.send(names, today, time_is_up=lambda: next(answers))
    assert world.reminder_sender.send(names, today) == 2
