"""Dropped usage files: the result is the command's, whatever repeats or breaks off."""

import gzip
import json
import re
from pathlib import Path

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.errors import ConflictError
from monthclose.ports import Claim
from monthclose.use_cases.imports.dropped_file import read_options
from tests.dropping import GOOD, HEADER, KEY, LARGE, SMALL, Drop, of
from tests.world import World


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


def test_a_dropped_file_has_the_ids_of_the_same_file_imported_by_the_command(drop: Drop) -> None:
    drop.world.inbox.drop("usage/2026/a.csv.gz", gzip.compress(of(GOOD)))
    drop.world.inbox.drop(KEY, of(GOOD))
    drop.run(key="usage/2026/a.csv.gz")
    drop.run()
    assert [event.event_id for event in drop.events()] == ["2026/a.csv#1", "a.csv#1"]


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_rejected_rows_are_kept_beside_the_file_with_their_reason(drop: Drop, how: DropSettings) -> None:
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
        "new": 1,
        "changed": 0,
        "left_out": 0,
        "without_price": {"skus": 1, "rows": 1},
        "without_tax": {"customers": 0, "rows": 0},
        "too_many_rejected": True,
        "rejects": {"bucket": "usage-files", "key": "rejects/a.csv.csv"},
    }
    assert drop.rejects() == [
        ["row", "reason", "customer_id", "sku", "quantity", "time"],
        ["2", "unknown customer", "'=1+1", "droplet", "1", "2026-10-02"],
        ["3", "row has more cells than the header", "acme", "droplet", "much", "2026-10-02", "x"],
    ]


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_corrected_file_replaces_its_rows_and_leaves_no_old_rejects(drop: Drop, how: DropSettings) -> None:
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
    "a zip": (b"PK\x03\x04", "a.csv is a broken zip file"),
    "no rows": (HEADER.encode(), "a.csv has columns but no rows"),
    "cut off": (gzip.compress(of(GOOD) * 20_000)[:-9], "a.csv is cut off after row"),
    "latin-1": (of(GOOD, "M\u00fcller,s,1,2026-10-01\n").decode().encode("latin-1"), "a.csv is not UTF-8 text"),
}


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_an_unreadable_file_is_reported_in_two_lines_and_none_of_it_is_stored(
    drop: Drop, content: bytes, message: str, how: DropSettings
) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, content)
    outcome = drop.run()

    assert (outcome["status"], outcome["taken"]) == ("unusable", 0)
    assert outcome["error"].startswith(message)
    assert (outcome["rejects"] or {})["key"] == "rejects/a.csv.txt"
    assert drop.text() == outcome["error"] + "\n"
    assert len(drop.text().splitlines()) <= 2
    assert drop.events() == []


def test_columns_are_shown_beside_the_file_and_not_in_the_event(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, b"acme,jane@acme.example,24\nacme,joe@acme.example,24\n")
    outcome = drop.run()

    assert outcome["error"] == "there is no column for customer_id, sku, quantity, time"
    assert drop.text() == (
        "a.csv: there is no column for customer_id, sku, quantity, time; the columns are acme, jane@acme.example, 24\n"
        "name the column with the object's metadata map-customer_id = COLUMN, or give every row the same value with "
        "default-customer_id = VALUE\n"
    )


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_file_whose_every_row_is_rejected_is_unusable_and_its_rows_are_kept(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, of(GOOD.replace("acme", "stranger"), GOOD.replace("acme", "nobody")))
    outcome = drop.run()

    assert outcome["status"] == "unusable"
    assert outcome["error"] == "nothing in a.csv was imported: unknown customer (2 rows)"
    assert (outcome["rejects"] or {})["key"] == "rejects/a.csv.csv"
    assert [line[0] for line in drop.rejects()] == ["row", "1", "2"]
    assert "rejects/a.csv.csv" in drop.text()


def test_metadata_sets_columns_defaults_and_how_old_usage_may_be(drop: Drop) -> None:
    content = "Kunde;Größe;time\nacme;3;2026-10-02\nacme;3;2026-09-01\n".encode()
    options = {"map_customer-id": "Kunde", "map_quantity": "=?utf-8?q?Gr=C3=B6=C3=9Fe?=", "default_sku": "droplet"}
    drop.world.inbox.drop(KEY, content, **options, horizon="45", mtime="1700000000")
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
        ({"timezone": "Europe/Berlin"}, "the object's metadata timezone is not an option; write it as time_zone"),
        ({"map_quantity": "Q"}, "the object's metadata map_quantity is not an option; write it as map-quantity"),
        ({"default-event-id": "a", "default-event_id": "b"}, "the object's metadata default-event_id appears twice"),
        ({"horizon": "0"}, "horizon must be a number of days"),
        ({"horizon": "a year"}, "horizon must be a number of days"),
    ],
)
def test_metadata_that_makes_no_sense_is_reported(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        read_options(metadata)


def test_a_field_that_does_not_exist_is_reported(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD), map_colour="Farbe")
    assert drop.run()["error"].startswith("a usage file has no field 'colour'; its fields are customer_id, sku")


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_an_arrival_that_is_announced_twice_is_imported_once(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    version = drop.world.inbox.drop(KEY, of(GOOD, GOOD, GOOD.replace("acme", "globex")))
    first = drop.run(version)
    drop.world.clock.pass_time(hours=1)
    drop.world.add_customer("globex")
    before = drop.events()
    assert drop.run(version, "import-2") == first
    assert drop.events() == before
    assert drop.events("globex") == []
    assert drop.receive(version, "import-2").again, "so that its rows are not counted twice"


def test_objects_kept_beside_a_file_with_the_longest_name_have_valid_keys(drop: Drop) -> None:
    key = f"usage/{'x' * 1014}.csv"
    drop.world.inbox.drop(key, of(GOOD, "stranger,s,1,2026-10-02\n"))
    rejects = (drop.run(key=key)["rejects"] or {})["key"]
    assert len(rejects) < 100
    assert rejects in drop.world.inbox.objects


def test_a_file_waits_for_an_earlier_one_of_its_name_and_for_no_other(drop: Drop) -> None:
    first = drop.world.inbox.drop(KEY, of(GOOD))
    drop.world.workflow.running.add("import-1")
    assert drop.receive(first).result == "done"
    second = drop.world.inbox.drop(KEY, of(GOOD.replace("24", "25")))
    drop.world.inbox.drop("usage/b.csv", of(GOOD))

    drop.world.inbox.drop(f"{KEY}.gz", gzip.compress(of(GOOD)))

    assert drop.receive(second, "import-2").result == "busy"
    assert drop.receive("", "import-2", key=f"{KEY}.gz").result == "busy"
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


def test_an_arrival_that_loses_the_race_for_the_claim_asks_again(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_an_object_that_is_not_a_file_is_ignored(drop: Drop, key: str) -> None:
    assert drop.receive(key=key).result == "nothing"


def test_a_withdrawn_file_is_ignored(drop: Drop) -> None:
    version = drop.world.inbox.drop(KEY, of(GOOD))
    drop.world.inbox.withdraw(KEY)
    assert drop.receive(version).result == "nothing"
    assert drop.events() == []


MANUAL = (Path(__file__).parents[3] / "docs" / "importing.md").read_text()


def test_the_manual_shows_an_event_and_settings_as_they_are(drop: Drop) -> None:
    blocks = re.findall(r"```json\n(.*?)```", MANUAL, re.DOTALL)
    event, deployed = (json.loads(block.removeprefix('"usage_drop": ')) for block in blocks)
    drop.world.inbox.drop(KEY, of(GOOD))
    assert event.keys() == drop.run().keys()
    assert DropSettings(**deployed) == DropSettings()


def test_a_column_written_as_in_the_manual_is_read() -> None:
    [written] = set(re.findall(r"=\?utf-8[^`]*", MANUAL))
    assert read_options({"map-quantity": written}).reading.mapped == {"quantity": "Größe"}
