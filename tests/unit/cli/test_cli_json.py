"""Answers in JSON of the commands that change something: one value on stdout, whatever the outcome."""

import json
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Profile
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.world import World

PRICES = "sku,currency,unit_price\nvm,USD,1.00\ndisk,USD,{}\n"


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(PRICES.format("0.10"))
    return path


def test_an_import_says_what_became_of_the_rows(monthclose: Command, prices: Path) -> None:
    answer = monthclose.json("import", "prices", str(prices), "--json")
    assert (answer["kind"], answer["file"], answer["imported"], answer["rejected"]) == ("prices", "prices.csv", 2, 0)
    assert answer["groups"] == {"USD": 2}
    assert answer["rejects_file"] is None


def test_an_import_of_no_rows_answers_too(monthclose: Command, prices: Path) -> None:
    prices.write_text(PRICES.format("-1"))
    said = monthclose("import", "prices", prices, "--json", exit_code=2)
    answer = json.loads(said.stdout)
    assert (answer["imported"], answer["rejected"], answer["held_back"]) == (0, 1, 1)
    assert answer["reasons"] == {"unit_price is negative": 1}
    assert Path(answer["rejects_file"]).exists()
    assert "1 good row held back: the file is imported whole or not at all" in said.stderr


def test_usage_that_cannot_be_billed_is_counted_by_name(monthclose: Command, tmp_path: Path) -> None:
    monthclose.world.directory.put_profiles([("acme", Profile("Acme", "a@b.example", "USD", "stripe", "ok"))])
    path = tmp_path / "usage.csv"
    path.write_text("customer_id,sku,quantity,time\nacme,nothing,1,2026-10-05T00:00:00Z\n")
    answer = monthclose.json("import", "usage", str(path), "--json")
    assert (answer["imported"], answer["unpriced"]) == (1, {"nothing": 1})


def test_a_close_answers_with_its_report(monthclose: Command) -> None:
    monthclose.world.directory.put_profiles([("acme", Profile("Acme", "a@b.example", "USD", "stripe", "ok"))])
    monthclose.world.use("acme", "5")
    answer = monthclose.json("close", "2026-10", "--json")
    assert (answer["period"], answer["proof"]["ties"]) == ("2026-10", True)
    assert answer == monthclose.json("report", "2026-10", "--json")


def test_a_close_that_is_only_started_names_its_execution(monthclose: Command) -> None:
    monthclose.world.directory.put_profiles([("acme", Profile("Acme", "a@b.example", "USD", "stripe", "ok"))])
    monthclose.world.use("acme", "5")
    answer = monthclose.json("close", "2026-10", "--no-wait", "--json")
    assert answer == {"period": "2026-10", "status": "started", "execution": EXECUTION}


def test_a_stopped_close_answers_with_who_stopped_it_and_why(monthclose: Command, world: World) -> None:
    world.open(execution=EXECUTION)
    answer = monthclose.json("stop", "2026-10", "--reason", "wrong prices", "--by", "ada", "--json")
    assert answer == {"period": "2026-10", "status": "stopped", "reason": "wrong prices", "by": "ada"}


def test_a_tax_table_answers_with_what_it_covers(monthclose: Command, world: World, tmp_path: Path) -> None:
    file = tmp_path / "taxes.toml"
    file.write_text('seller = "DE"\n[[rate]]\ncountries = ["FR", "DE"]\nname = "VAT"\npercent = "19"\n')
    answer = monthclose.json("import", "taxes", str(file), "--json")
    assert answer == {
        "kind": "taxes",
        "file": "taxes.toml",
        "version": world.tax_tables.latest(),
        "seller": "DE",
        "rates": 1,
        "countries": ["DE", "FR"],
    }


def test_a_logo_answers_with_where_it_is_kept(monthclose: Command, world: World, tmp_path: Path) -> None:
    file = tmp_path / "logo.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')
    answer = monthclose.json("import", "logo", str(file), "--json")
    assert (answer["kind"], answer["file"]) == ("logo", "logo.svg")
    assert answer["key"] in world.documents.objects


def test_changing_a_provider_answers_with_its_limits(monthclose: Command) -> None:
    changed = monthclose.json("providers", "set", "stripe", "--rate", "20", "--json")
    assert (changed["provider"], changed["rate_per_second"]) == ("stripe", 20)
    reset: dict[str, Any] = monthclose.json("providers", "reset", "stripe", "--json")
    assert reset["rate_per_second"] == reset["deployed"]["rate_per_second"]


def test_a_machine_without_a_local_aws_says_so(monthclose: Command, machine: FakeMachine) -> None:
    assert monthclose.json("local", "status", "--json", exit_code=1) == {"up": False}
    assert monthclose.json("local", "down", "--json") == {"up": False, "was_up": False}
    assert machine.closes == []
