"""`monthclose restore`: copies first, then numbers, then the tables as they were."""

from datetime import UTC, datetime

import pytest

from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World

AT = "2026-10-31T23:00"


@pytest.fixture
def copied(world: World) -> World:
    """A world whose tables have been copied."""
    world.copies.made_at.append(datetime(2026, 10, 31, 23, tzinfo=UTC))
    world.copies.found = dict.fromkeys(world.copies.found, "ACTIVE")
    return world


def test_at_first_the_copies_are_made(monthclose: Command, world: World) -> None:
    answer = monthclose.json("restore", "--at", AT, "--put-back", "--json")
    assert answer == {"status": "copying", "copies": {"billing": "CREATING", "customers": "CREATING"}}
    assert world.copies.made_at == [datetime(2026, 10, 31, 23, tzinfo=UTC)]
    assert world.copies.put_back == []
    monthclose("restore", "--at", AT)
    assert len(world.copies.made_at) == 1


def test_then_what_differs_is_counted_and_nothing_is_changed(monthclose: Command, copied: World) -> None:
    lines = monthclose("restore", "--at", AT).stdout.splitlines()
    assert lines[1].split() == ["billing", "2", "1", "0", "7"]
    assert copied.copies.put_back == []
    assert not copied.use_cases.restore_mark.covers(OCTOBER)


def test_with_the_flag_the_tables_are_put_back_and_marked_as_restored(monthclose: Command, copied: World) -> None:
    answer = monthclose.json("restore", "--at", AT, "--put-back", "--by", "ada", "--json")
    assert answer["status"] == "put_back"
    assert answer["tables"]["billing"] == {"changed": 2, "newer": 1, "kept": 0, "same": 7}
    assert copied.copies.put_back == ["customers", "billing"]
    assert copied.use_cases.restore_mark.covers(OCTOBER)
    [act] = copied.audit.find()
    assert (act.act.what, act.act.by, act.act.after) == ("tables.restored", "ada", "as of 2026-10-31T23:00:00")


def test_nothing_is_put_back_under_a_running_close(monthclose: Command, copied: World) -> None:
    copied.open()
    assert "monthclose stop 2026-10" in monthclose("restore", "--at", AT, "--put-back", exit_code=2).output
    assert copied.copies.put_back == []


def test_copies_of_another_time_are_not_used(monthclose: Command, copied: World) -> None:
    assert "delete it first" in monthclose("restore", "--at", "2026-10-30T01:00", "--put-back", exit_code=2).output
    assert copied.copies.put_back == []


@pytest.mark.parametrize(
    ("time", "saying"),
    [("yesterday", "--at yesterday: write a time like 2026-11-01T02:30"), ("2031-01-01", "has not been yet")],
)
def test_a_time_that_cannot_be_restored_is_refused(monthclose: Command, time: str, saying: str) -> None:
    assert saying in monthclose("restore", "--at", time, exit_code=2).output
