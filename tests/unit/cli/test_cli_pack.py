"""`monthclose pack`: what is in a report pack, made and downloaded."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from monthclose.domain.money import Money
from monthclose.domain.pack.pack import manifest_key
from monthclose.ports import Execution
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def closed(world: World) -> None:
    world.use(world.add_customer("acme"), "12.50")
    world.close()


def test_a_month_without_a_pack_says_what_makes_one(monthclose: Command) -> None:
    result = monthclose("pack", "2026-10", exit_code=2)
    assert "there is no report pack of 2026-10 yet" in result.stderr
    assert "monthclose pack 2026-10 --make" in result.stderr


def test_making_a_pack_is_recorded_with_who_asked_and_shows_it(monthclose: Command, world: World) -> None:
    result = monthclose("pack", "2026-10", "--make", "--by", "ann")
    assert "report pack of 2026-10: 1 customer" in result.stdout
    assert "made on request" in result.stdout
    assert "invoices.csv" in result.stdout
    [act] = [each.act for each in world.audit.find() if each.act.what == "pack.requested"]
    assert (act.by, act.period) == ("ann", OCTOBER)


def test_a_pack_is_downloaded_whole_and_readable(monthclose: Command, world: World, tmp_path: Path) -> None:
    pack = world.pack()
    monthclose("pack", "2026-10", "--download", tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"index.html", "manifest.json", *(file.name for file in pack.files)}
    with (tmp_path / "invoices.csv").open(newline="") as file:
        assert [row["total"] for row in csv.DictReader(file)] == ["12.50"]


def test_the_answer_in_json_has_every_file_and_where_they_are(monthclose: Command, world: World) -> None:
    pack = world.pack()
    said = monthclose.json("pack", "2026-10", "--json")
    assert [file["name"] for file in said["files"]] == [file.name for file in pack.files]
    assert said["place"] == {"bucket": "documents", "key": pack.key_of("")}
    assert said["outdated"] is False


def test_a_pack_whose_books_have_changed_says_so(monthclose: Command, world: World) -> None:
    world.pack()
    invoice = world.month("acme").invoice
    assert invoice
    world.corrector.credit(invoice.number, Money(100, "USD"), "goodwill")
    assert "the books have changed since" in monthclose("pack", "2026-10").stdout


def test_why_the_last_pack_could_not_be_made_is_said_by_this_command_and_the_report(
    monthclose: Command, world: World
) -> None:
    world.use_cases.pack_finisher.fail(OCTOBER, "States.Timeout")
    assert "could not be made (States.Timeout" in monthclose("pack", "2026-10", exit_code=2).stderr
    assert "the report pack could not be made: States.Timeout" in monthclose("report", "2026-10").stdout


def test_a_pack_that_cannot_be_made_is_no_success(monthclose: Command, machine: FakeMachine) -> None:
    machine.end = Execution("FAILED", error="States.Timeout", cause="it took too long")
    assert "failed" in monthclose("pack", "2026-10", "--make", exit_code=1).stderr


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", "a\\..\\b"])
def test_a_manifest_cannot_lead_out_of_the_folder(monthclose: Command, world: World, tmp_path: Path, name: str) -> None:
    pack = world.pack()
    bad = replace(pack, files=(replace(pack.files[0], name=name),))
    world.documents.put(manifest_key(OCTOBER), json.dumps(bad.content()).encode())
    result = monthclose("pack", "2026-10", "--download", tmp_path / "here", exit_code=2)
    assert "impossible name" in result.stderr


def test_the_report_leads_to_its_pack(monthclose: Command, world: World) -> None:
    assert "report pack" not in monthclose("report", "2026-10").stdout
    world.pack()
    assert "report pack: monthclose pack 2026-10 --download FOLDER" in monthclose("report", "2026-10").stdout
