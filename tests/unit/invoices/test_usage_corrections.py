"""Usage that is corrected, before the close and after it: by another event, or by the same file with other numbers."""

from dataclasses import replace

import pytest

from monthclose.domain.imports.acceptance import CONFLICT, NOT_THERE, REPLACED_ALREADY
from monthclose.domain.usage import UsageMonth
from tests.unit.invoices.late_usage import NOVEMBER, amounts, close, load, use, world_of_acme
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return world_of_acme()


def test_a_late_correction_is_a_negative_adjustment(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "-4")
    use(world, "n1", "5", time="2026-11-02")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-11", 500), ("2026-10", -400)]


def test_an_event_that_replaces_another_counts_instead_of_it(world: World) -> None:
    use(world, "e1", "10")
    use(world, "e2", "1", replaces="e1")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 100)]


def test_an_event_that_replaces_a_billed_one_credits_the_difference(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "1", replaces="e1")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", -900)]


def test_a_sku_corrected_to_nothing_is_credited_in_full(world: World) -> None:
    use(world, "e1", "10", unit_price="2", description="Compute")
    close(world, OCTOBER)
    use(world, "e2", "1", unit_price="5", replaces="e1")
    close(world, NOVEMBER)
    assert sorted(amounts(world, NOVEMBER)) == [("2026-10", -2000), ("2026-10", 500)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"event_id": "e1", "quantity": "11"}, CONFLICT),
        ({"event_id": "e1", "quantity": "10", "resource": "web-1"}, CONFLICT),
        ({"event_id": "e9", "quantity": "1", "replaces": "e8"}, NOT_THERE),
        ({"event_id": "e9", "quantity": "1", "replaces": "e1", "time": "2026-09-05"}, NOT_THERE),
        ({"event_id": "e9", "quantity": "1", "replaces": "e2"}, REPLACED_ALREADY),
        ({"event_id": "e9", "quantity": "1", "time": "2026-11-01T00:16:00"}, "time is in the future"),
        ({"event_id": "e9", "quantity": "1", "time": "1999-12-31"}, "time is too long ago"),
    ],
)
def test_an_impossible_event_is_rejected_with_the_reason(world: World, event: dict[str, str], reason: str) -> None:
    use(world, "e1", "10.0")
    use(world, "e2", "1")
    use(world, "e3", "2", replaces="e2")
    assert load(world, event) == [reason]
    assert load(world, {"event_id": "e1", "quantity": "10"}) == []


def test_a_corrected_file_replaces_the_rows_of_the_original(world: World) -> None:
    for quantity in ("10", "4", "4", "10", "7", "7"):
        assert load(world, {"quantity": quantity}, {"quantity": "1"}) == []
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 800)]
    stored = {event.event_id: event.replaced_by for event in world.usage.events("acme", OCTOBER)}
    assert stored == {
        "usage.csv#1": "usage.csv#1~1",
        "usage.csv#1~1": "usage.csv#1~2",
        "usage.csv#1~2": "usage.csv#1~3",
        "usage.csv#1~3": "",
        "usage.csv#2": "",
    }


def test_a_file_corrected_after_the_close_credits_the_difference(world: World) -> None:
    load(world, {"quantity": "10"})
    close(world, OCTOBER)
    load(world, {"quantity": "4"})
    load(world, {"quantity": "4"})
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", -600)]


@pytest.mark.parametrize("lost", ["usage.csv#1", "usage.csv#1~1"])
def test_an_import_that_broke_off_is_completed_by_running_it_again(world: World, lost: str) -> None:
    load(world, {"quantity": "10"})
    load(world, {"quantity": "4"})
    month = world.usage._events[UsageMonth("acme", OCTOBER)]
    if lost.endswith("~1"):
        del month[lost]  # the correction was not written, what it corrects was marked
    else:
        month[lost] = replace(month[lost], replaced_by="", replaced_at=None)  # the other way round
    load(world, {"quantity": "4"})
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 400)]


def test_a_correction_whose_import_broke_off_marks_what_it_corrects_when_imported_again(world: World) -> None:
    use(world, "e1", "10")
    use(world, "e2", "4", replaces="e1")
    month = world.usage._events[UsageMonth("acme", OCTOBER)]
    month["e1"] = replace(month["e1"], replaced_by="", replaced_at=None)
    use(world, "e2", "4", replaces="e1")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 400)]
