"""Two imports of one customer's month at once, in every order that their requests may have.

Whatever the order, whoever dies where, and whichever answer gets lost: the month is as if one import had come after the
other, and each was told what it would have been told then. The month that the fakes end in is the measure.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
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
from tests.contract.interleaving import Interleaver, Run, Schedule, schedules
from tests.fakes import FakeLog
from tests.fakes.rating import FakeUsageStore
from tests.world import OCTOBER, SETTINGS

MONTH = UsageMonth("acme", OCTOBER)
NOON = OCTOBER.end + timedelta(hours=12)
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
    [decided] = UsageDecider(store, lambda: NOON + timedelta(hours=hour)).decide({MONTH: rows})
    return tuple(decided.reasons)


def state(store: UsageStore) -> object:
    """Say what a month's events are, and what has replaced which."""
    events = list(store.events(*MONTH))
    assert len({each.event_id for each in events}) == len(events), "an event is there twice"
    return frozenset((each.event_id, each.quantity, each.replaces, each.replaced_by) for each in events)


def serial(story: Story, order: Sequence[str], told: Sequence[str]) -> Outcome:
    """Say how it ends if one import comes after the other, and what those that live to hear it are told."""
    store, answers = FakeUsageStore(), dict[str, Reasons]()
    for number, before in enumerate(story.before):
        imported(store, before, number)
    for number, name in enumerate(order):
        which = story.one if name.startswith("one") else story.other
        answers[name] = imported(store, which, 10 + number)
    return state(store), *(answers[name] for name in told)


class Bench:
    """Runs a story on DynamoDB."""

    def __init__(self, interleaver: Interleaver, story: Story) -> None:
        self._interleaver, self._story = interleaver, story

    def run(self, schedule: Schedule) -> Run:
        self._interleaver.empty()
        for number, before in enumerate(self._story.before):
            imported(process(), before, number)
        one, other = process(), process()
        programs = [lambda: imported(one, self._story.one, 10), lambda: imported(other, self._story.other, 11)]
        return self._interleaver.run(programs, schedule)

    def again(self, which: Rows) -> Reasons:
        """Import one of the two again, undisturbed."""
        return imported(process(), which, 20)

    def ends_as(self, story: Story, orders: Sequence[Sequence[str]], told: Sequence[str], *answers: object) -> bool:
        """Say whether it is as if the imports had come one after the other, in one of these orders."""
        return (state(process()), *answers) in [serial(story, order, told) for order in orders]


def process() -> UsageStore:
    """Make a store as another process has it: it remembers nothing."""
    return Runtime(SETTINGS, REGION, FakeLog()).usage


@pytest.fixture
def interleaver(aws: Runtime) -> Iterator[Interleaver]:
    table = dynamodb_backends["123456789012"][REGION].tables[UsagePackItem.Meta.table_name]
    with Interleaver().on(table) as found:
        yield found


@pytest.mark.parametrize("name", STORIES)
def test_two_imports_at_once_end_as_if_one_had_come_after_the_other(name: str, interleaver: Interleaver) -> None:
    story = STORIES[name]
    bench = Bench(interleaver, story)
    runs = 0
    for _, run in itertools.islice(schedules(bench.run), 400):
        orders = (("one", "other"), ("other", "one"))
        assert bench.ends_as(story, orders, ("one", "other"), *run.answers), run.calls
        runs += 1
    print(name, runs, run.requests)


@pytest.mark.parametrize("name", STORIES)
def test_an_import_that_dies_anywhere_and_comes_again_leaves_the_month_as_it_should_be(
    name: str, interleaver: Interleaver
) -> None:
    story = STORIES[name]
    bench = Bench(interleaver, story)
    for mortal, turns in itertools.product((0, 1), ((), (1,), (0, 1), (1, 0), (0, 1, 1), (1, 0, 0), (0, 0, 1), (1, 1))):
        requests = bench.run(Schedule(turns)).requests[mortal]
        for number in range(requests):
            run = bench.run(Schedule(turns, dies=(mortal, number)))
            dead, alive = ("one", "other") if mortal == 0 else ("other", "one")
            orders = [(alive, f"{dead} again"), (dead, alive, f"{dead} again"), (alive, dead, f"{dead} again")]
            told = bench.again(story.one if mortal == 0 else story.other)
            answer = run.answers[1 - mortal]
            assert bench.ends_as(story, orders, (alive, f"{dead} again"), answer, told), run.calls


@pytest.mark.parametrize("name", STORIES)
def test_a_request_that_arrives_twice_because_its_answer_was_lost_changes_nothing(
    name: str, interleaver: Interleaver
) -> None:
    story = STORIES[name]
    bench = Bench(interleaver, story)
    orders = (("one", "other"), ("other", "one"))
    for which, turns in itertools.product((0, 1), ((), (1,), (0, 1), (1, 0), (0, 1, 1), (1, 0, 0))):
        for number in range(bench.run(Schedule(turns)).requests[which]):
            run = bench.run(Schedule(turns, twice=(which, number)))
            assert bench.ends_as(story, orders, ("one", "other"), *run.answers), run.calls


@pytest.mark.parametrize("name", STORIES)
def test_a_look_that_misses_the_last_writes_changes_nothing(name: str, interleaver: Interleaver) -> None:
    story = STORIES[name]
    bench = Bench(interleaver, story)
    orders = (("one", "other"), ("other", "one"))
    for turns, stale in itertools.product(itertools.product((0, 1), repeat=3), range(6)):
        run = bench.run(Schedule(turns, stale=stale))
        assert bench.ends_as(story, orders, ("one", "other"), *run.answers), run.calls
