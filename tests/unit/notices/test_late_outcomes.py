"""Outcomes after the close: notified once, whoever learns of them first, and judged by the close's policy."""

from collections.abc import Callable

import pytest

from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.money import Money
from monthclose.domain.month import HoldAction, NoticeState
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.errors import BrokeOffError, TryLaterError
from monthclose.ports import ChargeOutcome, Collected, ProviderEvent, Refused
from monthclose.use_cases.webhooks.apply_event import Result
from tests.fakes import reversed_by_the_bank
from tests.world import OCTOBER, World

S = PaymentState
TOTAL = Money(10_000, "USD")
REFERENCE = "pi_2026-10/acme_1"
EVENT = ProviderEvent("evt", "payment.changed", REFERENCE)
KEY = PaymentKey("acme", OCTOBER)
FAILED, CAME_IN, BACK = Refused("insufficient_funds"), Collected(TOTAL), reversed_by_the_bank(TOTAL)


def closed(method: str = "debit", policy: HoldPolicy | None = None, *, grace_days: int = 0) -> World:
    """A world whose October is closed with one customer who owes 100.00."""
    world = World(hold_policy=policy or HoldPolicy(grace_days=grace_days))
    world.use(world.add_customer("acme", method=method), "100")
    world.close()
    world.clock.pass_time(hours=30)
    return world


def webhook(world: World) -> None:
    applied = world.applier.book(EVENT)
    if applied.result is Result.BOOKED:
        world.applier.finish(applied)


def reconciler(world: World) -> None:
    world.settle(everyone=True)
    world.reconcile()
    world.settle()


def collections(world: World) -> None:
    world.collect()


def close_again(world: World) -> None:
    world.close(execution=f"execution-{world.clock.now}")


LEARNING: list[Callable[[World], None]] = [webhook, reconciler, collections]


def kinds(world: World) -> list[str]:
    return [notice.kind for notice in world.month("acme").notices]


def say(world: World, outcome: ChargeOutcome) -> None:
    world.gateway.settle(REFERENCE, outcome)
    world.clock.pass_time(seconds=1)


@pytest.mark.parametrize("learn", LEARNING)
@pytest.mark.parametrize(
    ("method", "outcome", "told"),
    [
        ("debit", FAILED, ["pending", "declined"]),
        ("debit", CAME_IN, ["pending", "receipt"]),
        ("debit", Refused("authentication_required", needs_customer=True), ["pending", "action_required"]),
        ("authenticate", CAME_IN, ["action_required", "receipt"]),
        ("declined", CAME_IN, ["declined", "receipt"]),
    ],
)
def test_a_late_outcome_is_notified_like_an_immediate_one(
    learn: Callable[[World], None], method: str, outcome: ChargeOutcome, told: list[str]
) -> None:
    world = closed(method, grace_days=10)
    say(world, outcome)
    world.clock.pass_time(days=2)  # the day on which who must confirm is asked about
    if method == "debit" and learn is collections and outcome is not CAME_IN:
        world.charger.look_up(KEY)  # whoever booked it died before telling: the collections come upon it
    elif (method == "debit") is (learn is collections):
        world.charger.look_up(KEY)  # likewise, and the reconciler comes upon what is booked and not told
        learn = reconciler
    learn(world)
    assert kinds(world) == told


@pytest.mark.parametrize(("placed", "lifted", "sent"), [(False, True, 1), (True, False, 1), (False, False, 0)])
def test_the_settings_decide_whether_holds_have_their_own_mails(placed: bool, lifted: bool, sent: int) -> None:
    world = closed("ok", HoldPolicy(tell_placed=placed, tell_lifted=lifted))
    world.desk.hold("acme", "abuse", "ada")
    world.keeper.tell("acme")
    world.clock.pass_time(hours=1)
    world.desk.release("acme", "sorry", "ada")
    world.keeper.tell("acme")
    assert len(world.mailer.sent) == 1 + sent


def test_money_received_another_way_lifts_the_hold_and_the_customer_is_notified() -> None:
    world = closed("declined")
    world.cashier.record("acme", TOTAL, "SEPA 47")
    change = world.month("acme", OCTOBER.next).hold or world.month("acme").hold
    assert change
    assert change.action is HoldAction.LIFTED
    assert world.mailer.sent[-1].subject == "Your Example Cloud account is no longer on hold"


def test_a_payment_by_hand_is_notified_once_like_any_other() -> None:
    world = closed("declined")
    world.add_customer("acme", method="ok")
    world.cashier.pay("acme")
    world.settle()
    world.clock.pass_time(days=1)
    world.collect()
    assert kinds(world) == ["declined", "receipt"]


def test_a_mail_that_could_not_be_sent_is_sent_when_the_event_is_delivered_again() -> None:
    world = closed("debit")
    say(world, FAILED)
    world.mailer.failures = [TryLaterError("SES rests")]
    applied = world.applier.book(EVENT)
    with pytest.raises(BrokeOffError):
        world.applier.finish(applied)
    world.applier.finish(applied)
    assert kinds(world) == ["pending", "declined"]
    assert {notice.state for notice in world.month("acme").notices} == {NoticeState.SENT}
