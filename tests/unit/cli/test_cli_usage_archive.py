"""`monthclose usage archive`: what is archived and due, and archiving it now."""

from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.period import Period
from monthclose.ports import Execution
from tests.archiving import archive
from tests.unit.cli.driving import Command
from tests.world import World

SEPTEMBER = Period(2025, 9)


@pytest.fixture(autouse=True)
def billed(world: World) -> None:
    world.clock.now = SEPTEMBER.end
    world.use(world.add_customer("acme"), "12.50", period=SEPTEMBER)
    world.close(SEPTEMBER)
    world.clock.now = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_check_says_what_is_due_and_changes_nothing(monthclose: Command, world: World) -> None:
    said = monthclose("usage", "archive", "--check").stdout
    assert "no usage is archived" in said
    assert "2 months due: 2025-08, 2025-09" in said
    assert not world.leaving_usage.gone


def test_what_is_due_is_archived_and_recorded_with_who_asked(monthclose: Command, world: World) -> None:
    said = monthclose("usage", "archive", "--by", "ann").stdout
    assert "2025-09" in said
    assert "nothing is due" in said
    assert len(world.leaving_usage.gone) == 1
    acts = [each.act for each in world.audit.find() if each.act.what == "usage_archive.requested"]
    assert {(act.by, act.period) for act in acts} == {("ann", Period(2025, 8)), ("ann", SEPTEMBER)}


def test_one_month_is_archived_and_told_in_json(monthclose: Command) -> None:
    said = monthclose.json("usage", "archive", "2025-09", "--json")
    assert [(one["period"], one["customers"], one["events"]) for one in said["archived"]] == [("2025-09", 1, 1)]
    assert said["due"] == []
    assert said["place"] == {"bucket": "documents", "key": "usage-archive/"}


def test_a_month_from_before_the_first_close_is_due_once_its_usage_was_stored(
    monthclose: Command, world: World
) -> None:
    world.use("acme", "3", period=Period(2024, 5))
    said = monthclose("usage", "archive", "--check").stdout
    assert "usage may be in DynamoDB of 2024-05, 2025-08 to 2026-11" in said
    assert "3 months due: 2024-05, 2025-08, 2025-09" in said
    assert monthclose.json("usage", "archive", "--check", "--json")["in_dynamodb"][:2] == ["2024-05", "2025-08"]
    world.clock.now += timedelta(hours=1)
    monthclose("usage", "archive")
    said = monthclose.json("usage", "archive", "--check", "--json")
    assert [one["period"] for one in said["archived"] if one["events"]] == ["2024-05", "2025-09"]
    assert (said["due"], said["in_dynamodb"][0]) == ([], "2025-10")


def test_a_month_whose_usage_nobody_noted_is_archived_by_name_and_then_listed(
    monthclose: Command, world: World
) -> None:
    world.use("acme", "3", period=Period(2024, 5))
    for note in list(world.documents.keys("usage-came-back/2024-05")):
        world.documents.delete(note)
    said = monthclose("usage", "archive", "2024-05", "--check").stdout
    assert "no usage of 2024-05 is archived; to archive it: monthclose usage archive 2024-05" in said
    assert "2024-05" not in monthclose("usage", "archive", "--check").stdout
    assert "2024-05" in monthclose("usage", "archive", "2024-05").stdout
    assert "2024-05" in monthclose("usage", "archive", "--check").stdout


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_mistyped_month_without_usage_is_refused_and_makes_nothing(
    monthclose: Command, world: World, check: tuple[str, ...]
) -> None:
    before = dict(world.documents.objects)
    said = monthclose("usage", "archive", "2006-10", *check, exit_code=2).stderr
    assert "error: no customer has usage of 2006-10\n" in said
    assert "months that have some: monthclose usage archive --check" in said
    assert world.documents.objects == before
    assert not world.audit.told


def test_a_month_that_is_too_young_is_refused(monthclose: Command) -> None:
    assert "too young" in monthclose("usage", "archive", "2026-01", exit_code=2).stderr


def test_whoever_finds_another_run_at_work_is_told(monthclose: Command) -> None:
    monthclose.machine.end = Execution("SUCCEEDED", {"chosen": {"period": "", "run": ""}})
    said = monthclose("usage", "archive", "2025-09", exit_code=1).stderr
    assert "another run is archiving usage, and only one can at a time" in said


def test_an_invoice_is_explained_from_the_archive(monthclose: Command, world: World) -> None:
    invoice = world.month("acme", SEPTEMBER).invoice
    assert invoice
    before = monthclose("invoice", "explain", invoice.number, "--events", "5").stdout
    assert "event-0" in before
    archive(world)
    assert monthclose("invoice", "explain", invoice.number, "--events", "5").stdout == before
