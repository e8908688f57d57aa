"""What every usage store promises: an event is stored once, whoever imports at the same time."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import UsageStore
from tests.contract.test_stores import AnyWorld
from tests.usage import store_usage
from tests.world import OCTOBER

MONTH = UsageMonth("acme", OCTOBER)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def event(number: int, customer: str = "acme", **changes: object) -> UsageEvent:
    time = OCTOBER.start + timedelta(seconds=number % 2_600_000)
    machine = uuid.uuid5(uuid.NAMESPACE_URL, str(number)).hex  # so that fifty events are more than a pack has room for
    usual = UsageEvent(f"e{number:05}", customer, f"sku-{number % 3}", Decimal(number) / 8, time, resource=machine)
    return replace(usual, **{"received_at": NOON, **changes})  # type: ignore[arg-type]


def seen(usage: UsageStore, names: Iterable[str] = (), month: UsageMonth = MONTH) -> StoredUsage:
    return usage.look_up({month: list(names)}, consistent=True)[month]


def stored(usage: UsageStore, month: UsageMonth = MONTH) -> list[UsageEvent]:
    return sorted(usage.events(*month), key=lambda found: found.event_id)


def correction(of: UsageEvent, name: str) -> tuple[UsageEvent, UsageEvent]:
    """Make an event that replaces another, and the other as it is then."""
    return (
        replace(of, event_id=name, quantity=of.quantity + 1, replaces=of.event_id),
        replace(of, replaced_by=name, replaced_at=NOON),
    )


def filled(usage: UsageStore, count: int, at_once: int = 40) -> list[UsageEvent]:
    """Store events as several imports do, so that they are not in one place."""
    events = [event(number) for number in range(count)]
    for first in range(0, count, at_once):
        store_usage(usage, events[first : first + at_once])
    return events


def test_a_month_of_which_nothing_is_stored_has_an_answer_too(world: AnyWorld) -> None:
    other = UsageMonth("other", OCTOBER)
    found = world.usage.look_up({MONTH: ["e1"], other: []})
    assert found.keys() == {MONTH, other}
    assert not found[MONTH].events
    assert stored(world.usage) == []


def test_what_is_stored_is_looked_up_by_its_ids_in_its_month(world: AnyWorld) -> None:
    usage, events = world.usage, filled(world.usage, 130)
    november = replace(events[3], time=OCTOBER.end)
    store_usage(usage, [november, event(3, "other")])
    assert seen(usage, ["e00003", "e00129", "e00130"]).events == {"e00003": events[3], "e00129": events[129]}
    assert seen(usage, ["e00003", "e00004"], november.key.month).events == {"e00003": november}
    assert stored(usage) == events


def test_events_are_added_on_the_version_that_they_were_decided_on_and_on_no_other(world: AnyWorld) -> None:
    usage = world.usage
    for count in (0, 1, 30, 200):
        month = UsageMonth(f"c{count}", OCTOBER)
        store_usage(usage, [event(number, month.customer_id) for number in range(count)])
        version = seen(usage, month=month).version
        first, second = (UsageChange(month, version, [event(name, month.customer_id)]) for name in (900, 901))
        assert usage.store([first]) == []
        assert usage.store([second]) == [month]
        assert len(stored(usage, month)) == count + 1
        assert seen(usage, month=month).version != version
        assert usage.store([replace(second, seen=seen(usage, month=month).version)]) == []
        assert len(stored(usage, month)) == count + 2


def test_of_many_changes_those_that_somebody_was_faster_with_are_told_and_the_others_are_stored(
    world: AnyWorld,
) -> None:
    usage = world.usage
    months = [UsageMonth(f"c{number}", OCTOBER) for number in range(70)]
    found = usage.look_up({month: [] for month in months})
    store_usage(usage, [event(1, month.customer_id) for month in months[::7]])
    changes = [UsageChange(month, found[month].version, [event(2, month.customer_id)]) for month in months]
    assert sorted(usage.store(changes)) == sorted(months[::7])
    assert [len(stored(usage, month)) for month in months] == [1] * len(months)


def test_an_event_is_replaced_where_it_is_and_what_replaces_it_is_added(world: AnyWorld) -> None:
    usage, events = world.usage, filled(world.usage, 300)
    for number in (0, 150, 299):
        new, old = correction(events[number], f"x{number}")
        version = seen(usage).version
        assert usage.store([UsageChange(MONTH, version, [new], [old])]) == []
        assert seen(usage, [old.event_id, new.event_id]).events == {old.event_id: old, new.event_id: new}
    assert len(stored(usage)) == 303
    assert [each.event_id for each in stored(usage) if each.replaced_by] == ["e00000", "e00150", "e00299"]


def test_of_two_corrections_of_one_event_one_counts(world: AnyWorld) -> None:
    usage, events = world.usage, filled(world.usage, 120)
    version = seen(usage).version
    first, second = (UsageChange(MONTH, version, [new], [old]) for new, old in two_corrections(events[5]))
    assert usage.store([first]) == []
    assert usage.store([second]) == [MONTH]
    assert [each.event_id for each in stored(usage) if each.replaces] == ["x1"]
    assert seen(usage, ["e00005"]).events["e00005"].replaced_by == "x1"


def two_corrections(of: UsageEvent) -> Sequence[tuple[UsageEvent, UsageEvent]]:
    return correction(of, "x1"), correction(of, "x2")


def test_a_mark_alone_is_stored_and_nobody_else_can_rest_on_what_was_before_it(world: AnyWorld) -> None:
    usage, events = world.usage, filled(world.usage, 120)
    version = seen(usage).version
    _, old = correction(events[5], "x1")
    assert usage.store([UsageChange(MONTH, version, [], [old])]) == []
    assert seen(usage, ["e00005"]).events["e00005"] == old
    other = replace(old, replaced_by="x2")
    assert usage.store([UsageChange(MONTH, version, [], [other])]) == [MONTH]


def test_a_correction_may_be_of_an_event_of_the_same_change(world: AnyWorld) -> None:
    usage = world.usage
    new, old = correction(event(1), "x1")
    assert usage.store([UsageChange(MONTH, seen(usage).version, [old, new])]) == []
    assert seen(usage, ["e00001", "x1"]).events == {"e00001": old, "x1": new}
