"""What the audit trail's check notices, and what it doesn't take for damage."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.audit import MOST_CHARACTERS, Act, Caller, RecordedAct, check, in_json
from monthclose.domain.period import Period
from tests.fakes import FakeAuditTrail, FakeClock

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADA, BOB = Caller("AIDAADA", "arn:ada"), Caller("AROABOB:bob", "arn:bob")


def trail(*callers: Caller) -> FakeAuditTrail:
    """A trail of acts by these, a minute apart."""
    made = FakeAuditTrail(clock=FakeClock(NOON + timedelta(days=1)))
    for minutes, caller in enumerate(callers):
        made.caller = caller
        made.append(Act(time=NOON + timedelta(minutes=minutes), what="close.stopped", why=str(minutes)))
    return made


def damage(made: FakeAuditTrail, *, whole: bool = True) -> list[tuple[str, str]]:
    return list(check(made.find(), whole=whole))


def rewritten(each: RecordedAct) -> RecordedAct:
    """Change an act as somebody would who knows how digests are computed."""
    changed = replace(each, content=each.content.replace("close.stopped", "close.started"))
    return replace(changed, digest=changed.computed())


def test_a_trail_as_it_was_written_is_whole() -> None:
    assert not damage(trail(ADA, BOB, BOB, ADA, BOB))
    assert not damage(trail())


def test_a_changed_act_is_noticed() -> None:
    made = trail(ADA, ADA)
    made.acts[0] = replace(made.acts[0], content=made.acts[0].content.replace('"0"', '"9"'))
    assert damage(made) == [("AIDAADA#1", "was changed after it was written")]


def test_an_act_that_was_changed_with_its_digest_is_noticed_by_the_next_one() -> None:
    made = trail(ADA, ADA)
    made.acts[0] = rewritten(made.acts[0])
    assert damage(made) == [("AIDAADA#1", "is not the act that later acts follow on")]


def test_even_an_identitys_last_act_is_guarded_once_somebody_else_has_acted() -> None:
    made = trail(ADA, BOB)
    made.acts[0] = rewritten(made.acts[0])
    assert damage(made) == [("AIDAADA#1", "is not the act that later acts follow on")]
    gone = trail(ADA, BOB)
    del gone.acts[0]
    assert damage(gone) == [("AIDAADA#1", "is missing")]


def test_rewriting_an_identitys_whole_chain_is_noticed_by_the_acts_of_others() -> None:
    made = trail(ADA, BOB, ADA)
    first = made.acts[0] = rewritten(made.acts[0])
    last = replace(made.acts[2], previous=first.digest)
    made.acts[2] = replace(last, digest=last.computed())
    assert damage(made) == [("AIDAADA#1", "is not the same act to all acts that follow on it")]


@pytest.mark.parametrize(
    ("lose", "expected"),
    [
        (lambda acts: acts[:1] + acts[2:], [("AIDAADA#2", "is missing; the act found before it is AIDAADA#1")]),
        (lambda acts: acts[1:], [("AIDAADA#1", "is missing")]),
        (lambda acts: [*acts, acts[1]], [("AIDAADA#1", "is missing; the act found before it is AIDAADA#2")]),
    ],
)
def test_gaps_and_repetitions_are_noticed(
    lose: Callable[[list[RecordedAct]], list[RecordedAct]], expected: list[tuple[str, str]]
) -> None:
    made = trail(ADA, ADA, ADA)
    made.acts = lose(made.acts)
    assert damage(made) == expected


def test_a_part_of_the_trail_is_whole_without_the_acts_before_it() -> None:
    made = trail(ADA, BOB, ADA, BOB)
    made.acts = made.acts[2:]
    assert not damage(made, whole=False)
    assert damage(made)


def test_long_texts_are_cut_and_empty_ones_are_not_kept() -> None:
    made = trail()
    act = made.append(Act(time=NOON, what="a.b", why="x" * 13_000, period=Period(2026, 10))).act
    assert len(act.why) == MOST_CHARACTERS
    assert act.content().keys() == {"time", "what", "who", "why", "period"}
    assert Act.from_content({**act.content(), "later": "release"}) == act


def test_before_and_after_leave_out_what_there_is_not() -> None:
    assert in_json(rate=25.0, burst=None, name="Łódź") == '{"rate": 25.0, "name": "Łódź"}'
