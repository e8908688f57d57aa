"""Two imports of the same customers' months at once, in every order that their requests may have.

Whatever the order, whoever dies where and begins again, and whichever answer gets lost: each month is as if what the
imports bring had come in one order or another, and each was told what it would have been told then. The month that the
fakes end in is the measure.
"""

import itertools
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from itertools import batched
from typing import NamedTuple
from uuid import UUID

import pytest
from moto.dynamodb.models import dynamodb_backends

from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.bootstrap import Runtime
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.ports import UsageStore
from monthclose.use_cases.imports.decide_usage import UsageDecider, UsageRow
from tests.contract.conftest import REGION, deployed
from tests.contract.interleaving import Fault, Interleaver, Place, Schedule
from tests.contract.usage import another
from tests.fakes.rating import FakeUsageStore
from tests.world import OCTOBER, OneAfterTheOther

MONTHS = (UsageMonth("acme", OCTOBER), UsageMonth("other", OCTOBER))
NOON = OCTOBER.end + timedelta(hours=12)
_ORDERS = int(os.environ.get("MONTHCLOSE_TESTS_ORDERS", "3"))
"""Orders of a story that are tried."""
_TURNS, _REQUESTS = 12, 5
"""Turns and requests of each chunk of a file that are decided."""
_RANDOM_STORIES = 8
pytestmark = pytest.mark.long
type Rows = tuple[UsageRow, ...]
type Faults = Mapping[Place, Fault]
type Answer = tuple[tuple[str, ...], ...]
"""Why rows of a month were rejected, chunk by chunk of a file."""


def event(name: str, quantity: int = 1, replaces: str = "", customer: str = "acme") -> UsageEvent:
    return UsageEvent(name, customer, "sku", Decimal(quantity), OCTOBER.start, replaces=replaces)


def rows(*events: UsageEvent, from_position: bool = False) -> Rows:
    return tuple(UsageRow(Row(n, {}), each, from_position) for n, each in enumerate(events, 1))


def many(first: int, count: int, customer: str) -> Iterator[UsageEvent]:
    """Make events whose ids nothing compresses: 80 of them fill a pack."""
    for number in range(first, first + count):
        yield event(str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)), customer=customer)


def full(first: int = 0, customer: str = "acme") -> Rows:
    """Rows that fill a pack."""
    return rows(*many(first, 80, customer))


@dataclass(frozen=True)
class Story:
    """What is there before, and what the two imports bring.

    Parameters
    ----------
    chunks : tuple of int
        How many rows each import takes at a time.
    """

    before: tuple[Rows, ...]
    one: Rows
    other: Rows
    chunks: tuple[int, int] = (1000, 1000)

    @property
    def files(self) -> tuple[list[Rows], list[Rows]]:
        """What each import brings, chunk by chunk."""
        one, other = self.chunks
        return list(batched(self.one, one, strict=False)), list(batched(self.other, other, strict=False))


WRITTEN = {
    "the same event and others of a new month": Story((), rows(event("a"), event("b")), rows(event("b"), event("c"))),
    "an id with two contents": Story((), rows(event("a", 1)), rows(event("a", 2))),
    "two corrections of one event": Story(
        (rows(event("a")),), rows(event("b", 2, "a")), rows(event("c", 3, "a"), event("d"))
    ),
    "two corrections of an event in a full pack": Story(
        (rows(event("a")), full()), rows(event("b", 2, "a")), rows(event("c", 3, "a"), event("d"))
    ),
    "two corrections of an event in a full pack that has one with room behind it": Story(
        (rows(event("a")), full(), rows(event("z"))), rows(event("b", 2, "a")), rows(event("c", 3, "a"), event("d"))
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
    "months of two customers, and rows of each that come again later": Story(
        (rows(event("a")), full(customer="other")),
        rows(event("b"), event("c", customer="other"), event("d", 2, "a"), event("b"), event("c", 2, customer="other")),
        rows(event("e", 2, "a"), event("c", customer="other"), event("b", 2), event("f", 2, "c", "other"), event("e")),
        (2, 2),
    ),
    "two large files in several chunks": Story(
        (), full() + full(100) + full(200), full(100) + full(customer="other"), (80, 50)
    ),
}


def random_story(number: int) -> Story:
    """Make files of few ids that come again, some with other content, corrections of them, and many others."""
    chance = random.Random(number)

    def said(count: int) -> Iterator[UsageEvent]:
        for _ in range(count):
            name, which = chance.randrange(13), chance.choice((0, 0, 0, 1))
            customer = chance.choice(MONTHS).customer_id
            if chance.randrange(3):
                yield event(f"e{name}", 1 + which, customer=customer)
            else:
                yield event(f"c{which}-{name}", 7, f"e{name}", customer)

    def others() -> Iterator[UsageEvent]:
        for _ in range(chance.randrange(3)):
            yield from many(40 * chance.randrange(4), 60, chance.choice(MONTHS).customer_id)

    def file() -> Rows:
        return rows(*said(chance.randint(1, 12)), *others(), *said(chance.randrange(9)))

    one, other = file(), file()
    return Story((), one, other, (-(-len(one) // chance.randint(1, 4)), -(-len(other) // chance.randint(1, 4))))


RANDOM = {f"random files {number}": random_story(number) for number in range(_RANDOM_STORIES)}
STORIES = WRITTEN | RANDOM


def by_month(some: Rows) -> Mapping[UsageMonth, Rows]:
    found = defaultdict[UsageMonth, Rows](tuple)
    for each in some:
        found[each.event.key.month] += (each,)
    return found


def imported(store: UsageStore, chunks: Sequence[Rows], hour: int) -> Mapping[UsageMonth, Answer]:
    """Import a file, at an hour of its own."""
    now = NOON + timedelta(hours=hour)
    told: dict[UsageMonth, Answer] = dict.fromkeys(MONTHS, ())
    for chunk in chunks:
        decided = UsageDecider(store, lambda: now).decide(by_month(chunk), now)
        reasons = {each.month: tuple(each.reasons) for each in decided}
        told = {month: (*before, reasons.get(month, ())) for month, before in told.items()}
    return told


def state(store: UsageStore, month: UsageMonth) -> object:
    events = list(store.events(*month))
    assert len({each.event_id for each in events}) == len(events), "an event is there twice"
    return said_of(events)


def said_of(events: Iterable[UsageEvent]) -> object:
    """Say what events are, and what has replaced which."""
    return frozenset((each.event_id, each.quantity, each.replaces, each.replaced_by) for each in events)


class Point(NamedTuple):
    """How far two imports are with a month, if chunk comes after chunk.

    Parameters
    ----------
    deaths : tuple of int
        How often each has still to die.
    """

    deaths: tuple[int, ...]
    told: tuple[Answer, ...]
    events: frozenset[UsageEvent]


@cache
def possible(name: str, month: UsageMonth, deaths: tuple[int, ...]) -> frozenset[tuple[object, ...]]:
    """Say how a month may end, and what each import may have been told when it did not die."""
    store = FakeUsageStore()
    for number, before in enumerate(STORIES[name].before):
        imported(store, [before], number)
    points = dict.fromkeys([Point(deaths, ((), ()), frozenset(store.events(*month)))])
    left = list(points)
    while left:
        new = [each for each in following(name, month, left.pop()) if each not in points]
        points |= dict.fromkeys(new)
        left += new
    ends = tuple(len(file) for file in STORIES[name].files)
    ended = (point for point in points if not any(point.deaths) and tuple(map(len, point.told)) == ends)
    return frozenset((said_of(point.events), *point.told) for point in ended)


def following(name: str, month: UsageMonth, point: Point) -> Iterator[Point]:
    """Let one of the imports die and begin again, or store its next chunk."""
    for which, file in enumerate(STORIES[name].files):
        told = point.told[which]
        if point.deaths[which]:
            deaths = put(point.deaths, which, point.deaths[which] - 1)
            yield Point(deaths, put(point.told, which, ()), point.events)
        if len(told) < len(file):
            events, reasons = stored(name, month, which, len(told), point.events)
            yield Point(point.deaths, put(point.told, which, (*told, reasons)), events)


def put[T](values: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*values[:place], value, *values[place + 1 :])


@cache
def stored(
    name: str, month: UsageMonth, which: int, chunk: int, events: frozenset[UsageEvent]
) -> tuple[frozenset[UsageEvent], tuple[str, ...]]:
    """Say what is there when a chunk is stored after some events, and why rows are rejected."""
    store = FakeUsageStore()
    store.put(events)
    [reasons] = imported(store, [STORIES[name].files[which][chunk]], 10)[month]
    return frozenset(store.events(*month)), reasons


class Stage:
    """Plays a story on DynamoDB, again and again."""

    def __init__(self, aws: Runtime, interleaver: Interleaver, name: str) -> None:
        self._aws, self._interleaver, self._name = aws, interleaver, name
        for number, before in enumerate(STORIES[name].before):
            imported(another(aws), [before], number)
        interleaver.remember()
        self._months = {each.event.key.month for each in (*STORIES[name].one, *STORIES[name].other)}

    def play(self, turns: Sequence[int], faults: Faults | None = None, stale: int | None = None) -> None:
        """Play it, and check how each month ends."""
        self._interleaver.restore()
        programs = [partial(self._import, number) for number in (0, 1)]
        run = self._interleaver.run(programs, Schedule(turns, faults or {}, stale))
        usage = another(self._aws)
        for month in self._months:
            told = [answer[month] for answer in run.answers]
            ended = state(usage, month), *told
            assert ended in possible(self._name, month, tuple(run.deaths)), run.calls

    def _import(self, which: int) -> Mapping[UsageMonth, Answer]:
        """Import one of the files, in a process of its own."""
        return imported(another(self._aws), STORIES[self._name].files[which], 10 + which)

    def orders(self, times: int = 1) -> Iterator[tuple[int, ...]]:
        """Make orders in which the two take turns, one after the other first."""
        chance, turns = random.Random(self._name), _TURNS * self._chunks
        yield from ((), (1,) * turns)
        for _ in range(times * _ORDERS):
            yield tuple(chance.randrange(2) for _ in range(turns))

    def fault(self, which: int, chance: random.Random, *kinds: Fault) -> Faults:
        """Choose what goes wrong at one of an import's requests."""
        return {(which, chance.randrange(_REQUESTS * self._chunks)): chance.choice(kinds)}

    @property
    def _chunks(self) -> int:
        return max(map(len, STORIES[self._name].files))


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with deployed() as aws, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ThreadPoolExecutor, "submit", OneAfterTheOther.submit)
        tables = dynamodb_backends["123456789012"][REGION].tables
        with Interleaver(tables, UsagePackItem.Meta.table_name).of(aws._connection.client) as interleaver:
            yield Stage(aws, interleaver, request.param)


each_written_story = pytest.mark.parametrize("stage", WRITTEN, indirect=True, scope="module")
each_story = pytest.mark.parametrize("stage", WRITTEN | RANDOM, indirect=True, scope="module")


@each_story
def test_two_imports_at_once_end_as_if_one_had_come_after_the_other(stage: Stage) -> None:
    for turns in stage.orders():
        stage.play(turns)


@each_written_story
def test_an_import_that_dies_anywhere_and_begins_again_leaves_the_months_as_they_should_be(stage: Stage) -> None:
    for turns, mortal in itertools.product(stage.orders(), (0, 1)):
        chance = random.Random(f"{turns} {mortal}")
        stage.play(turns, stage.fault(mortal, chance, Fault.DIES_BEFORE, Fault.DIES_AFTER))


@each_written_story
def test_a_request_that_arrives_twice_because_its_answer_was_lost_changes_nothing(stage: Stage) -> None:
    for turns, which in itertools.product(stage.orders(), (0, 1)):
        stage.play(turns, stage.fault(which, random.Random(f"{turns} {which}"), Fault.ARRIVES_TWICE))


@each_written_story
def test_a_look_that_misses_the_last_writes_changes_nothing(stage: Stage) -> None:
    for seed, turns in enumerate(stage.orders(2)):
        stage.play(turns, stale=seed)


@each_story
def test_whatever_goes_wrong_together_the_months_are_as_they_should_be(stage: Stage) -> None:
    for seed, turns in enumerate(stage.orders()):
        chance = random.Random(seed)
        faults = dict[Place, Fault]()
        for which in (0, 1):
            for _ in range(chance.randrange(4)):
                faults |= stage.fault(which, chance, *Fault)
        stage.play(turns, faults, stale=seed)
