"""`monthclose import prices`: a price book is taken whole or not at all, and what is wrong with it is named."""

from pathlib import Path

import pytest

from tests.unit.cli.driving import Command
from tests.world import unit_price


def test_prices_may_be_toml_and_keep_every_digit(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('# prices\n[[price]]\nsku = "a"\ncurrency = "USD"\nunit_price = 0.00893\n')

    monthclose("import", "prices", path)

    book = monthclose.world.price_books
    assert str(unit_price(book.get(book.latest()), "a")) == "0.00893"


@pytest.mark.parametrize("content", ["", "# nothing\n", "[settings]\ncap_hours = 672\n", "prices = []\n"])
def test_a_price_book_without_a_price_is_reported(monthclose: Command, tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(content)
    told = monthclose("import", "prices", path, exit_code=2).stderr
    assert "prices.toml has no entries" in told
    assert monthclose.world.price_books.latest() == ""


def test_a_discount_for_a_fee_is_refused_with_file_and_entry_whichever_file_the_fee_came_with(
    monthclose: Command, tmp_path: Path
) -> None:
    fee, path = tmp_path / "fee.toml", tmp_path / "discount.toml"
    fee.write_text('[[fees]]\nid = "support"\ncurrency = "USD"\nmonthly_fee = 9\n')
    path.write_text('[[discounts]]\nid = "d"\npercent = 5\nskus = ["vm", "support"]\n')
    monthclose("import", "prices", fee)
    before = monthclose.world.price_books.latest()

    told = " ".join(monthclose("import", "prices", path, exit_code=2).stderr.split())

    assert "nothing of discount.toml was imported" in told
    assert 'discounts[1] "d": its skus name "support", which is a fee, not a SKU of the price book' in told
    assert monthclose.world.price_books.latest() == before
    sku = '[[prices]]\nsku = "support"\ncurrency = "USD"\nunit_price = 1\n'
    path.write_text(path.read_text() + sku)
    monthclose("import", "prices", path)


def test_a_misspelt_column_is_named_beside_the_field_that_is_missing(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("sku,currency,price\na,USD,1\n")
    told = monthclose("import", "prices", path, exit_code=2).stderr
    assert "there is no column for unit_price; the columns are sku, currency, price (unknown: price)" in told


@pytest.mark.parametrize(
    ("price", "reason"), [("-1", "unit_price is negative"), ("cheap", "unit_price is not a number")]
)
def test_a_price_book_with_a_bad_price_is_refused_as_a_whole(
    monthclose: Command, tmp_path: Path, price: str, reason: str
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"sku,currency,unit_price\na,USD,1\nb,USD,{price}\n")

    result = monthclose("import", "prices", path, exit_code=2)

    assert f"nothing of prices.csv was imported: {reason} (1 row)" in result.stderr
    assert len(result.output.splitlines()) == 2
    assert monthclose.world.price_books.latest() == ""
