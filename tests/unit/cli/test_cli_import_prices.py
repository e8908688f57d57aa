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


MACHINE = '[[prices]]\nsku = "vm"\ncurrency = "USD"\nunit_price = 1\n'
SUPPORT = '[[fees]]\nid = "support"\ncurrency = "USD"\nmonthly_fee = 9\n'
AT_MOST = '[[limits]]\nid = "max"\ncurrency = "USD"\nmaximum = 100\n'
AT_LEAST = '[[commitments]]\nid = "min"\ncurrency = "USD"\namount = 120\n'


@pytest.mark.parametrize(
    ("entries", "mistake"),
    [
        (
            AT_MOST + 'skus = ["support"]\n',
            'limits[1] "max": its skus name "support", which is a fee, not a SKU of the price book; fees belong in '
            "fees, or give the fee another id if usage has this SKU",
        ),
        (AT_MOST + 'fees = ["vm"]\n', 'limits[1] "max": the price book has no fee "vm"'),
        (AT_LEAST + 'fees = ["vm"]\n', 'commitments[1] "min": the price book has no fee "vm"'),
        (
            AT_MOST + 'skus = ["vm"]\nper_resource = true\n',
            'limits[1] "max": it is per resource, but "vm" is not priced by resource in USD: give its prices '
            "per_resource = true",
        ),
        (
            AT_MOST + AT_LEAST + 'customers = ["acme"]\n',
            'commitments "min" and limits "max": at least 120 and at most 100 USD for everything: change one of them',
        ),
        (
            AT_MOST + 'customers = ["acme"]\nskus = ["vm"]\n' + AT_LEAST + 'skus = ["vm"]\n',
            'commitments "min" and limits "max": at least 120 and at most 100 USD for vm: change one of them',
        ),
    ],
)
def test_a_limit_or_commitment_that_cannot_be_meant_is_refused(
    monthclose: Command, tmp_path: Path, entries: str, mistake: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(MACHINE + SUPPORT)
    monthclose("import", "prices", path)
    path.write_text(entries)
    assert mistake in " ".join(monthclose("import", "prices", path, exit_code=2).stderr.split())


@pytest.mark.parametrize(
    "entries",
    [
        AT_MOST + 'customers = ["acme"]\n' + AT_LEAST + 'customers = ["bolt"]\n',
        AT_MOST + 'until = "2026-10"\n' + AT_LEAST + 'from = "2026-10"\n',
        AT_MOST + AT_LEAST + 'term = "year"\ncalendar = true\n',
        AT_MOST + 'skus = ["vm"]\n' + AT_LEAST,
    ],
)
def test_a_minimum_may_be_more_than_the_maximum_of_something_else(
    monthclose: Command, tmp_path: Path, entries: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(MACHINE + entries)
    result = monthclose("import", "prices", path)
    assert "1 limit (1 new)" in result.stdout


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


SEPTEMBER_FEE = '[[fees]]\nid = "support"\ncurrency = "USD"\nmonthly_fee = 9\ndescription = "Support"\n'


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_fee_that_names_no_customers_is_said_to_be_due_from_all(monthclose: Command, tmp_path: Path) -> None:
    for number in range(231):
        monthclose.world.add_customer(f"c{number}")
    path = tmp_path / "fees.toml"
    path.write_text(SEPTEMBER_FEE)

    said = lines_of(monthclose("import", "prices", path).stdout)

    assert "1 fee (1 new): due from 231 customers" in said
    assert (
        "fee 'Support' (support) in USD, new: names no customers, so it is due from all 231 customers billed in USD"
    ) in said


def test_a_changed_entry_is_said_with_what_changed_and_the_mistakes_in_its_names(
    monthclose: Command, tmp_path: Path
) -> None:
    monthclose.world.add_customer("acme")
    monthclose.world.add_customer("tokyo", currency="JPY")
    path = tmp_path / "fees.toml"
    path.write_text(SEPTEMBER_FEE)
    monthclose("import", "prices", path)
    path.write_text(SEPTEMBER_FEE.replace("= 9", "= 12") + 'customers = ["acme", "acmee", "tokyo"]\n')

    said = lines_of(monthclose("import", "prices", path).stdout)

    assert "1 fee (1 changed): due from 1 customer" in said
    assert (
        "fee 'Support' (support) in USD, changed (monthly_fee 9 to 12, customers): due from 1 customer; "
        "not a customer: acmee; billed in another currency: tokyo"
    ) in said


def test_new_prices_are_said_with_who_used_the_sku_last_month(monthclose: Command, tmp_path: Path) -> None:
    for name in ("acme", "broke"):
        monthclose.world.use(monthclose.world.add_customer(name), "5")
    path = tmp_path / "prices.csv"
    path.write_text("sku,currency,unit_price\ndroplet,USD,1\ngpu,USD,2\ngpu,EUR,2\ndroplet,EUR,1\n")
    assert "4 prices (4 new): no month has been closed yet" in monthclose("import", "prices", path).stdout
    monthclose.world.close()
    path.write_text("sku,currency,unit_price\ndroplet,USD,1.50\ngpu,USD,3\ngpu,EUR,3\ndroplet,EUR,2\n")

    said = lines_of(monthclose("import", "prices", path).stdout)

    assert "4 prices (4 changed)" in said
    assert "price of SKU 'droplet' in USD, changed (unit_price 1 to 1.5): 2 of 2 customers used it in 2026-10" in said
    assert "and 1 SKU that nobody was billed for in 2026-10" in said


def test_whom_an_import_touches_is_in_its_json(monthclose: Command, tmp_path: Path) -> None:
    monthclose.world.add_customer("acme")
    path = tmp_path / "fees.toml"
    path.write_text(SEPTEMBER_FEE)

    effects = monthclose.json("import", "prices", str(path), "--json")["effects"]

    assert effects["customers"]["fee"] == 1
    [entry] = effects["entries"]
    assert (entry["entry"], entry["name"], entry["what"], entry["for_everybody"]) == ("fee", "support", "new", True)
    assert (entry["before"], entry["after"][0]["monthly_fee"]) == ([], "9")


@pytest.mark.parametrize("name", ["prices.toml", "prices.csv"])
def test_a_check_says_what_an_import_would_do_and_does_nothing(monthclose: Command, tmp_path: Path, name: str) -> None:
    monthclose.world.add_customer("acme")
    path = tmp_path / name
    path.write_text(SEPTEMBER_FEE if name.endswith(".toml") else "sku,currency,unit_price\na,USD,1\n")

    result = monthclose("import", "prices", path, "--check")

    assert "1 row would be imported" in result.stdout
    assert "1 fee (1 new)" in result.stdout or "1 price (1 new)" in result.stdout
    assert "nothing was imported: this was a check" in result.stderr
    assert monthclose.world.price_books.latest() == ""
    assert list(monthclose.world.audit.find()) == []
    answer = monthclose.json("import", "prices", str(path), "--check", "--json")
    assert answer["check"] is True
    assert not {"new", "changed"} & answer.keys(), "nobody counts them: there are the effects"


def test_a_check_finds_the_same_mistakes_as_an_import(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(SEPTEMBER_FEE + '[[discounts]]\nid = "d"\npercent = 5\nskus = ["support"]\n')
    told = monthclose("import", "prices", path, "--check", exit_code=2).stderr
    assert 'its skus name "support", which is a fee' in " ".join(told.split())


def test_prices_that_are_in_the_book_already_change_nothing(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(SEPTEMBER_FEE)
    monthclose("import", "prices", path)
    assert "the price book is as it was" in monthclose("import", "prices", path).stderr


def test_of_many_entries_those_with_a_mistake_come_first(monthclose: Command, tmp_path: Path) -> None:
    monthclose.world.add_customer("acme")
    path = tmp_path / "fees.toml"
    fees = [SEPTEMBER_FEE.replace("support", f"fee-{number}") for number in range(15)]
    path.write_text("".join([*fees, SEPTEMBER_FEE + 'customers = ["acmee"]\n']))

    result = monthclose("import", "prices", path)

    said = lines_of(result.stdout)
    first = said.index("16 fees (16 new): due from 1 customer") + 1
    assert "not a customer: acmee" in said[first]
    assert "and 6 more; all of them: --json" in result.stderr


def test_skus_that_no_price_is_for_are_named(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(
        '[[prices]]\nsku = "vm"\ncurrency = "USD"\nunit_price = "1"\n'
        '[[limits]]\nid = "cap"\ncurrency = "USD"\nmaximum = "10"\nskus = ["vm", "nosuchsku"]\n'
        '[[discounts]]\nid = "off"\npercent = 5\nskus = ["vm"]\n'
    )
    said = lines_of(monthclose("import", "prices", path, "--check").stdout)
    assert [line.partition("; ")[2] for line in said if "'cap'" in line] == ["no price for SKU: nosuchsku"]
    assert [line.partition("; ")[2] for line in said if "'off'" in line] == [""]
    entries = monthclose.json("import", "prices", str(path), "--check", "--json")["effects"]["entries"]
    assert {entry["name"]: entry["without_price"] for entry in entries}["cap"] == ["nosuchsku"]
