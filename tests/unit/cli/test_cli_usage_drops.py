"""`monthclose usage drops`: which files were dropped, and what became of each."""

from datetime import timedelta

import pytest

from monthclose.use_cases.imports.dropped_file import DroppedFile
from tests.dropping import GOOD, Drop, of
from tests.unit.cli.driving import Command
from tests.world import World

BAD = GOOD.replace("acme", "nobody")


@pytest.fixture(autouse=True)
def customer(world: World) -> None:
    world.add_customer("acme")


@pytest.fixture
def drop(world: World) -> Drop:
    return Drop(world)


def put(world: World, name: str, content: bytes, **metadata: str) -> None:
    """Drop a file, a minute after the one before."""
    world.inbox.drop(f"usage/{name}", content, **metadata)
    world.inbox.now += timedelta(minutes=1)
    world.clock.now = world.inbox.now


def states(monthclose: Command) -> dict[str, str]:
    return {each["key"]: each["state"] for each in monthclose.json("usage", "drops", "--json")["files"]}


def test_each_file_says_when_it_came_what_was_taken_of_it_and_what_was_not(
    monthclose: Command, world: World, drop: Drop
) -> None:
    put(world, "a.csv", of(GOOD, GOOD, BAD))
    put(world, "b.csv", b"nothing,of,use\n1,2,3\n")
    put(world, "c.csv", of(GOOD), check="yes")
    for name in "abc":
        drop.run(key=f"usage/{name}.csv", execution=name)
    lines = [" ".join(line.split()) for line in monthclose("usage", "drops").stdout.splitlines()]
    assert lines[0] == "file dropped (UTC) size rows rejected"
    assert lines[1] == "c.csv 2026-11-01 00:02:00 67 bytes checked 1 0"
    assert lines[2] == "b.csv 2026-11-01 00:01:00 21 bytes unusable 0 0"
    assert lines[3] == "a.csv 2026-11-01 00:00:00 143 bytes imported 2 1"
    assert lines[4] == "b.csv: there is no column for customer_id, sku, quantity, time"
    assert "s3://usage-files/rejects/NAME.csv" in lines[5]
    newest, *_, oldest = monthclose.json("usage", "drops", "--json")["files"]
    assert (newest["state"], newest["imported_at"]) == ("checked", None)
    assert (oldest["rows"], oldest["rejected"], oldest["imported_at"]) == (2, 1, "2026-11-01T00:03:00+00:00")


def test_a_file_that_is_not_done_says_whether_it_waits_is_at_work_or_has_failed(
    monthclose: Command, world: World, drop: Drop
) -> None:
    put(world, "waits.csv", of(GOOD))
    put(world, "works.csv", of(GOOD))
    put(world, "failed.csv", of(GOOD))
    for name in ("works", "failed"):
        assert drop.lock.acquire(_file(name), name)
    monthclose.machine.running.add("works")
    assert states(monthclose) == {
        "usage/failed.csv": "failed",
        "usage/works.csv": "importing",
        "usage/waits.csv": "waiting",
    }
    assert "failed.csv: failed" in monthclose("usage", "drops").stdout
    world.clock.now += timedelta(hours=25)
    assert states(monthclose)["usage/waits.csv"] == "failed", "nobody tries it any more"
    world.clock.now -= timedelta(hours=25)
    world.inbox.now += timedelta(minutes=1)
    put(world, "failed.csv", of(GOOD))
    newest, before, *_ = monthclose.json("usage", "drops", "--json")["files"]
    assert [(each["key"], each["state"]) for each in (newest, before)] == [
        ("usage/failed.csv", "waiting"),
        ("usage/failed.csv", "replaced"),
    ]


def test_an_import_of_long_ago_is_known_and_what_was_not_imported_then_is_not(
    monthclose: Command, world: World, drop: Drop
) -> None:
    put(world, "a.csv", of(GOOD))
    put(world, "b.csv", b"nothing\n1\n")
    for name in "ab":
        drop.run(key=f"usage/{name}.csv", execution=name)
    for key in [key for key in world.inbox.objects if key.startswith("parts/")]:
        world.inbox.delete(key)  # as the bucket does after 30 days
    world.clock.now += timedelta(days=31)
    assert states(monthclose) == {"usage/b.csv": "unknown", "usage/a.csv": "imported"}


def test_only_the_latest_are_shown_and_an_empty_bucket_says_so(monthclose: Command, world: World) -> None:
    assert "no usage file was dropped" in monthclose("usage", "drops").stdout
    for number in range(30):
        put(world, f"{number:02}.csv", of(GOOD))
    put(world, "folder/", b"")
    assert len(states(monthclose)) == 20
    assert list(monthclose.json("usage", "drops", "--most", "2", "--json")["files"][0])[:2] == ["key", "version"]
    found = monthclose.json("usage", "drops", "--most", "2", "--json")["files"]
    assert [each["key"] for each in found] == ["usage/29.csv", "usage/28.csv"]


def _file(name: str) -> DroppedFile:
    return DroppedFile(f"{name}.csv", "version-1")
