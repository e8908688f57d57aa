"""Tax classes on the command line: imports name those that nothing is known of, and invoices show each line's rate."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cli.dashboard.price_words import price_in_words, rule_in_words
from monthclose.domain.pricing.book.price import Price
from monthclose.domain.pricing.models import PerUnit
from monthclose.domain.tax.tax import TaxRate
from monthclose.domain.tax.tax_table import TaxRule
from tests.unit.cli.driving import Command
from tests.unit.invoices.test_tax_classes_in_a_close import TAXES, a_world, close, use
from tests.world import World

PRICES = """
[[prices]]
sku = "vm"
currency = "USD"
unit_price = "1"
[[tax_classes]]
id = "books"
skus = ["book"]
[[tax_classes]]
id = "boks"
skus = ["magazine"]
"""


@pytest.fixture
def world() -> World:
    return a_world()


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_import_of_prices_names_tax_classes_that_the_tax_table_does_not_know(
    monthclose: Command, tmp_path: Path
) -> None:
    file = written(tmp_path / "prices.toml", PRICES)
    result = monthclose("import", "prices", file)
    assert "no rate in the tax table names the tax class 'boks'; a close would park who uses that" in result.stderr
    assert "2 tax classes (2 new): applied to 1 customer" in result.stdout
    assert monthclose.json("import", "prices", str(file), "--json")["unknown_tax_classes"] == ["boks"]


def test_an_import_of_taxes_names_tax_classes_of_the_price_book_that_it_does_not_know(
    monthclose: Command, tmp_path: Path
) -> None:
    file = written(tmp_path / "taxes.toml", TAXES.replace('["books"]', '["food"]'))
    assert "names the tax class 'books'; a close would park" in monthclose("import", "taxes", file).stderr
    said = monthclose.json("import", "taxes", str(file), "--json")
    assert (said["classes"], said["unknown_tax_classes"]) == (["food"], ["books"])
    known = written(tmp_path / "taxes.toml", 'classes = ["books"]\n' + TAXES.replace('["books"]', '["food"]'))
    assert "tax class" not in monthclose("import", "taxes", known).output


def test_an_invoice_with_two_rates_shows_that_of_each_line(monthclose: Command, world: World) -> None:
    use(world, vm="100", book="50")
    previewed = monthclose("invoice", "preview", "acme", "2026-10").stdout
    close(world)
    shown = monthclose("invoice", "show", "INV-1").stdout
    assert shown.count("VAT 7%") == shown.count("VAT 19%") == 1
    for said in (previewed, monthclose("invoice", "explain", "INV-1").stdout):
        assert "VAT 19% of 100.00" in said
        assert "VAT 7% of 50.00" in said
        assert "tax class books" in said


def test_an_invoice_with_one_rate_does_not_repeat_it_on_each_line(monthclose: Command, world: World) -> None:
    use(world, book="50")
    close(world)
    assert "VAT 7%" not in monthclose("invoice", "show", "INV-1").stdout


def test_the_prices_page_says_classes_and_taxes_on_taxes() -> None:
    price = Price("book", "USD", PerUnit(Decimal(1)), tax_class="books")
    assert price_in_words(price)[-1] == "tax class books"
    rule = TaxRule(("CA",), (), TaxRate("QST", Decimal("9.5"), on_top_of=("GST",)), classes=("books",))
    assert rule_in_words(rule) == "QST 9.5%, on top of GST, for books only"
    assert rule_in_words(replace(rule, classes=(), rate=TaxRate("GST", Decimal(5)))) == "GST 5%"
