"""While a close runs, usage is imported at a bounded pace; nobody waits for it then."""

from collections import Counter
from dataclasses import replace

import pytest

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.use_cases.imports.import_pace import ImportPace
from tests.dropping import GOOD, KEY, SMALL, Drop, of
from tests.world import OCTOBER, SETTINGS, STRIPE, World


class Watch:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.time, self.closes_looked_at = 0.0, 0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def world() -> World:
    world = World()
    world.add_customer("acme")
    return world


@pytest.fixture
def watch() -> Watch:
    return Watch()


def pace(world: World, watch: Watch, rows_per_second: float = 100) -> ImportPace:
    return ImportPace(world.closes, rows_per_second, sleep=watch.sleep, now=watch.now)


def seconds_for(pace: ImportPace, watch: Watch, rows: int = 2000, chunk: int = 100) -> float:
    began = watch.time
    for _ in range(rows // chunk):
        pace.wait(chunk)
    return watch.time - began


def test_while_a_close_runs_so_many_rows_a_second_are_imported(world: World, watch: Watch) -> None:
    world.open()
    assert seconds_for(pace(world, watch), watch) == pytest.approx(2000 / 100, abs=1.01)


def test_without_a_close_nobody_waits(world: World, watch: Watch) -> None:
    assert seconds_for(pace(world, watch), watch) == 0


def test_without_a_bound_nobody_waits_or_looks(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open()
    monkeypatch.setattr(world.closes, "all", lambda: pytest.fail("it looked"))
    assert seconds_for(pace(world, watch, 0), watch) == 0


@pytest.mark.parametrize("status", [CloseStatus.COMPLETED, CloseStatus.WAITING_FOR_APPROVAL, CloseStatus.UNFINISHED])
def test_a_close_that_works_on_nothing_slows_nobody_down(world: World, watch: Watch, status: CloseStatus) -> None:
    world.open()
    found = world.closes.get(OCTOBER)
    assert found
    world.closes.put(replace(found, status=status))
    assert seconds_for(pace(world, watch), watch) == 0


def test_an_import_that_waits_goes_on_when_the_close_has_ended(world: World, watch: Watch) -> None:
    world.open()
    slow = pace(world, watch, 1)
    slow.wait(100_000)
    found = world.closes.get(OCTOBER)
    assert found
    world.closes.put(replace(found, status=CloseStatus.COMPLETED))
    slow.wait(1)
    assert watch.time < 30


def test_closes_are_looked_at_a_few_times_a_minute(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open()
    looks, everything = Counter[str](), world.closes.all

    def counted() -> list[Close]:
        looks["all"] += 1
        return everything()

    monkeypatch.setattr(world.closes, "all", counted)
    took = seconds_for(pace(world, watch), watch, rows=60_000)
    assert 2 < looks["all"] <= took / 15 + 1


def test_a_function_whose_time_is_up_finishes_its_part_without_waiting(world: World, watch: Watch) -> None:
    world.open()
    slow = pace(world, watch, 1)
    slow.wait(1000)
    slow.wait(1000, time_is_up=lambda: True)
    assert watch.time == 0


def test_the_operator_is_told_once_why_it_takes_longer(world: World, watch: Watch) -> None:
    world.open()
    told = list[str]()
    seconds_for(pace(world, watch).telling(told.append), watch)
    assert told == ["a close is running: until it ends, at most 100 rows a second are imported"]


def test_lanes_share_the_bound_and_the_command_has_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = DropSettings(lanes=4, rows_per_second_while_closing=1000)
    settings = replace(SETTINGS, drop=drop, providers={"stripe": STRIPE})
    monkeypatch.setattr(World, "settings", settings)
    made = World().use_cases
    assert made.usage_importer.pace._per_second == 1000
    assert made.lane_loader.importer.pace._per_second == made.usage_receiver.importer.pace._per_second == 250


LANE = DropSettings(lanes=1, rows_per_second_while_closing=5)
"""A part has at most 120 KB; a second at a lane's pace, five rows."""


def test_a_lane_keeps_to_the_pace_over_all_of_its_calls(world: World, watch: Watch) -> None:
    calls, part = list[float](), 0
    world.inbox.drop(KEY, of(GOOD * 12_000))
    received = Drop(world, LANE).receive()
    [lane] = Drop(world).lanes(received.run)
    world.open()
    while part != -1:
        # Each call is in a process of its own: it knows nothing of what was imported before.
        world.use_cases.__dict__["lane_importer"] = replace(world.importer, pace=pace(world, watch, 5))
        world.use_cases.__dict__.pop("lane_loader", None)
        began = watch.time
        part = Drop(world).load(received.run, lane, part, time_is_up=lambda: watch.time - began > 630)  # noqa: B023
        calls.append(watch.time - began)
    assert watch.time == pytest.approx(12_000 / 5, rel=0.01)
    assert max(calls) <= 630


def test_without_a_close_a_lane_is_loaded_in_one_call(world: World, watch: Watch) -> None:
    world.inbox.drop(KEY, of(GOOD * 12_000))
    drop = Drop(world, LANE)
    run = drop.receive().run
    world.use_cases.__dict__["lane_importer"] = replace(world.importer, pace=pace(world, watch, 5))
    assert drop.load(run, drop.lanes(run)[0]) == -1
    assert watch.time == 0


def test_a_part_is_never_larger_than_what_a_function_can_load_while_a_close_runs() -> None:
    assert DropSettings().part_bytes == 600 * 2000 // 16 * 40 < DropSettings().part_kb * 1024
    assert DropSettings(rows_per_second_while_closing=0).part_bytes == DropSettings().part_kb * 1024
    assert DropSettings(part_kb=64).part_bytes == 64 * 1024


def test_a_dropped_file_and_an_import_by_command_keep_to_the_pace(world: World) -> None:
    waited = list[int]()

    class Waiting(ImportPace):
        def wait(self, rows: int, time_is_up: object = None) -> None:
            waited.append(rows)

    slow = Waiting(world.closes, 1)
    world.importer = replace(world.importer, pace=slow)
    world.use_cases.__dict__["lane_importer"] = world.importer
    world.inbox.drop(KEY, of(GOOD, GOOD))
    assert Drop(world, SMALL).run()["taken"] == 2
    world.inbox.drop(KEY, of(GOOD, GOOD, GOOD), check="yes")
    Drop(world, SMALL).run(execution="import-2")
    assert waited == [2], "a check stores nothing, and waits for nobody"
