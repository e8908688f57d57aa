"""Two imports of one customer's month at once, in every order that their requests may have.

Whatever the order, whoever dies where, and whichever answer gets lost: the month is as if one import had come after the
other, and each was told what it would have been told then. The month that the fakes end in is the measure.
"""

import itertools
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from uuid import UUID

import pytest
from moto.dynamodb.models import dynamodb_backends

from monthclose.adapters.dynamo.models import UsagePackItem
from monthclose.bootstrap import Runtime
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.ports import UsageStore
from monthclose.use_cases.imports.decide_usage import UsageDecider, UsageRow
from tests.contract.conftest import REGION
from tests.contract.interleaving import Interleaver, Run, Schedule
from tests.contract.test_usage_packs import another
from tests.fakes.rating import FakeUsageStore
from tests.world import OCTOBER

MONTH = UsageMonth("acme", OCTOBER)
NOON = OCTOBER.end + timedelta(hours=12)
EITHER = (("one", "other"), ("other", "one"))
_ORDERS, _TURNS, _REQUESTS = int(os.environ.get("MONTHCLOSE_TESTS_ORDERS", "3")), 12, 5
"""Orders of a story that are tried, and turns and requests that are decided in each."""
type Rows = tuple[UsageRow, ...]
type Reasons = tuple[str, ...]
type Outcome = tuple[object, ...]


def event(name: str, quantity: int = 1, replaces: str = "") -> UsageEvent:
    return UsageEvent(name, "acme", "sku", Decimal(quantity), OCTOBER.start, replaces=replaces)


def rows(*events: UsageEvent, from_position: bool = False) -> Rows:
    return tuple(UsageRow(Row(n, {}), each, from_position) for n, each in enumerate(events, 1))


def full(first: int = 0) -> Rows:
    """Rows that fill a pack: nothing compresses their ids."""
    ids = (UUID(int=(first + number) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for number in range(80))
    return rows(*(event(str(name)) for name in ids))


@dataclass(frozen=True)
class Story:
    """What is there before, and what the two imports bring."""

    before: tuple[Rows, ...]
    one: Rows
    other: Rows


STORIES = {
    "the same event and others of a new month": Story((), rows(event("a"), event("b")), rows(event("b"), event("c"))),
    "an id with two contents": Story((), rows(event("a", 1)), rows(event("a", 2))),
    "two corrections of one event": Story(
        (rows(event("a")),), rows(event("b", 2, "a")), rows(event("c", 3, "a"), event("d"))
    ),
    "two corrections of an event in a full pack": Story(
        (rows(event("a")), full()), rows(event("b", 2, "a")), rows(event("c", 3, "a"), event("d"))
    ),
    "two mended files": Story(
        (rows(event("f#1"), from_position=True),),
        rows(event("f#1", 2), from_position=True),
        rows(event("f#1", 3), event("f#2"), from_position=True),
    ),
    "a mended file and its first state again": Story(
        (rows(event("f#1"), from_position=True), rows(event("f#1", 2), from_position=True), full()),
        rows(event("f#1"), from_position=True),
        rows(event("f#1", 2), from_position=True),
    ),
    "the next pack of a full month": Story((full(),), rows(event("a"), event("b")), rows(event("b"), event("c"))),
    "the same pack twice": Story((full(),), full(100), full(100)),
    "a correction of what the other brings": Story((full(),), rows(event("a")), rows(event("b", 2, "a"), event("c"))),
    "a large change and a correction of an old event": Story(
        (rows(event("a")), full()), full(100) + full(200), rows(event("b", 2, "a"))
    ),
}


def imported(store: UsageStore, rows: Rows, hour: int) -> Reasons:
    """Import rows, at an hour of its own."""
    now = NOON + timedelta(hours=hour)
    [decided] = UsageDecider(store, lambda: now).decide({MONTH: rows}, now)
    return tuple(decided.reasons)


def state(store: UsageStore) -> object:
    """Say what a month's events are, and what has replaced which."""
    events = list(store.events(*MONTH))
    assert len({each.event_id for each in events}) == len(events), "an event is there twice"
    return frozenset((each.event_id, each.quantity, each.replaces, each.replaced_by) for each in events)


@cache
def serial(name: str, order: tuple[str, ...], told: tuple[str, ...]) -> Outcome:
    """Say how it ends if one import comes after the other, and what those that live to hear it are told."""
    store, answers, story = FakeUsageStore(), dict[str, Reasons](), STORIES[name]
    for number, before in enumerate(story.before):
        imported(store, before, number)
    for number, which in enumerate(order):
        brought = story.one if which.startswith("one") else story.other
        answers[which] = imported(store, brought, 10 + number)
    return state(store), *(answers[which] for which in told)


class Stage:
    """Plays a story on DynamoDB, again and again."""

    def __init__(self, aws: Runtime, interleaver: Interleaver, name: str) -> None:
        self._aws, self._interleaver = aws, interleaver
        self._name, self._story = name, STORIES[name]
        for number, before in enumerate(self._story.before):
            imported(another(aws), before, number)
        interleaver.remember()

    def play(self, schedule: Schedule) -> Run:
        self._interleaver.restore()
        one, other = another(self._aws), another(self._aws)
        programs = [lambda: imported(one, self._story.one, 10), lambda: imported(other, self._story.other, 11)]
        return self._interleaver.run(programs, schedule)

    def again(self, which: int) -> Reasons:
        """Import one of the two again, undisturbed."""
        return imported(another(self._aws), (self._story.one, self._story.other)[which], 20)

    def ends_as(self, orders: Sequence[Sequence[str]], told: Sequence[str], *answers: object) -> bool:
        """Say whether it is as if the imports had come one after the other, in one of these orders."""
        return (state(another(self._aws)), *answers) in [
            serial(self._name, tuple(order), tuple(told)) for order in orders
        ]


def orders(story: str, times: int = 1) -> Iterator[tuple[int, ...]]:
    """Make orders in which the two take turns, one after the other first."""
    chance = random.Random(story)
    yield from ((), (1,) * _TURNS)
    for _ in range(times * _ORDERS):
        yield tuple(chance.randrange(2) for _ in range(_TURNS))


@pytest.fixture
def interleaver(aws: Runtime) -> Iterator[Interleaver]:
    table = dynamodb_backends["123456789012"][REGION].tables[UsagePackItem.Meta.table_name]
    with Interleaver().on(table) as found:
        yield found


@pytest.fixture(params=STORIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stage(name: str, aws: Runtime, interleaver: Interleaver) -> Stage:
    return Stage(aws, interleaver, name)


def test_two_imports_at_once_end_as_if_one_had_come_after_the_other(stage: Stage, name: str) -> None:
    for turns in orders(name):
        run = stage.play(Schedule(turns))
        assert stage.ends_as(EITHER, ("one", "other"), *run.answers), run.calls


def test_an_import_that_dies_anywhere_and_comes_again_leaves_the_month_as_it_should_be(stage: Stage, name: str) -> None:
    for turns, mortal in itertools.product(orders(name), (0, 1)):
        place = random.Random(f"{name} {turns}").randrange(_REQUESTS)
        run = stage.play(Schedule(turns, dies=(mortal, place)))
        if run.answers[mortal] is not None:
            continue  # it had ended before
        dead, alive = ("one", "other") if mortal == 0 else ("other", "one")
        possible = [(alive, f"{dead} again"), (dead, alive, f"{dead} again"), (alive, dead, f"{dead} again")]
        told = stage.again(mortal)
        assert stage.ends_as(possible, (alive, f"{dead} again"), run.answers[1 - mortal], told), run.calls


def test_a_request_that_arrives_twice_because_its_answer_was_lost_changes_nothing(stage: Stage, name: str) -> None:
    for turns, which in itertools.product(orders(name), (0, 1)):
        place = random.Random(f"{name} {turns}").randrange(_REQUESTS)
        run = stage.play(Schedule(turns, twice=(which, place)))
        assert stage.ends_as(EITHER, ("one", "other"), *run.answers), run.calls


def test_a_look_that_misses_the_last_writes_changes_nothing(stage: Stage, name: str) -> None:
    for seed, turns in enumerate(orders(name, 4)):
        run = stage.play(Schedule(turns, stale=seed))
        assert stage.ends_as(EITHER, ("one", "other"), *run.answers), run.calls
