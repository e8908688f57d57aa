"""Checking a file first: what an import would do is said, and nothing is stored."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.imports.acceptance import CONFLICT
from monthclose.domain.imports.drop_settings import DropSettings
from tests.dropping import GOOD, HEADER, KEY, LARGE, SMALL, Drop, of
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World

CUSTOMERS = "customer_id,name,email,currency,payment_provider,payment_method\n"


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


@pytest.fixture
def monthclose(drop: Drop) -> Command:
    return Command(drop.world, FakeMachine(drop.world))


def state(world: World) -> tuple[Any, ...]:
    """Everything that an import could change."""
    return deepcopy((list(world.usage.events("acme", OCTOBER)), world.books, world.directory, world.documents.objects))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(text)
    return path


MIXED = HEADER + GOOD + GOOD.replace("24", "25") + GOOD + "stranger,droplet,1,2026-10-02\n"


def test_the_command_says_how_many_rows_are_new_changed_and_stored_already(
    monthclose: Command, drop: Drop, tmp_path: Path
) -> None:
    monthclose("import", "usage", written(tmp_path, HEADER + GOOD + GOOD))
    before = list(drop.events())

    path = written(tmp_path, MIXED)
    told = monthclose("import", "usage", path, "--check", "--max-rejected", "50")

    assert "usage: 3 rows would be imported, 1 rejected" in told.stdout
    said = " ".join((told.stdout + told.stderr).split())
    assert "1 new, 1 changed, 1 already stored" in said
    assert "nothing was imported: this was a check" in said
    assert list(drop.events()) == before

    answer = monthclose.json("import", "usage", str(path), "--check", "--max-rejected", "50", "--json")
    assert (answer["check"], answer["new"], answer["changed"], answer["imported"]) == (True, 1, 1, 3)
    assert answer["reasons"] == {"unknown customer": 1}
    assert answer["unpriced"] == {"droplet": 3}


def test_an_import_does_what_its_check_has_said(monthclose: Command, tmp_path: Path) -> None:
    path = written(tmp_path, MIXED)
    arguments = ("import", "usage", str(path), "--max-rejected", "50", "--json")
    checked, done = monthclose.json(*arguments, "--check"), monthclose.json(*arguments)
    assert {name: checked[name] for name in done} == done


def test_a_check_leaves_no_trace(monthclose: Command, drop: Drop, tmp_path: Path) -> None:
    before = state(drop.world)
    monthclose("import", "usage", written(tmp_path, HEADER + GOOD), "--check")
    new = CUSTOMERS + "globex,Globex,a@b.example,USD,stripe,pm_1\n"
    monthclose("import", "customers", written(tmp_path, new), "--check")
    assert state(drop.world)[0] == before[0]
    assert drop.world.directory.known(["globex"]) == {}
    assert monthclose.json("audit", "--json")["acts"] == []


def test_a_check_of_customers_counts_new_and_changed_ones(monthclose: Command, drop: Drop, tmp_path: Path) -> None:
    same = "globex,Globex,a@b.example,USD,stripe,pm_1\n"
    monthclose("import", "customers", written(tmp_path, CUSTOMERS + same + same.replace("globex", "initech")))
    text = CUSTOMERS + same + same.replace("globex", "initech").replace("pm_1", "pm_2") + same.replace("globex", "new")

    answer = monthclose.json("import", "customers", str(written(tmp_path, text)), "--check", "--json")

    assert (answer["imported"], answer["new"], answer["changed"]) == (3, 1, 1)
    assert drop.world.directory.known(["initech"])["initech"].payment_method == "pm_1"


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_dropped_file_may_ask_for_a_check_only(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, MIXED.encode(), check="yes")

    outcome = drop.run()

    assert (outcome["status"], outcome["taken"], outcome["new"]) == ("checked", 3, 3)
    assert outcome["rejected"] == {"unknown customer": 1}
    assert [line[1] for line in drop.rejects("a.csv.check")[1:]] == ["unknown customer"]
    assert drop.events() == []
    assert [each for each in drop.world.audit.acts if each.act.what == "usage.imported"] == []

    drop.world.inbox.drop(KEY, MIXED.encode())
    again = drop.run(execution="import-2")
    assert (again["status"], again["new"], again["changed"]) == ("imported", 3, 0)
    assert len(drop.events()) == 3

    drop.world.inbox.drop(KEY, of(GOOD), check="yes")
    drop.run(execution="import-3")
    assert len(drop.rejects()) == 2, "a check leaves the rejects of the import as they are"


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_check_of_late_usage_says_so_and_notes_it_with_nobody(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.open(OCTOBER)
    drop.world.clock.pass_time(days=1)
    drop.world.inbox.drop(KEY, of(GOOD), check="yes")
    assert drop.run()["late"] == {"2026-10": 1}
    customer = drop.world.books.customer("acme")
    assert customer
    assert customer.late_usage == {}


def test_an_id_that_comes_twice_in_a_file_is_new_once(drop: Drop) -> None:
    rows = [f"acme,droplet,{quantity},2026-10-02,e1\n" for quantity in (1, 1, 2)]
    drop.world.inbox.drop(KEY, (HEADER.strip() + ",event_id\n" + "".join(rows)).encode(), check="yes")
    outcome = drop.run()
    assert (outcome["new"], outcome["taken"]) == (1, 2)
    assert outcome["rejected"] == {CONFLICT: 1}


def test_a_check_that_is_neither_yes_nor_no_is_asked_about(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD), check="perhaps")
    assert drop.run()["error"] == "the object's metadata check = perhaps: write yes or no"
