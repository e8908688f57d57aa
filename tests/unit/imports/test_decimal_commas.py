"""Files with decimal commas: refused as a whole until somebody declares them, and then read to the last digit."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.numerals import shows_comma, with_point
from tests.dropping import KEY, LARGE, SMALL, Drop
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World, unit_price

HEADER = "customer_id;sku;quantity;unit_price;time\n"


def row(quantity: str, price: str = "1") -> str:
    return f"acme;droplet;{quantity};{price};2026-10-02\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.add_customer("acme")
    return made


@pytest.fixture
def monthclose(world: World) -> Command:
    return Command(world, FakeMachine(world))


def taken(world: World) -> list[tuple[str, str]]:
    return [(str(e.quantity), str(e.unit_price)) for e in world.usage.events("acme", OCTOBER)]


@pytest.mark.parametrize(
    "cell",
    ["1,5", "0,125", "1.234,50", "-1.234,5", "1 234,50", "1\u202f234,50", ",5", "5,", "1,234", "1.234.567", "€ 1,50"],
)
def test_one_cell_with_a_decimal_comma_at_the_very_end_refuses_the_whole_file(
    monthclose: Command, tmp_path: Path, cell: str
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + row("1.500") * 5000 + row(cell))

    told = monthclose("import", "usage", path, exit_code=2).stderr

    assert told.splitlines()[-2:] == [
        "error: usage.csv: the quantity of row 5,001 seems to have a decimal comma, so 1.500 may mean 1500; "
        "nothing was imported",
        "       choose one: --decimal , or --decimal .",
    ]
    assert taken(monthclose.world) == []


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_dropped_file_is_refused_as_a_whole_too_and_pointed_to_its_metadata(world: World, how: DropSettings) -> None:
    drop = Drop(world, how)
    content = (HEADER + row("1.500") * 3 + row("1", "0,5")).encode()
    drop.world.inbox.drop(KEY, content)

    outcome = drop.run()

    assert (outcome["status"], outcome["taken"]) == ("unusable", 0)
    assert outcome["error"] == (
        "a.csv: the unit_price of row 4 seems to have a decimal comma, so 1.500 may mean 1500; "
        "nothing was imported\n"
        "choose one: the object's metadata decimal = , or the object's metadata decimal = ."
    )
    assert taken(world) == []

    drop.world.inbox.drop(KEY, content, decimal=",")
    assert drop.run(execution="import-2")["taken"] == 4
    assert sorted(taken(world)) == [("1", "0.5"), *[("1500", "1")] * 3]


def test_numbers_with_decimal_commas_are_read_when_the_user_says_so(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    cells = ["1.234,50", "1.500", "1,5", "-0,25", "2", "1 234,5", "1,5e3"]
    path.write_text(HEADER + "".join(row(cell, "0,00893") for cell in cells))

    monthclose("import", "usage", path, "--decimal", ",")

    quantities = [quantity for quantity, _ in taken(monthclose.world)]
    assert quantities == ["1234.50", "1500", "1.5", "-0.25", "2", "1234.5", "1.5E+3"]
    assert {price for _, price in taken(monthclose.world)} == {"0.00893"}


def test_a_number_with_a_point_in_a_file_of_commas_is_rejected_and_not_guessed(
    monthclose: Command, tmp_path: Path
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + row("1.5") + row("1,234.50") + row("1,5"))
    told = monthclose("import", "usage", path, "--decimal", ",", "--max-rejected", "100").stdout
    assert "2  rejected: quantity is not a number with a decimal comma" in told
    assert taken(monthclose.world) == [("1.5", "1")]


def test_with_points_declared_decimal_only_the_other_rows_are_rejected(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + row("1.500") + row("1,234"))
    told = monthclose("import", "usage", path, "--decimal", ".", exit_code=2).stdout
    assert "1  rejected: quantity is not a number" in told
    assert taken(monthclose.world) == [("1.500", "1")]


def test_commas_elsewhere_and_between_thousands_cause_no_refusal(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(
        "customer_id;sku;quantity;time;description\n"
        "acme;1,5;1.5;2026-10-02;1,5 GB\nacme;s;1,234.50;2026-10-02;\n"
        "acme;s;1,234,567;2026-10-02;\nacme;s;a, b;2026-10-02;\n"
    )
    assert "1 row imported, 3 rejected" in monthclose("import", "usage", path, exit_code=2).stdout


def test_prices_with_decimal_commas_are_refused_or_read_the_same_way(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("sku;currency;unit_price\na;USD;1.500\nb;USD;0,00893\n")
    assert "the unit_price of row 2" in monthclose("import", "prices", path, exit_code=2).stderr
    assert monthclose.world.price_books.latest() == ""

    monthclose("import", "prices", path, "--decimal", ",")
    book = monthclose.world.price_books.get(monthclose.world.price_books.latest())
    assert (unit_price(book, "a"), unit_price(book, "b")) == (Decimal(1500), Decimal("0.00893"))


def test_json_numbers_have_points_whatever_the_texts_beside_them_have(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    line = '{"customer_id": "acme", "sku": "s", "time": "2026-10-02", "unit_price": 1, "quantity": %s}\n'
    path.write_text(line % "1.500" + line % '"1.500"' + line % '"1,5"' + line % "1.5e1")
    assert "the quantity of row 3" in monthclose("import", "usage", path, exit_code=2).stderr

    monthclose("import", "usage", path, "--decimal", ",")
    assert [quantity for quantity, _ in taken(monthclose.world)] == ["1.500", "1500", "1.5", "15"]


def test_no_other_character_is_a_decimal_mark(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + row("1"))
    told = monthclose("import", "usage", path, "--decimal", ";", exit_code=2).stderr
    assert "--decimal ;: the decimal mark must be . or ," in told


@given(st.decimals(-(10**12), 10**12, places=3), st.sampled_from(["", ".", " ", "\u00a0"]))
def test_whatever_is_written_with_a_comma_is_read_back(number: Decimal, between: str) -> None:
    english = f"{number:,.3f}"
    written = english.replace(",", "T").replace(".", ",").replace("T", between)
    assert Decimal(with_point(written) or "NaN") == number
    assert shows_comma(written)


@given(st.text(alphabet="0123456789.,eE+- '€x\u00a0", max_size=200))
def test_whatever_is_read_with_a_comma_is_a_number(cell: str) -> None:
    read = with_point(cell)
    shows_comma(cell)
    assert read is None or "," not in read
    assert read is None or Decimal(read) == Decimal(read)
