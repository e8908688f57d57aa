"""What every audit trail promises, fake or real."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import boto3
import pytest

from monthclose.adapters.dynamo.acts import ActItem
from monthclose.adapters.dynamo.audit import DynamoAuditTrail
from monthclose.bootstrap import Runtime
from monthclose.domain.audit import Act, Caller, RecordedAct, check, recorded
from monthclose.errors import UserMistakeError
from monthclose.ports import AuditTrail
from tests.contract.conftest import AnyWorld
from tests.world import OCTOBER, World

NOON = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
ADA, BOB = Caller("AIDAADA", "arn:aws:iam::123456789012:user/ada"), Caller("AROABOB:bob", "arn:aws:sts::1:bob")


@pytest.fixture
def trail(world: AnyWorld, monkeypatch: pytest.MonkeyPatch) -> AuditTrail:
    """A trail whose clock is long past what the tests append."""
    world.clock = lambda: NOON + timedelta(days=400)
    if isinstance(world, World):
        world.audit.clock = world.clock
    return world.audit


def act_as(trail: AuditTrail, caller: Caller) -> AuditTrail:
    """Return the trail as another identity has it."""
    if isinstance(trail, DynamoAuditTrail):
        return DynamoAuditTrail(trail._connection, lambda: caller, trail._clock)
    trail.caller = caller  # type: ignore[attr-defined]
    return trail


def act(minutes: int = 0, **about: object) -> Act:
    return Act(time=NOON + timedelta(minutes=minutes), what="close.stopped", **about)  # type: ignore[arg-type]


def whys(found: Iterator[RecordedAct]) -> list[str]:
    return [each.act.why for each in found]


def test_an_act_is_read_back_with_who_did_it(trail: AuditTrail) -> None:
    given = act(
        by="Ada", why='it\'s "wrong": prices?\n{x}', before="1", after='{"a": 2}', period=OCTOBER, invoice="INV-1"
    )
    made = act_as(trail, ADA).append(given)
    [found] = trail.find()
    assert found == made == trail.get(made.name)
    assert (found.act.who, found.identity, found.number) == (ADA.arn, ADA.user_id, 1)
    assert (found.act.by, found.act.why, found.act.before, found.act.after) == ("Ada", given.why, "1", '{"a": 2}')
    assert (found.act.time, found.act.period, found.act.invoice, found.act.customer_id) == (NOON, OCTOBER, "INV-1", "")


def test_acts_are_found_by_what_they_are_about_the_newest_first(trail: AuditTrail) -> None:
    trail.append(act(0, why="first", period=OCTOBER))
    trail.append(act(1, why="second", customer_id="acme", period=OCTOBER))
    trail.append(act(2, why="third", customer_id="acme", invoice="INV-1"))
    assert whys(trail.find()) == ["third", "second", "first"]
    assert whys(trail.find(period=OCTOBER)) == ["second", "first"]
    assert whys(trail.find(customer_id="acme")) == ["third", "second"]
    assert whys(trail.find(customer_id="acme", period=OCTOBER)) == ["second"]
    assert whys(trail.find(invoice="INV-1")) == ["third"]
    assert not whys(trail.find(customer_id="other"))
    assert whys(trail.find(subject="close")) == ["third", "second", "first"]
    assert not whys(trail.find(subject="hold"))


def test_acts_are_found_by_time_from_one_instant_on_and_before_another(trail: AuditTrail) -> None:
    for minutes in range(4):
        trail.append(act(minutes, why=str(minutes)))
    one, three = NOON + timedelta(minutes=1), NOON + timedelta(minutes=3)
    assert whys(trail.find(since=one)) == ["3", "2", "1"]
    assert whys(trail.find(until=one)) == ["0"]
    assert whys(trail.find(since=one, until=three)) == ["2", "1"]


def test_more_acts_than_a_page_are_read_on_demand(trail: AuditTrail) -> None:
    for minutes in range(130):
        trail.append(act(minutes, why=str(minutes)))
    assert whys(islice(trail.find(), 3)) == ["129", "128", "127"]
    assert len(whys(trail.find())) == 130


def test_acts_of_the_same_instant_keep_their_order_and_the_trail_is_whole(trail: AuditTrail) -> None:
    for number in range(3):
        act_as(trail, ADA).append(act(why=f"ada {number}"))
        act_as(trail, BOB).append(act(why=f"bob {number}"))
    found = list(trail.find())
    assert [each.act.why for each in found] == ["bob 2", "ada 2", "bob 1", "ada 1", "bob 0", "ada 0"]
    assert [each.number for each in found] == [3, 3, 2, 2, 1, 1]
    assert not list(check(found))


def test_a_clock_that_is_far_ahead_moves_nobody_elses_acts(trail: AuditTrail) -> None:
    act_as(trail, ADA).append(act(minutes=1_000_000, why="in two years"))
    made = act_as(trail, BOB).append(act(why="now"))
    assert made.at.startswith("2026-11-01T12:00:00.123456")
    assert not made.seen


def test_two_workers_who_append_at_the_same_time_both_do(aws: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = aws.audit
    insert, others = DynamoAuditTrail._insert, [act(why=f"faster {number}") for number in range(3)]

    def raced(self: DynamoAuditTrail, made: RecordedAct) -> None:
        if others:
            insert(self, _next(trail, others.pop()))
        insert(self, made)

    def _next(trail: AuditTrail, faster: Act) -> RecordedAct:
        assert isinstance(trail, DynamoAuditTrail)
        return recorded(faster, trail._caller, trail._last(), trail._newest())

    monkeypatch.setattr(DynamoAuditTrail, "_insert", raced)
    made = trail.append(act(why="slower"))
    found = list(trail.find())
    assert [each.number for each in found] == [4, 3, 2, 1]
    assert found[0] == made
    assert not list(check(found))


def test_an_append_whose_answer_was_lost_is_not_made_twice(aws: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = DynamoAuditTrail._insert

    def twice(self: DynamoAuditTrail, made: RecordedAct) -> None:
        insert(self, made)
        insert(self, made)  # as the client does after a lost answer

    monkeypatch.setattr(DynamoAuditTrail, "_insert", twice)
    made = aws.audit.append(act(why="once"))
    assert list(aws.audit.find()) == [made]


def test_what_is_overwritten_or_deleted_in_the_table_is_noticed(aws: Runtime) -> None:
    made = [aws.audit.append(act(minutes, why=str(minutes))) for minutes in range(4)]
    items = boto3.client("dynamodb", region_name="us-east-1")
    item = ActItem.get(made[1].identity, "2".zfill(12))
    item.content = item.content.replace('"1"', '"9"')
    item.save()
    items.delete_item(TableName="audit", Key={"identity": {"S": made[0].identity}, "number": {"S": "1".zfill(12)}})
    assert list(check(aws.audit.find())) == [
        (made[1].name, "was changed after it was written"),
        (made[0].name, "is missing"),
    ]


def test_a_deployment_without_a_trail_says_so_and_changes_nothing(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ActItem.Meta, "table_name", "")
    with pytest.raises(UserMistakeError, match="no audit trail yet, and nothing is changed without it"):
        aws.audit.append(act())
    assert not list(aws.audit.find())
