"""Usage in packs on DynamoDB: two at once, deaths at every request, months that are moved in and out, large months."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.models import UsageItem, UsagePackItem
from monthclose.adapters.dynamo.usage import moving
from monthclose.adapters.dynamo.usage.earlier_items import UsageItems
from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageChange, UsageEvent, UsageMonth
from monthclose.errors import TryLaterError
from monthclose.ports import EarlierUsage
from monthclose.use_cases.imports.move_usage import MovedUsage
from tests.contract.conftest import REGION
from tests.contract.test_usage_store import MONTH, NOON, correction, event, filled, seen, stored
from tests.deaths import Deaths
from tests.earlier_usage import store_as_items
from tests.fakes import FakeLog
from tests.requests_of import in_front_of
from tests.unit.dying import DiedError
from tests.usage import store_usage
from tests.world import OCTOBER, OneAfterTheOther

EXPIRES = datetime(2027, 12, 1, tzinfo=NOON.tzinfo)


class Kept:
    """`EarlierUsage` in memory: an archive."""

    def __init__(self, events: Iterable[UsageEvent] = ()) -> None:
        self.kept = list(events)

    def may_have(self, period: Period) -> bool:
        return any(each.period == period for each in self.kept)

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        return (each for each in self.kept if each.key.month == (customer_id, period))

    def comes_back(self, period: Period) -> None:
        pass


def another(aws: Runtime, *earlier: EarlierUsage) -> DynamoUsageStore:
    """Make the store of another process."""
    return DynamoUsageStore(aws._connection, aws._batches, [*earlier, UsageItems(aws._batches)])


def packs(generation: str | None = None) -> list[UsagePackItem]:
    return [item for item in UsagePackItem.scan() if generation is None or item.generation == generation]


def change(usage: DynamoUsageStore, added: Sequence[UsageEvent], replaced: Sequence[UsageEvent] = ()) -> UsageChange:
    return UsageChange(MONTH, seen(usage, [each.event_id for each in (*added, *replaced)]).version, added, replaced)


def test_fifty_events_are_one_item_and_small_additions_are_added_to_it(aws: Runtime) -> None:
    store_usage(aws.usage, [event(number, resource="web-1") for number in range(50)])
    assert [(item.number, item.events, item.full) for item in packs()] == [("000001", 50, False)]
    store_usage(aws.usage, [event(number, resource="web-1") for number in range(50, 55)])
    assert [(item.number, item.events) for item in packs()] == [("000001", 55)]
    for first in (100, 150, 200):
        store_usage(aws.usage, [event(number) for number in range(first, first + 50)])
    assert [(item.number, item.events, item.full) for item in packs()] == [
        ("000001", 105, True),
        ("000002", 50, True),
        ("000003", 50, True),
    ]


LARGE = [event(number, description=f"{number * 7919 % 100_003:x}" * 300) for number in range(1_500)]
"""Events that are several packs."""


def scenarios() -> dict[str, Callable[[DynamoUsageStore], UsageChange]]:
    """Changes of a month with 120 events in three packs, by what they take."""
    events = [event(number) for number in range(120)]

    def corrected(usage: DynamoUsageStore, *numbers: int) -> UsageChange:
        new, old = zip(*(correction(events[number], f"x{number}") for number in numbers), strict=True)
        return change(usage, new, old)

    return {
        "a few events": lambda usage: change(usage, [event(number) for number in range(200, 205)]),
        "several packs": lambda usage: change(usage, LARGE[200:]),
        "a correction in the last pack": lambda usage: corrected(usage, 119),
        "corrections in several packs": lambda usage: corrected(usage, 1, 60, 119),
        "a mark alone": lambda usage: change(usage, [], [correction(events[1], "x1")[1]]),
    }


@pytest.mark.parametrize("what", scenarios())
@pytest.mark.parametrize("after", [False, True], ids=["before the request", "before its answer"])
def test_whoever_dies_at_a_request_has_stored_a_change_whole_or_not_at_all(
    aws: Runtime, what: str, after: bool
) -> None:
    usage = another(aws)
    filled(usage, 120)
    wanted = scenarios()[what](usage)
    before = stored(usage)
    changed = {each.event_id: each for each in (*before, *wanted.added, *wanted.replaced)}
    whole = [changed[name] for name in sorted(changed)]
    for at in range(12):
        deaths = Deaths(at, after)
        try:
            with deaths.of(aws._connection.client):
                assert another(aws).store([wanted]) in ([], [MONTH])
        except DiedError:
            assert stored(usage) in (before, whole)
            continue
        break
    assert stored(another(aws)) == whole
    assert at > 0


def test_of_two_who_decided_on_one_state_one_is_refused_wherever_the_other_stores_in_between(aws: Runtime) -> None:
    """At each request of one, the other does all of theirs; then who was refused decides again."""
    for count in (0, 1, 40, 120):
        for at in range(8):
            month = UsageMonth(f"c{count}-{at}", OCTOBER)
            one, other = another(aws), another(aws)
            store_usage(one, [event(number, month.customer_id) for number in range(count)])
            version = seen(one, month=month).version
            assert seen(other, month=month).version == version
            mine = UsageChange(month, version, [event(900, month.customer_id)])
            theirs = UsageChange(month, version, [event(900, month.customer_id, sku="theirs")])
            told = list[list[UsageMonth]]()
            with Between(at, partial(_tell, told, other.store, [theirs])).of(aws):
                refused = one.store([mine])
            told = told or [other.store([theirs])]
            assert sorted([refused, *told]) == [[], [month]]
            assert len(stored(one, month)) == count + 1


def _tell(told: list[Any], do: Callable[..., Any], *arguments: Any) -> None:
    told.append(do(*arguments))


class Between:
    """Does something before a request, once."""

    def __init__(self, at: int, do: Callable[[], object]) -> None:
        self._at, self._do, self._count = at, do, 0

    def of(self, aws: Runtime) -> AbstractContextManager[None]:
        return in_front_of(aws._connection.client, self._before)

    def _before(self, **_: object) -> None:
        self._count += 1
        if self._count - 1 == self._at:
            self._do()


def test_a_lost_answer_is_not_taken_for_somebody_elses_success(aws: Runtime) -> None:
    """The client repeats a write whose answer it doesn't get, and is refused: the item is there already."""
    usage = another(aws)
    wanted = change(usage, [event(1)])
    [write] = usage._plans([wanted])[MONTH].writes
    write.item.save()
    assert usage.store([wanted]) == []


def test_what_is_behind_a_pack_with_room_is_no_part_of_the_month(aws: Runtime) -> None:
    usage = another(aws)
    events = filled(usage, 30)
    [item] = packs()
    item.number, item.revision = "000002", 1
    item.save()
    assert stored(another(aws)) == events
    assert seen(another(aws)).version == seen(usage).version


def test_one_import_of_a_large_month_reads_it_once(aws: Runtime) -> None:
    usage, chunk = another(aws), 500
    with Deaths().of(aws._connection.client) as watched:
        for first in range(0, 20_000, chunk):
            added = [event(number) for number in range(first, first + chunk)]
            found = usage.look_up({MONTH: [each.event_id for each in added]})[MONTH]
            assert not found.events
            assert usage.store([UsageChange(MONTH, found.version, added)]) == []
    asked = Counter(watched.requests)
    assert asked["BatchExecuteStatement"] == 40
    assert asked["Query"] + asked["BatchGetItem"] <= 4
    again = usage.look_up({MONTH: [f"e{number:05}" for number in (3, 777, 19_999, 20_000)]}, consistent=True)[MONTH]
    assert sorted(again.events) == ["e00003", "e00777", "e19999"]


def test_who_knows_a_large_month_sees_what_another_has_added_once_it_asks_consistently(aws: Runtime) -> None:
    one, other = another(aws), another(aws)
    filled(one, 300, 100)
    assert not seen(one, ["e00400"]).events
    store_usage(other, [event(number) for number in range(300, 500)])
    old = one.look_up({MONTH: ["e00400"]})[MONTH]
    assert not old.events
    assert one.store([UsageChange(MONTH, old.version, [event(400)])]) == [MONTH]
    assert seen(one, ["e00400"]).events == {"e00400": event(400)}
    assert len(stored(one)) == 500


def test_a_change_too_large_for_a_transaction_is_stored_in_several(aws: Runtime) -> None:
    usage = another(aws)
    filled(usage, 90 * 50, 50)
    assert len(packs()) > 85
    new, old = zip(*(correction(event(number), f"x{number}") for number in range(0, 90 * 50, 50)), strict=True)
    assert usage.store([change(usage, new, old)]) == []
    found = stored(another(aws))
    assert len(found) == 90 * 51
    assert sum(bool(each.replaced_by) for each in found) == 90


def test_usage_of_earlier_releases_is_read_where_it_is(aws: Runtime) -> None:
    said: dict[str, Any] = {
        "unit_price": Decimal("0.10"),
        "description": "ü",
        "replaces": "e00000",
        "replaced_by": "e00003",
        "replaced_at": NOON,
        "attributes": (("region", "łódź"), ("tier", "ssd")),
        "returned_at": NOON,
    }
    events = [event(number, **(said if number == 2 else {})) for number in range(30)]
    store_as_items(events)
    usage = another(aws)
    assert stored(usage) == events
    assert seen(usage, ["e00003", "e00099"]).events == {"e00003": events[3]}
    assert usage.look_up({UsageMonth("other", OCTOBER): ["e1"]})[UsageMonth("other", OCTOBER)].events == {}
    assert packs() == []


@pytest.mark.parametrize("count", [3, 2_500])
def test_a_month_of_an_earlier_release_is_moved_before_it_is_changed(aws: Runtime, count: int) -> None:
    archive, events = Kept(event(number) for number in range(count)), [event(number) for number in range(count)]
    usage = another(aws, archive)
    new, old = correction(events[1], "x1")
    assert usage.store([change(usage, [event(90_000), new], [old])]) == []
    assert stored(usage) == [events[0], old, *events[2:], event(90_000), new]
    archive.kept = []
    assert len(stored(another(aws))) == count + 2


@pytest.mark.parametrize("after", [False, True], ids=["before the request", "before its answer"])
def test_whoever_dies_while_a_month_is_moved_leaves_it_where_it_was_or_has_moved_it(
    aws: Runtime, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_EVENTS_AT_ONCE", 20)
    events = [event(number) for number in range(90)]
    archive = Kept(events)
    for at in range(12):
        try:
            with Deaths(at, after).of(aws._connection.client):
                another(aws).adopt(MONTH, archive.events(*MONTH))
        except DiedError:
            assert stored(another(aws, archive)) == events
            continue
        break
    assert at > 2
    assert stored(another(aws)) == events


def test_of_two_who_move_a_month_one_has_moved_it_and_the_other_leaves_nothing(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_EVENTS_AT_ONCE", 20)
    events = [event(number) for number in range(90)]
    for at in range(6):
        month = UsageMonth(f"c{at}", OCTOBER)
        one, other = another(aws), another(aws)
        told = list[bool]()
        with Between(at, partial(_tell, told, other.adopt, month, events)).of(aws):
            mine = one.adopt(month, events)
        told = told or [other.adopt(month, events)]
        assert sorted([mine, *told]) == [False, True]
        assert len(stored(one, month)) == 90
        assert len({item.generation for item in packs() if item.pk.endswith(month.customer_id)}) == 1


def test_a_month_that_is_in_the_archive_is_not_moved_from_what_an_earlier_release_has_left_of_it(aws: Runtime) -> None:
    events = [event(number) for number in range(90)]
    store_as_items(events[:30])
    usage = another(aws, Kept(events))
    assert not usage.adopt(MONTH, events[:30])
    assert packs() == []
    assert stored(usage) == events


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_an_archived_month_is_gone_for_everybody_and_comes_back_with_late_usage(aws: Runtime, count: int) -> None:
    usage, archive = another(aws), Kept()
    events = filled(usage, count)
    archive.kept = stored(usage)
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    assert all(item.expiration == EXPIRES.timestamp() for item in packs())
    assert stored(another(aws)) == []
    late = another(aws, archive)
    assert stored(late) == events
    assert late.store([change(late, [event(90_000)])]) == []
    assert stored(another(aws)) == [*events, event(90_000)]
    for number in range(90_001, 90_300, 50):
        store_usage(late, [event(each) for each in range(number, number + 50)])
    assert len(stored(another(aws))) == count + 301
    assert late.expire(MONTH, seen(late).version, EXPIRES)
    assert stored(another(aws)) == []


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_a_month_that_has_changed_since_it_was_archived_does_not_expire(aws: Runtime, count: int) -> None:
    usage = another(aws)
    events = filled(usage, count)
    for by in ("addition", "mark"):
        version = seen(usage).version
        if by == "addition":
            store_usage(usage, [event(90_000)])
        else:
            assert usage.store([change(usage, [], [correction(events[0], "x0")[1]])]) == []
        before = stored(usage)
        assert not usage.expire(MONTH, version, EXPIRES)
        assert stored(another(aws)) == before


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_who_decided_before_a_month_expired_cannot_add_to_it(aws: Runtime, count: int) -> None:
    usage = another(aws)
    events = filled(usage, count)
    for made in ("addition", "mark"):
        late = [event(90_000)] if made == "addition" else []
        marked = [] if late else [correction(events[0], "x0")[1]]
        wanted = change(other := another(aws), late, marked)
        if made == "addition":
            assert usage.expire(MONTH, seen(usage).version, EXPIRES)
        assert other.store([wanted]) == [MONTH]
        assert stored(another(aws)) == []


@pytest.mark.parametrize("after", [False, True], ids=["before the request", "before its answer"])
def test_expiring_goes_on_where_it_broke_off(aws: Runtime, after: bool) -> None:
    usage = another(aws)
    events = filled(usage, 300)
    version = seen(usage).version
    for at in range(20):
        try:
            with Deaths(at, after).of(aws._connection.client):
                assert another(aws).expire(MONTH, version, EXPIRES)
        except DiedError:
            assert stored(another(aws)) in ([], events)
            continue
        break
    assert at > 2
    assert all(item.expiration for item in packs())


def test_a_month_whose_first_pack_was_removed_before_the_others_begins_again(aws: Runtime) -> None:
    usage = another(aws)
    events = filled(usage, 300)
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    UsagePackItem.get("2026-10#acme", "000001").delete()
    late = another(aws, Kept(events))
    assert late.store([change(late, [event(90_000)])]) == []
    assert stored(another(aws)) == [*events, event(90_000)]


class Behind:
    """Batches whose answers are old, but for consistent ones."""

    def __init__(self, batches: Batches) -> None:
        self._batches, self._old = batches, packs()

    def read(self, model: type[UsagePackItem], keys: Iterable[Any], *, consistent: bool) -> Iterable[UsagePackItem]:
        if consistent:
            return self._batches.read(model, keys, consistent=True)
        wanted = set(keys)
        return [item for item in self._old if (item.pk, item.number) in wanted]


@pytest.mark.parametrize("count", [1, 300])
def test_what_has_just_left_is_not_archived_again_on_an_old_answer(aws: Runtime, count: int) -> None:
    usage = another(aws)
    filled(usage, count)
    late = DynamoUsageStore(aws._connection, Behind(aws._batches))  # type: ignore[arg-type]
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    assert list(late.packed([MONTH])) == []


def test_a_large_month_that_leaves_while_it_is_read_is_not_taken_for_an_empty_one(aws: Runtime) -> None:
    """Two runs at once: one lets the month go wherever the other is."""
    refused = 0
    for at in range(6):
        month = UsageMonth(f"c{at}", OCTOBER)
        usage = another(aws)
        store_usage(usage, [event(number, month.customer_id) for number in range(300)])
        version = seen(usage, month=month).version
        with Between(at, partial(another(aws).expire, month, version, EXPIRES)).of(aws):
            try:
                read = [len(list(one.events())) for one in usage.packed([month])]
            except TryLaterError:
                refused += 1
            else:
                assert read in ([300], [])
    assert refused


@pytest.mark.parametrize("moved", [False, True])
def test_a_month_is_read_to_its_end_or_not_at_all_if_it_leaves_meanwhile(aws: Runtime, moved: bool) -> None:
    ended = set[int | str]()
    for at in range(4):
        month = UsageMonth(f"c{at}", OCTOBER)
        usage = another(aws)
        events = [event(number, month.customer_id) for number in range(2500)]
        if moved:
            assert usage.adopt(month, events)
        else:
            store_usage(usage, events)
        version = seen(usage, month=month).version
        with Between(at, partial(another(aws).expire, month, version, EXPIRES)).of(aws):
            try:
                ended.add(len(stored(usage, month)))
            except TryLaterError:
                ended.add("try later")
    assert ended <= {0, 2500, "try later"}
    assert "try later" in ended or not moved


def test_reading_ends_with_an_error_if_the_month_was_moved_meanwhile(aws: Runtime) -> None:
    events = [event(number) for number in range(30)]
    store_as_items(events)
    usage = another(aws)
    reading = usage.events(*MONTH)
    next(reading)
    assert another(aws).adopt(MONTH, events)
    with pytest.raises(Exception, match="moved while"):
        list(reading)
    assert stored(usage) == events


def test_an_import_that_has_just_begun_when_a_month_is_moved_decides_again(aws: Runtime) -> None:
    events = [event(1), event(2)]
    store_as_items(events)
    usage = another(aws)
    wanted = change(usage, [event(3)])
    assert another(aws).adopt(MONTH, events)
    assert usage.store([wanted]) == [MONTH]
    assert usage.store([change(usage, [event(3)])]) == []
    assert len(stored(usage)) == 3


def test_a_process_that_found_nothing_of_an_earlier_release_sees_what_that_stores_afterwards(aws: Runtime) -> None:
    seconds = [0.0]
    items = UsageItems(aws._batches, lambda: seconds[0])
    usage = DynamoUsageStore(aws._connection, aws._batches, [items])
    assert stored(usage) == []
    store_as_items([event(1), event(2)])
    seconds[0] = 61
    assert stored(usage) == [event(1), event(2)]
    items.remove(MONTH)
    seconds[0] = 122
    assert items.may_have(OCTOBER), "else a month that is moved while it is read would be taken for an empty one"


def test_times_are_kept_to_the_microsecond(aws: Runtime) -> None:
    fine = event(1, time=OCTOBER.start + timedelta(microseconds=1), received_at=NOON + timedelta(microseconds=7))
    store_usage(aws.usage, [fine])
    assert stored(another(aws)) == [fine]


@pytest.mark.parametrize("after", [False, True], ids=["before the request", "before its answer"])
def test_the_move_of_everything_goes_on_where_it_died(aws: Runtime, after: bool) -> None:
    events = [event(number, f"c{number % 3}") for number in range(40)]
    store_as_items(events)
    for at in range(40):
        died = False
        try:
            with Deaths(at, after).of(aws._connection.client):
                UseCases(another_process(aws)).usage_mover.move(print)
        except DiedError:
            died = True
        for name in ("c0", "c1", "c2"):
            found = stored(another(aws), UsageMonth(name, OCTOBER))
            assert found == [each for each in events if each.customer_id == name]
        if not died:
            break
    assert at > 5
    assert not list(UsageItem.scan())


class Alone(Runtime):
    """Another process, which does one thing after the other."""

    def executor(self, name: str, threads: int) -> Executor:
        return OneAfterTheOther()


def another_process(aws: Runtime) -> Runtime:
    return Alone(aws.settings, REGION, FakeLog())


def test_what_an_earlier_release_stores_after_the_move_is_moved_the_next_time(aws: Runtime) -> None:
    events = [event(number) for number in range(60)]
    store_as_items(events[:50])
    assert UseCases(another_process(aws)).usage_mover.move(print) == MovedUsage(months=1)
    store_as_items(events[50:])
    assert UseCases(another_process(aws)).usage_mover.move(print) == MovedUsage(months=1, added=10)
    assert [each.event_id for each in stored(another(aws))] == [each.event_id for each in events]
