"""Dropped usage files: what comes of them is what the command makes of them, whatever repeats or breaks off."""

import csv
import gzip
import io
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.dropped import Dropped, read_wishes
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.usage import UsageEvent
from monthclose.errors import BrokeOffError, ConflictError, TryLaterError
from monthclose.ports import Claim
from monthclose.settings import DropSettings
from monthclose.stages.finish_usage import UsageFinisher
from monthclose.stages.load_usage import LaneLoader
from monthclose.stages.receive_usage import Received, UsageReceiver
from monthclose.stages.split_usage import Split, lanes_key, split_key
from monthclose.stages.usage_turn import Turns
from tests.world import OCTOBER, World

HEADER = "customer_id,sku,quantity,time\n"
GOOD = "acme,droplet,24,2026-10-02T10:00:00Z\n"
KEY = "usage/a.csv"
SMALL = DropSettings(part_kb=64, lanes=3)
LARGE = DropSettings(part_kb=0, lanes=3)
"""Splits whatever has more than one row, a part a row."""


@dataclass
class Drop:
    """The state machine, step by step."""

    world: World
    settings: DropSettings = field(default_factory=lambda: SMALL)

    def receive(self, version: str = "", execution: str = "import-1", *, key: str = KEY, **changes: Any) -> Received:
        world = self.world
        receiver = UsageReceiver(world.inbox, self.turns, world.importer, self.settings)
        return receiver.receive(key, version, execution, **changes)

    @property
    def turns(self) -> Turns:
        return Turns(self.world.claims, self.world.workflow, self.world.clock)

    def load(self, run: str, lane: int, first: int = 0, execution: str = "import-1", **changes: Any) -> int:
        loader = LaneLoader(self.world.inbox, self.turns, self.world.importer)
        return loader.load(run, lane, first, execution, **changes)

    def finish(self, run: str, execution: str = "import-1") -> dict[str, Any]:
        return UsageFinisher(self.world.inbox, self.turns).finish(run, execution)

    def lanes(self, run: str) -> list[int]:
        return [item["lane"] for item in json.loads(self.world.inbox.get(lanes_key(run)))]

    def run(self, version: str = "", execution: str = "import-1", *, key: str = KEY) -> dict[str, Any]:
        """Import a file to its end."""
        received = self.receive(version, execution, key=key)
        if received.result == "split":
            for lane in self.lanes(received.run):
                assert self.load(received.run, lane, 0, execution) == -1
            return self.finish(received.run, execution)
        assert received.outcome, received
        return received.outcome

    def events(self, customer: str = "acme") -> list[UsageEvent]:
        return list(self.world.usage.events(customer, OCTOBER))

    def rejects(self, name: str = "a.csv") -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.world.inbox.get(f"rejects/{name}.csv").decode(), newline="")))

    def text(self, name: str = "a.csv") -> str:
        return self.world.inbox.get(f"rejects/{name}.txt").decode()


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


def of(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()


def test_a_dropped_file_has_the_ids_of_the_same_file_imported_by_the_command(drop: Drop) -> None:
    drop.world.inbox.drop("usage/2026/a.csv.gz", gzip.compress(of(GOOD)))
    drop.world.inbox.drop(KEY, of(GOOD))
    drop.run(key="usage/2026/a.csv.gz")
    drop.run()
    assert [event.event_id for event in drop.events()] == ["2026/a.csv#1", "a.csv#1"]


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_what_cannot_be_taken_is_kept_beside_the_file_with_its_reason(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    version = drop.world.inbox.drop(KEY, of(GOOD, '"=1+1",droplet,1,2026-10-02\n', "acme,droplet,much,2026-10-02,x\n"))

    assert drop.run() == {
        "key": KEY,
        "version": version,
        "status": "imported",
        "error": "",
        "taken": 1,
        "rejected": {"unknown customer": 1, "row has more cells than the header": 1},
        "periods": {"2026-10": 1},
        "late": {},
        "rejects": {"bucket": "usage-files", "key": "rejects/a.csv.csv"},
    }
    assert drop.rejects() == [
        ["row", "reason", "customer_id", "sku", "quantity", "time"],
        ["2", "unknown customer", "'=1+1", "droplet", "1", "2026-10-02"],
        ["3", "row has more cells than the header", "acme", "droplet", "much", "2026-10-02", "x"],
    ]


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_mended_file_replaces_its_rows_and_leaves_no_old_rejects(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, of(GOOD, GOOD.replace("24", "much"), GOOD))
    drop.run()
    drop.world.inbox.drop(KEY, of(GOOD, GOOD.replace("24", "2"), GOOD.replace("24", "25")))

    outcome = drop.run(execution="import-2")

    assert (outcome["taken"], outcome["rejected"], outcome["rejects"]) == (3, {}, None)
    counting = [str(event.quantity) for event in drop.events() if not event.replaced_by]
    assert sorted(counting) == ["2", "24", "25"]
    assert drop.world.inbox.deleted == ["rejects/a.csv.csv"]


BAD = {
    "empty": (b"", "a.csv is empty"),
    "a zip": (b"PK\x03\x04", "a.csv is a zip file or a spreadsheet; save it as CSV"),
    "no rows": (HEADER.encode(), "a.csv has columns but no rows"),
    "cut off": (gzip.compress(of(GOOD) * 20_000)[:-9], "a.csv breaks off after row"),
    "latin-1": (of(GOOD, "M\u00fcller,s,1,2026-10-01\n").decode().encode("latin-1"), "a.csv is not UTF-8 text"),
}


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_read_is_told_in_two_lines_and_nothing_of_it_is_stored(
    drop: Drop, content: bytes, message: str, how: DropSettings
) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, content)
    outcome = drop.run()

    assert (outcome["status"], outcome["taken"]) == ("unusable", 0)
    assert outcome["error"].startswith(message)
    assert outcome["rejects"]["key"] == "rejects/a.csv.txt"
    assert drop.text() == outcome["error"] + "\n"
    assert len(drop.text().splitlines()) <= 2
    assert drop.events() == []


def test_columns_are_shown_beside_the_file_and_not_in_the_event(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, b"acme,jane@acme.example,24\nacme,joe@acme.example,24\n")
    outcome = drop.run()

    assert outcome["error"] == "there is no column for customer_id, sku, quantity, time"
    assert drop.text() == (
        "a.csv: there is no column for customer_id, sku, quantity, time; the columns are acme, jane@acme.example, 24\n"
        "name it with the object's metadata map-customer_id = COLUMN, or give all rows one value with "
        "default-customer_id = VALUE\n"
    )


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_file_of_which_nothing_can_be_taken_is_unusable_and_its_rows_are_kept(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, of(GOOD.replace("acme", "stranger"), GOOD.replace("acme", "nobody")))
    outcome = drop.run()

    assert outcome["status"] == "unusable"
    assert outcome["error"] == "nothing of a.csv was imported: unknown customer (2 rows)"
    assert outcome["rejects"]["key"] == "rejects/a.csv.csv"
    assert [line[0] for line in drop.rejects()] == ["row", "1", "2"]
    assert "rejects/a.csv.csv" in drop.text()


def test_metadata_say_columns_defaults_and_how_old_usage_may_be(drop: Drop) -> None:
    content = "Kunde;Größe;time\nacme;3;2026-10-02\nacme;3;2026-09-01\n".encode()
    wishes = {"map_customer-id": "Kunde", "map_quantity": "=?utf-8?q?Gr=C3=B6=C3=9Fe?=", "default_sku": "droplet"}
    drop.world.inbox.drop(KEY, content, **wishes, horizon="45", mtime="1700000000")
    for how in (SMALL, LARGE):
        fresh = Drop(drop.world, how)
        drop.world.inbox.objects.clear()
        assert fresh.run(execution=f"import-{how.part_kb}")["rejected"] == {"time is too long ago": 1}
    assert [(event.sku, str(event.quantity)) for event in drop.events()] == [("droplet", "3")]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"map-sku": "=?utf-8?b?A?="}, "the object's metadata map-sku cannot be read"),
        ({"map-sku": "=?klingon?q?A?="}, "the object's metadata map-sku cannot be read"),
        ({"default-event-id": "a", "default-event_id": "b"}, "the object's metadata default-event_id are there twice"),
        ({"horizon": "0"}, "horizon must be a number of days"),
        ({"horizon": "a year"}, "horizon must be a number of days"),
    ],
)
def test_metadata_that_make_no_sense_are_told(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        read_wishes(metadata)


def test_a_field_that_does_not_exist_is_told(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD), map_colour="Farbe")
    assert drop.run()["error"].startswith("a usage file has no field 'colour'; its fields are customer_id, sku")


def test_an_arrival_that_is_told_twice_is_imported_once(drop: Drop) -> None:
    version = drop.world.inbox.drop(KEY, of(GOOD, GOOD))
    first = drop.run(version)
    drop.world.clock.pass_time(hours=1)
    before = drop.events()
    assert drop.run(version, "import-2") == first
    assert drop.events() == before


def test_a_file_waits_for_an_earlier_one_of_its_name_and_for_no_other(drop: Drop) -> None:
    first = drop.world.inbox.drop(KEY, of(GOOD))
    drop.world.workflow.running.add("import-1")
    assert drop.receive(first).result == "done"
    second = drop.world.inbox.drop(KEY, of(GOOD.replace("24", "25")))
    drop.world.inbox.drop("usage/b.csv", of(GOOD))

    assert drop.receive(second, "import-2").result == "busy"
    assert drop.receive("", "import-3", key="usage/b.csv").result == "done"
    drop.world.workflow.running.clear()
    assert drop.receive(second, "import-2").result == "done"
    assert [str(e.quantity) for e in drop.events() if e.event_id.startswith("a.csv") and not e.replaced_by] == ["25"]


def test_an_earlier_version_never_comes_after_a_later_one(drop: Drop) -> None:
    first = drop.world.inbox.drop(KEY, of(GOOD))
    second = drop.world.inbox.drop(KEY, of(GOOD.replace("24", "25")))
    assert drop.receive(second, "import-2").result == "done"
    assert drop.receive(first, "import-1").result == "nothing"
    assert [str(event.quantity) for event in drop.events()] == ["25"]


def test_an_import_that_failed_is_taken_up_again_unless_the_file_was_dropped_again(drop: Drop) -> None:
    drop.settings = LARGE
    drop.world.inbox.drop(KEY, of(GOOD, GOOD))
    first = drop.receive()
    [lane] = drop.lanes(first.run)
    assert drop.load(first.run, lane, time_is_up=lambda: True) == 1
    drop.world.inbox.drop(KEY, of(GOOD, GOOD.replace("24", "25")))
    drop.run(execution="import-2")

    with pytest.raises(BrokeOffError, match="dropped again"):
        drop.load(first.run, lane, 1)
    with pytest.raises(BrokeOffError, match="dropped again"):
        drop.finish(first.run)
    assert [str(event.quantity) for event in drop.events() if not event.replaced_by] == ["24", "25"]


def test_two_that_come_at_the_same_moment_ask_again(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.world.inbox.drop(KEY, of(GOOD))
    claims = drop.world.claims
    original = claims.get

    def raced(name: str) -> Claim | None:
        found = original(name)
        monkeypatch.setattr(claims, "get", original)
        claims.put(Claim(name, "import-2", drop.world.clock()))
        return found

    monkeypatch.setattr(claims, "get", raced)
    with pytest.raises(ConflictError):
        drop.receive()
    drop.world.workflow.running.add("import-2")
    assert drop.receive().result == "busy"


@pytest.mark.parametrize("key", ["usage/", "usage/2026/", "rejects/a.csv.csv", "usage/gone.csv"])
def test_what_is_no_file_is_nothing(drop: Drop, key: str) -> None:
    assert drop.receive(key=key).result == "nothing"


def test_a_file_that_was_withdrawn_is_nothing(drop: Drop) -> None:
    version = drop.world.inbox.drop(KEY, of(GOOD))
    drop.world.inbox.withdraw(KEY)
    assert drop.receive(version).result == "nothing"
    assert drop.events() == []


def test_a_file_too_large_for_the_time_is_told_and_nothing_of_it_is_stored(drop: Drop) -> None:
    drop.settings = replace(LARGE, part_kb=1)
    drop.world.inbox.drop(KEY, of(GOOD * 10_000))
    outcome = drop.receive(time_is_up=lambda: True).outcome
    assert outcome
    assert "a.csv is too large: time was up after row 10,000" in outcome["error"]
    assert "drop it in pieces" in drop.text()
    assert drop.events() == []


def test_a_small_file_that_was_packed_a_thousandfold_is_split(drop: Drop) -> None:
    packed = gzip.compress(of(GOOD * 10_000))
    assert len(packed) < SMALL.part_kb * 1024
    drop.world.inbox.drop(KEY, packed)
    assert drop.receive().result == "split"


def test_usage_that_comes_after_its_close_began_is_counted_as_late_once(drop: Drop) -> None:
    drop.world.open()
    drop.settings = LARGE
    drop.world.inbox.drop(KEY, of(GOOD, GOOD))
    run = drop.receive().run
    for _ in range(2):  # the machine's Map, started twice
        for lane in drop.lanes(run):
            drop.load(run, lane)
    assert drop.finish(run)["late"] == {"2026-10": 2}


def test_a_lane_goes_on_where_it_broke_off(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.settings = LARGE
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


def test_what_describes_a_split_file_is_read_as_it_was_written(drop: Drop) -> None:
    drop.settings = LARGE
    drop.world.inbox.drop(KEY, of(GOOD, GOOD), horizon="800")
    run = drop.receive().run
    split = Split.read(drop.world.inbox.get(split_key(run)))
    assert split.file == Dropped("a.csv", "version-1")
    assert split.layout.columns == {name: name for name in ("customer_id", "sku", "quantity", "time")}
    assert timedelta(days=split.horizon_days) == timedelta(days=800)
    assert Split.read(split.content()) == split


IDS = ["", "", "e1", "e2", "e3", "a.csv#2"]
CELLS = st.tuples(
    st.sampled_from(["acme", "globex", "initech", "stranger", ""]),
    st.sampled_from(["1", "2", "x"]),
    st.sampled_from(["2026-10-01", "2026-10-02"]),
    st.sampled_from(IDS),
    st.sampled_from(["", "", "e1", "e2", "a.csv#1"]),
)


def told(outcome: dict[str, Any]) -> dict[str, Any]:
    return {name: outcome[name] for name in ("status", "error", "taken", "rejected", "periods", "late")}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=12), min_size=1, max_size=2), st.data())
def test_lanes_in_any_order_come_out_as_the_whole_file(files: list[list[tuple[str, ...]]], data: st.DataObject) -> None:
    whole, split = Drop(World()), Drop(World(), LARGE)
    for drop in (whole, split):
        for name in ("acme", "globex", "initech"):
            drop.world.add_customer(name)
    for number, rows in enumerate(files, 1):  # the second file is the first one, mended
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
        assert told(split.finish(run, execution)) == told(expected)
        for name in ("acme", "globex", "initech"):
            assert split.events(name) == whole.events(name)
        if expected["rejected"]:
            assert split.rejects() == whole.rejects()
