"""Usage of earlier releases is moved into packs on DynamoDB, while others read and import."""

from concurrent.futures import Executor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from monthclose.adapters.dynamo.usage import moving
from monthclose.adapters.dynamo.usage.earlier_items import UsageItems
from monthclose.adapters.dynamo.usage.models import UsageItem
from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.usage import UsageMonth
from monthclose.domain.usage_archive import noted_period
from monthclose.names import USAGE_CAME_BACK_PREFIX
from monthclose.use_cases.imports.move_usage import MovedUsage
from tests.contract.conftest import REGION
from tests.contract.records import NOON
from tests.contract.usage import MONTH, Between, another, change, correction, event, packs, seen, stored, tell
from tests.deaths import Deaths
from tests.earlier_usage import store_as_items
from tests.fakes import FakeLog, FakeUsageItems
from tests.unit.dying import DiedError
from tests.world import OCTOBER, OneAfterTheOther


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


def test_a_month_that_is_moved_is_noted_so_that_it_leaves_for_the_archive_one_day(aws: Runtime) -> None:
    assert aws.packed_usage.adopt(MONTH, [event(1)])
    assert [noted_period(key) for key in aws.documents.keys(USAGE_CAME_BACK_PREFIX)] == [MONTH.period]


@pytest.mark.parametrize("count", [3, 2_500])
def test_a_month_of_an_earlier_release_is_moved_before_it_is_changed(aws: Runtime, count: int) -> None:
    archive, events = (
        FakeUsageItems(event(number) for number in range(count)),
        [event(number) for number in range(count)],
    )
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
    archive = FakeUsageItems(events)
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
        with Between(at, partial(tell, told, other.adopt, month, events)).of(aws):
            mine = one.adopt(month, events)
        told = told or [other.adopt(month, events)]
        assert sorted([mine, *told]) == [False, True]
        assert len(stored(one, month)) == 90
        assert len({item.generation for item in packs() if item.pk.endswith(month.customer_id)}) == 1


def test_a_month_that_is_in_the_archive_is_not_moved_from_what_an_earlier_release_has_left_of_it(aws: Runtime) -> None:
    events = [event(number) for number in range(90)]
    store_as_items(events[:30])
    usage = another(aws, FakeUsageItems(events))
    assert not usage.adopt(MONTH, events[:30])
    assert packs() == []
    assert stored(usage) == events


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
