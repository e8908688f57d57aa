"""Large usage files: split into lanes that may be loaded in any order, side by side, again and again."""

import gzip
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.errors import BrokeOffError, TryLaterError
from monthclose.names import PARTS_PREFIX
from monthclose.use_cases.imports.dropped_file import DroppedFile
from monthclose.use_cases.imports.split_usage import Split, Splitter, split_key
from monthclose.use_cases.imports.usage_outcome import UsageOutcome
from tests.dropping import GOOD, KEY, LARGE, SMALL, Drop, of
from tests.fakes.inbox import FakeInbox
from tests.world import World


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world, LARGE)


def test_a_small_file_that_unpacks_to_a_thousand_times_its_size_is_split(drop: Drop) -> None:
    drop.settings = SMALL
    packed = gzip.compress(of(GOOD * 10_000))
    assert len(packed) < SMALL.part_kb * 1024
    drop.world.inbox.drop(KEY, packed)
    assert drop.receive().result == "split"


def test_rows_without_cells_are_not_collected_endlessly(drop: Drop) -> None:
    drop.settings = SMALL
    drop.world.inbox.drop(
        KEY, b'{"customer_id":"acme","sku":"s","quantity":1,"time":"2026-10-02"}\n' + b"{}\n" * 20_000
    )
    assert drop.receive().result == "split"


class Forgetful(FakeInbox):
    """Keeps nothing of what is written piece by piece."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        for _ in pieces:
            pass


@pytest.mark.long
def test_splitting_needs_the_memory_that_it_is_given_however_short_the_rows_are() -> None:
    memory, mapping = 1 << 18, ColumnMapping({"customer_id": "customer_id", "quantity": "quantity"}, {})
    rows = (Row(number, {"customer_id": f"c{number % 997}", "quantity": "1"}) for number in range(50_000))
    splitter = Splitter(Forgetful(), 8, 1 << 16, memory)
    tracemalloc.start()
    split = splitter.split(DroppedFile("a.csv", "1"), rows, list(mapping.columns), mapping, 400, lambda: False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(split.runs) > 3, "all of them were in memory at the same time"
    assert most < 2 * memory


def test_a_file_too_large_for_the_time_limit_is_reported_and_none_of_it_is_stored(drop: Drop) -> None:
    drop.settings = replace(LARGE, part_kb=1)
    drop.world.inbox.drop(KEY, of(GOOD * 10_000))
    outcome = drop.receive(time_is_up=lambda: True).outcome
    assert outcome
    assert "a.csv is too large: time ran out after row 10,000" in outcome["error"]
    assert "split it into files of at most half" in drop.text()
    assert drop.events() == []


def test_splitting_twice_writes_the_same(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD, "globex,s,1,2026-10-03\n", "acme,s,1\n", ",,,2026-10-03,,x\n"))
    assert drop.receive().result == "split"
    written = dict(drop.world.inbox.objects)
    assert drop.receive().result == "split"
    assert drop.world.inbox.objects == written


def test_usage_that_arrives_after_its_close_began_is_counted_as_late_once(drop: Drop) -> None:
    drop.world.open()
    drop.world.inbox.drop(KEY, of(GOOD, GOOD, "globex,s,1,2026-10-02\n"))
    run = drop.receive().run
    for _ in range(2):  # the machine's Map, started twice
        for lane in drop.lanes(run):
            drop.load(run, lane)
        drop.world.add_customer("globex")
    assert drop.finish(run)["late"] == {"2026-10": 2}
    assert drop.events("globex") == []


def test_a_lane_continues_where_it_broke_off(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.world.inbox.drop(KEY, of(*[GOOD] * 3))
    run = drop.receive().run
    [lane] = drop.lanes(run)
    assert drop.load(run, lane, time_is_up=lambda: True) == 1
    put = drop.world.inbox.put_new

    def unable(*_: Any) -> bool:
        raise TryLaterError("S3 is briefly unable")

    monkeypatch.setattr(drop.world.inbox, "put_new", unable)
    with pytest.raises(TryLaterError):
        drop.load(run, lane, 1)
    with pytest.raises(BrokeOffError, match="drop the file again"):
        drop.finish(run)
    monkeypatch.setattr(drop.world.inbox, "put_new", put)

    assert drop.load(run, lane, 1) == -1
    assert drop.finish(run)["taken"] == len(drop.events()) == 3


def test_a_failed_import_is_resumed_unless_the_file_was_dropped_again(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD, GOOD))
    first = drop.receive()
    [lane] = drop.lanes(first.run)
    assert drop.load(first.run, lane, time_is_up=lambda: True) == 1
    drop.world.inbox.drop(KEY, of(GOOD, GOOD.replace("24", "25")))
    drop.run(execution="import-2")

    with pytest.raises(BrokeOffError, match="a newer version of this file was dropped"):
        drop.load(first.run, lane, 1)
    with pytest.raises(BrokeOffError, match="a newer version of this file was dropped"):
        drop.finish(first.run)
    assert [str(event.quantity) for event in drop.events() if not event.replaced_by] == ["24", "25"]


CUSTOMERS = [f"c{number}" for number in range(8)]
OF_MANY = of(*[f"{name},droplet,1,2026-10-02T10:0{minute}:00Z\n" for minute in range(4) for name in CUSTOMERS])


def broken_off(drop: Drop) -> str:
    """Load the first part of each lane, and fail."""
    for name in CUSTOMERS:
        drop.world.add_customer(name)
    drop.world.inbox.drop(KEY, OF_MANY)
    run = drop.receive().run
    for lane in drop.lanes(run):
        drop.load(run, lane, time_is_up=lambda: True)
    return run


def require_whole(drop: Drop) -> None:
    outcome = drop.run(execution="import-2")
    assert outcome["taken"] == sum(len(drop.events(name)) for name in CUSTOMERS) == 4 * len(CUSTOMERS)


@pytest.mark.parametrize("changed", [{"lanes": 3}, {"part_kb": 1}])
def test_a_failed_import_is_run_again_with_other_settings(drop: Drop, changed: dict[str, int]) -> None:
    broken_off(drop)
    drop.settings = replace(LARGE, **changed)
    require_whole(drop)


def test_the_results_of_parts_that_an_earlier_release_dealt_otherwise_are_not_taken_for_these(drop: Drop) -> None:
    run = broken_off(drop)
    found = drop.world.inbox.objects
    tallies = [key for key in found if key.endswith("tally.json")]
    assert tallies
    earlier = {f"{PARTS_PREFIX}{run}/{'/'.join(key.split('/')[-2:])}": found[key] for key in tallies}
    assert not earlier.keys() & set(tallies)
    for key in tallies:
        del found[key]
    found.update(earlier)
    require_whole(drop)


def test_the_description_of_a_split_file_is_read_as_it_was_written(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD, GOOD), horizon="800")
    run = drop.receive().run
    split = Split.read(drop.world.inbox.get(split_key(run)))
    assert split.file == DroppedFile("a.csv", "version-1")
    assert split.layout.columns == {name: name for name in ("customer_id", "sku", "quantity", "time")}
    assert timedelta(days=split.horizon_days) == timedelta(days=800)
    assert Split.read(split.content()) == split


CELLS = st.tuples(
    st.sampled_from(["acme", "acme", "acme", "globex", "globex", "stranger", ""]),
    st.sampled_from(["1", "1", "2", "x"]),
    st.just("2026-10-01"),
    st.sampled_from(["", "e1", "e2", "a.csv#2"]),
    st.sampled_from(["", "", "e1", "e2", "a.csv#1"]),
)


def result_of(outcome: UsageOutcome) -> dict[str, Any]:
    return {name: outcome[name] for name in ("status", "error", "taken", "rejected", "periods", "late")}


@pytest.mark.long
@settings(max_examples=150)
@given(st.lists(st.lists(CELLS, min_size=4, max_size=12), min_size=1, max_size=2), st.data())
def test_lanes_in_any_order_add_up_to_the_whole_file(files: list[list[tuple[str, ...]]], data: st.DataObject) -> None:
    whole, split = Drop(World()), Drop(World(), LARGE)
    for drop in (whole, split):
        for name in ("acme", "globex"):
            drop.world.add_customer(name)
    for number, rows in enumerate(files, 1):  # the second file is the first one, corrected
        lines = [f"{customer},s,{quantity},{time},{own},{old}\n" for customer, quantity, time, own, old in rows]
        content = ("customer_id,sku,quantity,time,event_id,replaces\n" + "".join(lines)).encode()
        for drop in (whole, split):
            drop.world.inbox.drop(KEY, content)
        execution = f"import-{number}"
        expected = whole.run(execution=execution)
        run = split.receive(execution=execution).run
        left = dict.fromkeys(split.lanes(run), 0)
        while left:
            lane = data.draw(st.sampled_from(sorted(left)))
            left[lane] = split.load(run, lane, left[lane], execution, time_is_up=lambda: True)
            if left[lane] == -1:
                del left[lane]
        assert result_of(split.finish(run, execution)) == result_of(expected)
        for name in ("acme", "globex"):
            assert split.events(name) == whole.events(name)
        if expected["rejected"]:
            assert split.rejects() == whole.rejects()
