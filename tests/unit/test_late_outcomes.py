"""Outcomes that come after the close: told once, whoever learns of them first, and decided on by the close's policy."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.hold import HoldPolicy
from monthclose.domain.money import Money
from monthclose.domain.month import HoldAction, NoticeState
from monthclose.domain.payment import PaymentKey, PaymentState
from monthclose.errors import BrokeOffError, TryLaterError
from monthclose.ports import ChargeOutcome, Collected, ProviderEvent, Refused, TakenBack
from monthclose.stages.apply_event import Result
from tests.world import OCTOBER, World

S = PaymentState
TOTAL = Money(10_000, "USD")
REFERENCE = "pi_2026-10/acme_1"
EVENT = ProviderEvent("evt", "payment.changed", REFERENCE)
KEY = PaymentKey("acme", OCTOBER)
FAILED, CAME_IN, BACK = Refused("insufficient_funds"), Collected(TOTAL), TakenBack("disputed")


def closed(method: str = "debit", **policy: int) -> World:
    """A world whose October is closed with one customer who owes 100.00."""
    world = World(hold_policy=HoldPolicy(**policy))
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
def test_an_outcome_that_comes_later_is_told_as_one_that_comes_at_once(
    learn: Callable[[World], None], method: str, outcome: ChargeOutcome, told: list[str]
) -> None:
    world = closed(method, grace_days=10)
    say(world, outcome)
    world.clock.pass_time(days=2)  # the day on which who must confirm is asked about
    if method == "debit" and learn is collections and outcome is not CAME_IN:
        world.charger.look_again(KEY)  # whoever booked it died before telling: the collections come upon it
    elif (method == "debit") is (learn is collections):
        world.charger.look_again(KEY)  # likewise, and the reconciler comes upon what is booked and not told
        learn = reconciler
    learn(world)
    assert kinds(world) == told


@pytest.mark.parametrize("learn", [webhook, collections])
def test_money_that_a_bank_takes_back_is_told_and_that_it_came_back_too(learn: Callable[[World], None]) -> None:
    world = closed("ok", grace_days=30)
    for outcome in (BACK, CAME_IN, BACK):
        say(world, outcome)
        webhook(world)
        world.clock.pass_time(days=1)
        learn(world)
    assert kinds(world) == ["receipt", "reversed", "receipt", "reversed"]


def test_money_that_was_taken_back_before_the_closes_mail_went_out_is_told() -> None:
    world = World()
    world.use(world.add_customer("acme"), "100")
    world.mailer.failures = [TryLaterError("SES rests")] * 9
    world.close()
    world.mailer.failures = []
    assert not world.mailer.sent
    say(world, BACK)
    webhook(world)
    reconciler(world)
    assert [kind for kind in kinds(world) if kind != "receipt"] == ["reversed"]


STEPS: list[Callable[[World], None]] = [webhook, webhook, reconciler, collections, close_again]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=5),
    st.sampled_from([(FAILED, "declined"), (CAME_IN, "receipt")]),
    st.lists(st.sampled_from(STEPS), max_size=3),
)
def test_each_outcome_is_told_once_whatever_repeats_and_in_whatever_order(
    before: list[Callable[[World], None]],
    said: tuple[ChargeOutcome, str],
    after: list[Callable[[World], None]],
) -> None:
    outcome, kind = said
    world = closed("debit", grace_days=10)
    say(world, outcome)
    for step in (*before, *after, webhook):
        step(world)
    counted = Counter(kinds(world))
    assert counted["pending"] == counted[kind] == 1
    assert set(counted) == {"pending", kind}


def test_a_debit_that_fails_later_is_held_by_the_same_policy_and_the_mail_says_so() -> None:
    world = closed("debit")
    assert world.customer("acme").held_since is None
    say(world, FAILED)
    webhook(world)
    assert world.customer("acme").held_since
    assert kinds(world) == ["pending", "declined"]  # one mail for both
    text = world.mailer.sent[-1].text
    assert "Your account is on hold since 2 November 2026." in text
    assert "may be put on hold" not in text


def test_within_the_grace_period_a_debit_that_fails_later_holds_nobody_until_it_is_over() -> None:
    world = closed("debit", grace_days=5)
    say(world, FAILED)
    webhook(world)
    assert world.customer("acme").held_since is None
    assert "on hold since" not in world.mailer.sent[-1].text
    for _ in range(4):
        world.clock.pass_time(days=1)
        webhook(world)
        world.collect()
    assert "2026-10.hold-1_acme" not in {mail.tag for mail in world.mailer.sent[:-1]}


def test_a_decline_at_the_close_is_one_mail_that_says_that_the_account_is_on_hold() -> None:
    world = closed("declined")
    assert kinds(world) == ["declined"]
    assert "Your account is on hold since 1 November 2026." in world.mailer.sent[0].text


def test_who_pays_late_is_told_that_the_hold_is_lifted_in_the_same_mail() -> None:
    world = closed("declined")
    say(world, CAME_IN)
    webhook(world)
    assert world.customer("acme").held_since is None
    assert kinds(world) == ["declined", "receipt"]
    assert "Your account is not on hold any more." in world.mailer.sent[-1].text


def test_a_hold_that_no_other_mail_tells_of_has_its_own_and_so_has_its_end() -> None:
    world = closed("ok")
    world.desk.hold("acme", "abuse of the free tier", "ada")
    for _ in range(2):
        world.keeper.tell("acme")
    assert [mail.subject for mail in world.mailer.sent[1:]] == ["Your Example Cloud account is on hold"]
    assert "abuse" not in world.mailer.sent[-1].text
    world.clock.pass_time(days=1)
    world.desk.release("acme", "sorry", "ada")
    for _ in range(2):
        world.keeper.tell("acme")
    assert [mail.subject for mail in world.mailer.sent[2:]] == ["Your Example Cloud account is not on hold any more"]


@pytest.mark.parametrize(("tell_placed", "tell_lifted", "sent"), [(0, 1, 1), (1, 0, 1), (0, 0, 0)])
def test_the_settings_decide_whether_holds_have_mails_of_their_own(
    tell_placed: int, tell_lifted: int, sent: int
) -> None:
    world = closed("ok", tell_placed=bool(tell_placed), tell_lifted=bool(tell_lifted))
    world.desk.hold("acme", "abuse", "ada")
    world.keeper.tell("acme")
    world.clock.pass_time(hours=1)
    world.desk.release("acme", "sorry", "ada")
    world.keeper.tell("acme")
    assert len(world.mailer.sent) == 1 + sent


def test_money_that_came_another_way_lifts_the_hold_and_the_customer_is_told() -> None:
    world = closed("declined")
    world.cashier.record("acme", TOTAL, "SEPA 47")
    change = world.month("acme", OCTOBER.next).hold or world.month("acme").hold
    assert change
    assert change.action is HoldAction.LIFTED
    assert world.mailer.sent[-1].subject == "Your Example Cloud account is not on hold any more"


def test_a_payment_by_hand_is_told_once_like_any_other() -> None:
    world = closed("declined")
    world.add_customer("acme", method="ok")
    world.cashier.pay("acme")
    world.settle()
    world.clock.pass_time(days=1)
    world.collect()
    assert kinds(world) == ["declined", "receipt"]


def test_a_mail_that_could_not_be_sent_is_sent_when_the_event_comes_again() -> None:
    world = closed("debit")
    say(world, FAILED)
    world.mailer.failures = [TryLaterError("SES rests")]
    applied = world.applier.book(EVENT)
    with pytest.raises(BrokeOffError):
        world.applier.finish(applied)
    world.applier.finish(applied)
    assert kinds(world) == ["pending", "declined"]
    assert {notice.state for notice in world.month("acme").notices} == {NoticeState.SENT}
