"""What every usage store promises: an event is stored once, whoever imports at the same time."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageChange, UsageEvent, UsageMonth
from tests.contract.conftest import AnyWorld
from tests.contract.records import NOON
from tests.contract.usage import MONTH, correction, event, filled, seen, stored
from tests.usage import store_usage
from tests.world import OCTOBER


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


@pytest.mark.parametrize("place", [5, 150, 299])
def test_a_mark_alone_is_stored_and_nobody_else_can_rest_on_what_was_before_it(world: AnyWorld, place: int) -> None:
    usage, events = world.usage, filled(world.usage, 300)
    version = seen(usage).version
    _, old = correction(events[place], "x1")
    assert usage.store([UsageChange(MONTH, version, [], [old])]) == []
    assert seen(usage, [events[place].event_id]).events[events[place].event_id] == old
    other = replace(old, replaced_by="x2")
    assert usage.store([UsageChange(MONTH, version, [], [other])]) == [MONTH]
    assert usage.store([UsageChange(MONTH, version, [event(900)])]) == [MONTH]


def test_a_correction_may_be_of_an_event_of_the_same_change(world: AnyWorld) -> None:
    usage = world.usage
    new, old = correction(event(1), "x1")
    assert usage.store([UsageChange(MONTH, seen(usage).version, [old, new])]) == []
    assert seen(usage, ["e00001", "x1"]).events == {"e00001": old, "x1": new}


def test_usage_is_streamed_by_customer_and_month_exact_and_once(world: AnyWorld) -> None:
    def event(number: int, **changes: object) -> UsageEvent:
        usual = UsageEvent(f"e{number:03}", "acme", "sku", Decimal("0.1"), OCTOBER.start, None, "")
        return replace(usual, **changes)  # type: ignore[arg-type]

    fine = event(1, quantity=Decimal("-1234567890.123456789012345678"), unit_price=Decimal("0.00893"), description="ü")
    store_usage(world.usage, [event(0), fine, event(0), *(event(n) for n in range(2, 60))])
    store_usage(world.usage, [event(0), event(0, customer_id="other"), event(0, time=OCTOBER.end)])

    stored = sorted(world.usage.events("acme", OCTOBER), key=lambda e: e.event_id)
    assert [e.event_id for e in stored] == [f"e{n:03}" for n in range(60)]
    assert stored[1] == fine
    assert len(list(world.usage.events("acme", Period(2026, 11)))) == 1


def test_stored_events_are_looked_up_by_their_ids(world: AnyWorld) -> None:
    events = [
        UsageEvent(
            f"e{number:03}",
            "acme",
            "sku",
            Decimal("1.50"),
            OCTOBER.start,
            resource="web-1",
            replaces="e" if number else "",
            received_at=NOON,
            replaced_by="later" if number == 7 else "",
            returned_at=NOON if number == 8 else None,
            replaced_at=NOON if number == 7 else None,
            attributes=(("region", "łódź"), ("tier", "ssd")) if number % 2 else (),
        )
        for number in range(130)
    ]
    store_usage(world.usage, events)

    month, next_month = events[0].key.month, UsageMonth("acme", OCTOBER.next)
    found = world.usage.look_up({month: [event.event_id for event in events], next_month: ["e000"]})

    assert found[month].events == {event.event_id: event for event in events}
    assert found[next_month].events == {}
    assert world.usage.look_up({}) == {}
