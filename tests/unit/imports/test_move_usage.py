"""Usage of earlier releases is moved, once and whole, whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.imports.move_usage import MovedUsage
from tests.fakes import FakeUsageItems
from tests.usage import store_usage
from tests.world import OCTOBER, World


def event(number: int, customer: str = "acme", **changes: object) -> UsageEvent:
    usual = UsageEvent(f"e{number:03}", customer, "vm", Decimal(number + 1), OCTOBER.start + timedelta(minutes=number))
    return replace(usual, **changes)  # type: ignore[arg-type]


def world_with(*items: UsageEvent) -> World:
    world = World(usage_items=FakeUsageItems(items))
    world.add_customer("acme")
    return world


def test_every_month_is_moved_as_it_is_and_removed_where_it_was() -> None:
    events = [event(number, customer) for customer in ("acme", "other") for number in range(5)]
    november = event(1, time=OCTOBER.end)
    world, told = world_with(*events, november), list[str]()
    assert world.use_cases.usage_mover.move(told.append) == MovedUsage(months=3)
    assert list(world.usage.events("acme", OCTOBER)) == events[:5]
    assert list(world.usage.events("other", OCTOBER)) == events[5:]
    assert list(world.usage.events("acme", OCTOBER.next)) == [november]
    assert world.usage_items.kept == []
    assert told == ["3 months of usage moved"]
    assert world.use_cases.usage_mover.move(told.append) == MovedUsage()


def test_what_broke_off_between_moving_and_removing_is_only_removed() -> None:
    world = world_with(*map(event, range(5)))
    store_usage(world.usage, map(event, range(5)))
    assert world.use_cases.usage_mover.move(print) == MovedUsage(months=1)
    assert len(list(world.usage.events("acme", OCTOBER))) == 5
    assert world.usage_items.kept == []


def test_what_an_earlier_release_has_stored_after_the_move_is_added_and_is_late_usage_of_a_closed_month() -> None:
    new = event(3, event_id="x", replaces="e001", received_at=OCTOBER.end)
    old = event(1, replaced_by="x", replaced_at=OCTOBER.end)
    world = world_with(event(0), old, event(2), new)
    store_usage(world.usage, [event(0), event(1)])
    world.close(OCTOBER)
    assert world.use_cases.usage_mover.move(print) == MovedUsage(months=1, added=2)
    stored = {each.event_id: each for each in world.usage.events("acme", OCTOBER)}
    assert stored.keys() == {"e000", "e001", "e002", "x"}
    assert stored["e001"].replaced_by == "x"
    assert stored["e002"].received_at == stored["x"].received_at == world.clock()
    customer = world.books.customer("acme")
    assert customer
    assert str(OCTOBER) in customer.late_usage
    assert world.usage_items.kept == []


def test_a_month_stays_where_it_is_if_an_event_of_it_has_the_id_of_another() -> None:
    world = world_with(event(0), event(1, quantity=Decimal(77)))
    store_usage(world.usage, [event(0), event(1)])
    assert world.use_cases.usage_mover.move(print) == MovedUsage(months=1, left=1)
    assert len(world.usage_items.kept) == 2
    assert list(world.usage.events("acme", OCTOBER)) == [event(0), event(1)]


@pytest.mark.parametrize("status", [CloseStatus.RUNNING, CloseStatus.WAITING_FOR_APPROVAL])
def test_nothing_is_moved_before_a_close_has_ended_that_may_bill_from_where_it_is(status: CloseStatus) -> None:
    world = world_with(*map(event, range(5)))
    world.open(OCTOBER)
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, status=status))
    with pytest.raises(UserMistakeError, match="2026-10 has not ended"):
        world.use_cases.usage_mover.move(print)
    assert len(world.usage_items.kept) == 5
    assert not list(world.usage.events("acme", OCTOBER))
