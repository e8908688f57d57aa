"""A file's rows are brought together by customer: each customer's month is stored in one go, wherever its rows are."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import rows_on_disk
from cli.rows_on_disk import DiskRuns, RowsInOrder
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import UsageChange, UsageMonth
from monthclose.use_cases.imports import by_customer, check_rows
from monthclose.use_cases.imports.by_customer import Dealer, parts_of, sorted_rows
from tests.dropping import HEADER, KEY, LARGE, SMALL, Drop
from tests.fakes import FakeUsageStore
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.cli.test_cli_imports import written
from tests.world import World

NAMES = ["acme", "globex", "initech", "", "tab\there", "half \ud800", "line\nbreak"]


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=9)), max_size=40),
    st.integers(1, 900),
    st.integers(1, 400),
    st.integers(1, 5),
)
def test_every_row_is_read_once_and_each_customers_in_order_from_one_lane(
    cells: list[tuple[str, str]], memory: int, part_bytes: int, lanes: int
) -> None:
    columns = ["name", "text"]
    with closing(DiskRuns()) as runs:
        dealer = Dealer(runs, columns, memory, part_bytes)
        for number, (name, text) in enumerate(cells):
            dealer.deal(name, Row(number, {"name": name, "text": text}))
        dealer.write()
        read = [
            [row for part in parts for row in sorted_rows(runs, part, columns)]
            for parts in parts_of(dealer.lengths, lanes, part_bytes)
        ]

    assert sorted((row.number, row.cells["name"], row.cells["text"]) for lane in read for row in lane) == [
        (number, *pair) for number, pair in enumerate(cells)
    ]
    for name in NAMES:
        theirs = [[row.number for row in lane if row.cells["name"] == name] for lane in read]
        assert sum(map(bool, theirs)) <= 1, "a customer's rows are in one lane"
        assert all(numbers == sorted(numbers) for numbers in theirs)


@pytest.fixture
def monthclose() -> Command:
    world = World()
    return Command(world, FakeMachine(world))


class Counting(FakeUsageStore):
    """Counts how often something is stored in each month."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: Counter[UsageMonth] = Counter()

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        changes = list(changes)
        self.changed.update(change.month for change in changes)
        return super().store(changes)


CUSTOMERS = [f"c{number:02}" for number in range(20)]
BY_TIME = "".join(f"{name},droplet,1,2026-10-{day:02}\n" for day in range(1, 29) for name in CUSTOMERS)


@pytest.mark.parametrize("way", ["at once", "in lanes", "by the command"])
def test_a_file_sorted_by_time_stores_each_customers_month_in_one_go(
    way: str, tmp_path: Path, monthclose: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_rows, "_CHUNK", 30)  # a customer's rows, and some
    monkeypatch.setattr(by_customer, "BUCKETS", 3)  # so each has several customers
    world, store = monthclose.world, Counting()
    world.usage = store
    world.__post_init__()
    for name in CUSTOMERS:
        world.add_customer(name)
    if way == "by the command":
        path = tmp_path / "a.csv"
        path.write_text(HEADER + BY_TIME)
        assert monthclose("import", "usage", path).exit_code == 0
    else:
        world.inbox.drop(KEY, (HEADER + BY_TIME).encode())
        assert Drop(world, SMALL if way == "at once" else SMALL_PARTS).run()["taken"] == len(CUSTOMERS) * 28
    assert set(store.changed.values()) == {1}
    assert len(store.changed) == len(CUSTOMERS)


SMALL_PARTS = DropSettings(part_kb=20, lanes=2)
"""The file is split, and a bucket fits into a part."""


def test_rejected_rows_are_in_the_files_order_however_many_there_are(
    monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_on_disk, "_MOST_HELD", 500)
    monkeypatch.setattr(rows_on_disk, "_BLOCK", 64)
    path, rejects = tmp_path / "a.csv", tmp_path / "rejects.csv"
    path.write_text(HEADER + BY_TIME)
    monthclose("import", "usage", path, "--rejects", rejects, exit_code=2)
    assert [line[0] for line in written(rejects)[1:]] == [str(number) for number in range(1, 28 * 20 + 1)]


def test_rejected_rows_in_memory_and_on_the_disk_are_handed_on_together() -> None:
    with closing(RowsInOrder()) as rows:
        for number in (5, 3, 9, 1):
            rows.add([number, "no"])
        assert [cells[0] for cells in rows.all()] == [1, 3, 5, 9]


def test_a_full_disk_is_reported_with_what_to_do_and_nothing_is_imported(
    monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monthclose.world.add_customer("c00")

    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    path = tmp_path / "a.csv"
    path.write_text(HEADER + BY_TIME)
    result = monthclose("import", "usage", path, exit_code=2)
    assert "(No space left on device); nothing was imported" in result.stderr
    assert "set TMPDIR to a folder with more room" in result.stderr
    assert not monthclose.world.usage._events


class FullLater:
    """A file on a disk that has no room after some runs."""

    def __init__(self, file: IO[bytes], room: int) -> None:
        self._file, self._room = file, room

    def write(self, content: bytes) -> int:
        if self._file.tell() + len(content) > self._room:
            raise OSError(28, "No space left on device")
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_disk_that_is_full_of_rejected_rows_is_reported_and_those_that_were_taken_are_in_the_file(
    monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monthclose.world.add_customer("c00")
    make, made = tempfile.TemporaryFile, list[FullLater]()

    def temporary() -> FullLater:
        made.append(FullLater(make(), 1500 if made else 1 << 30))  # the first has the file's rows
        return made[-1]

    monkeypatch.setattr(rows_on_disk, "_MOST_HELD", 500)
    monkeypatch.setattr(tempfile, "TemporaryFile", temporary)
    path, rejects = tmp_path / "a.csv", tmp_path / "rejects.csv"
    path.write_text(HEADER + BY_TIME)
    result = monthclose("import", "usage", path, "--rejects", rejects, exit_code=2)
    assert "the rejected rows do not fit into" in result.stderr
    assert "(No space left on device); what was imported until then stays" in result.stderr
    assert monthclose.world.usage._events
    numbers = [int(line[0]) for line in written(rejects)[1:]]
    assert len(numbers) > 20
    assert numbers == sorted(numbers)


def test_an_import_that_is_broken_off_leaves_nothing_on_the_disk(
    monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monthclose.world.add_customer("c00")
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    seen = list[list[Path]]()

    def broken_off(_: Iterable[UsageChange]) -> list[UsageMonth]:
        seen.append(list(folder.iterdir()))
        raise KeyboardInterrupt

    monkeypatch.setattr(monthclose.world.usage, "store", broken_off)
    path = tmp_path / "a.csv"
    path.write_text(HEADER + BY_TIME)
    monthclose("import", "usage", path, exit_code=130)
    assert seen == [[]]
    assert list(folder.iterdir()) == []


def test_a_file_that_an_earlier_release_has_split_is_loaded_to_its_end() -> None:
    world = World()
    world.add_customer("acme")
    drop = Drop(world, LARGE)
    world.inbox.drop(KEY, (HEADER + "acme,droplet,1,2026-10-02\nacme,droplet,2,2026-10-02\n").encode())
    run = drop.receive().run
    [lane] = drop.lanes(run)
    as_before(world, run, lane)
    assert drop.load(run, lane) == -1
    assert drop.finish(run)["taken"] == 2
    assert [str(event.quantity) for event in drop.events()] == ["1", "2"]


def as_before(world: World, run: str, lane: int) -> None:
    """Write a split file as the release before did: each part an object."""
    objects = world.inbox.objects
    key = f"parts/{run}/split.json"
    split = json.loads(objects[key])
    del split["runs"], split["part_bytes"], split["results"]
    objects[key] = json.dumps(split).encode()
    del objects[f"parts/{run}/runs/00000.rows"]
    for number in range(2):
        row = [number + 1, ["acme", "droplet", str(number + 1), "2026-10-02"], [], ""]
        objects[f"parts/{run}/lane-{lane:03}/{number:05}.rows.jsonl"] = json.dumps(row).encode()
