"""The demo's story of several months: who is in it, when they act, and the table at its end."""

import csv
import gzip
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cli.story.acts import SEED, Acts
from cli.story.cast import Cast, read_customers, users, with_method, without, write_customers
from cli.story.table import show_months
from monthclose.domain.period import Period
from sandbox.cloud.provider import generate
from sandbox.stripe.banks import BANK_ACCOUNTS
from sandbox.stripe.cards import CARDS, expiring
from tests.unit.cli.driving import Command

NOVEMBER = Period(2026, 11)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    generate(folder, 200, "2026-11", SEED)
    return folder


@pytest.fixture
def players(month: Path) -> Cast:
    return Cast.of(read_customers(month / "customers.csv"), users(month / "usage.csv.gz"))


def roles(players: Cast) -> dict[str, tuple[str, ...]]:
    return {name: getattr(players, name) for name in Cast.__dataclass_fields__}


def test_every_role_has_somebody_who_uses_something_and_nobody_has_two(month: Path, players: Cast) -> None:
    everybody = list(itertools.chain(*roles(players).values()))
    assert all(roles(players).values())
    assert len(set(everybody)) == len(everybody)
    assert set(everybody) <= users(month / "usage.csv.gz")


def test_who_gets_another_payment_method_gets_one_that_the_sandbox_knows(month: Path, players: Cast) -> None:
    rows = {row["customer_id"]: row for row in read_customers(month / "customers.csv")}
    for customer, method in players.methods(NOVEMBER).items():
        changed = with_method(rows[customer], method)
        assert changed["currency"] == "USD"
        assert changed["payment_provider"] == ("gocardless" if method.startswith("MD") else "stripe")
        assert method.startswith("MD") or method in CARDS or method in BANK_ACCOUNTS or expiring(method)
    card = expiring(players.methods(NOVEMBER)[players.expiring[0]])
    assert card
    assert card.expires == (2026, 12), "it pays for November, and not for December any more"


def test_with_few_customers_some_roles_have_nobody_and_nothing_breaks(tmp_path: Path) -> None:
    generate(tmp_path, 3, "2026-11", SEED)
    few = Cast.of(read_customers(tmp_path / "customers.csv"), users(tmp_path / "usage.csv.gz"))
    assert len(set(itertools.chain(*roles(few).values()))) <= 3


def acts(players: Cast, months: int) -> list[Any]:
    made = Acts(cast("Any", None), cast("Any", None), "", Path(), NOVEMBER, 200)
    made.cast, made.rows = players, {}
    return made.of_months(months)


def test_the_acts_come_in_their_order_and_each_further_month_begins_with_its_usage(players: Cast) -> None:
    listed = acts(players, 3)
    assert [act.time for act in listed] == sorted(act.time for act in listed)
    assert [f"{act.time:%Y-%m-%d %H:%M}" for act in listed if "usage of" in act.text] == [
        "2026-12-31 23:55",
        "2027-01-31 23:55",
    ]
    assert any("have expired" in act.text or "has expired" in act.text for act in listed)
    assert [act for act in acts(players, 2) if act.time.year == 2027 and "usage" in act.text] == []


def test_one_of_a_kind_is_told_in_the_singular(players: Cast) -> None:
    alone = replace(players, declined=players.declined[:1], leaving=players.leaving[:1], expiring=players.expiring[:2])
    told = [act.text for act in acts(alone, 3)]
    assert "1 customer whose card was declined adds another card" in told
    assert "2 customers whose cards have expired add another card" in told
    assert any(text.endswith("1 has left") for text in told)


def test_the_usage_of_who_has_left_is_left_out_and_all_other_usage_is_kept(month: Path, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv.gz"
    file.write_bytes((month / "usage.csv.gz").read_bytes())
    gone = sorted(users(file))[0]

    def rows(path: Path) -> list[dict[str, str]]:
        with gzip.open(path, "rt", newline="") as text:
            return list(csv.DictReader(text))

    without(file, [gone])
    assert rows(file) == [row for row in rows(month / "usage.csv.gz") if row["customer_id"] != gone]


def test_rows_are_written_as_they_were_read(month: Path, tmp_path: Path) -> None:
    rows = read_customers(month / "customers.csv")
    assert read_customers(write_customers(tmp_path / "customers.csv", rows)) == rows


def test_the_table_has_each_month_s_money_and_says_whether_the_books_tie(
    monthclose: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    world = monthclose.world
    world.add_customer("acme")
    world.use("acme", "1234.50", period=Period(2026, 10))
    world.close(Period(2026, 10))

    assert show_months(monthclose.system, [Period(2026, 10)])

    header, row, verdict = capsys.readouterr().out.splitlines()
    assert header.split() == ["invoiced", "collected", "credited", "open", "customers", "on", "hold"]
    assert row.split() == ["2026-10", "USD", "1,234.50", "1,234.50", "0.00", "0.00", "1", "0"]
    assert verdict == "  1 of 1 report tie"
    key = "reports/2026-10/report.json"
    report = json.loads(world.documents.get(key))
    report["proof"]["ties"] = False
    world.documents.put(key, json.dumps(report).encode(), "application/json")
    assert not show_months(monthclose.system, [Period(2026, 10)])
