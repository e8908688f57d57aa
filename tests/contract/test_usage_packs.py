"""Usage in packs on DynamoDB: two at once, deaths at every request, large months."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.bootstrap import Runtime
from monthclose.domain.usage import UsageChange, UsageMonth
from tests.contract.records import NOON
from tests.contract.usage import (
    MONTH,
    Between,
    another,
    change,
    correction,
    event,
    filled,
    packs,
    seen,
    stored,
    tell,
)
from tests.deaths import Deaths
from tests.unit.dying import DiedError
from tests.usage import store_usage
from tests.world import OCTOBER


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
            with Between(at, partial(tell, told, other.store, [theirs])).of(aws):
                refused = one.store([mine])
            told = told or [other.store([theirs])]
            assert sorted([refused, *told]) == [[], [month]]
            assert len(stored(one, month)) == count + 1


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


def test_times_are_kept_to_the_microsecond(aws: Runtime) -> None:
    fine = event(1, time=OCTOBER.start + timedelta(microseconds=1), received_at=NOON + timedelta(microseconds=7))
    store_usage(aws.usage, [fine])
    assert stored(another(aws)) == [fine]
