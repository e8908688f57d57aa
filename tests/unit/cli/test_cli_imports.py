"""`monthclose import`: which files it accepts, and what it says about the others."""

import csv
import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.book.price import ALWAYS
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.models import PerUnit
from monthclose.domain.usage import UsageChange, UsageMonth
from monthclose.use_cases.imports.import_usage import UsageImporter
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, SETTINGS, World

CUSTOMERS = (
    "customer_id,name,email,country,currency,payment_provider,payment_method\n"
    "acme,Acme,billing@acme.example,Iceland,USD,stripe,ok\n"
    "globex,Globex,billing@globex.example,Chile,USD,stripe,\n"
)
USAGE = (
    "Who,What,Amount,When\nacme,droplet,24,2026-10-01T00:00:00Z\n,droplet,1,2026-10-02\nstranger,droplet,x,2026-10-02\n"
)
LONG_GZIP = gzip.compress(f"{USAGE}{'acme,droplet,24,2026-10-01' * 3}\n".encode() * 20_000, mtime=0)
MAPS = ("--map", "customer_id=Who", "--map", "sku=What", "--map", "quantity=Amount", "--map", "time=When")


@pytest.fixture
def usage_file(tmp_path: Path, world: World) -> Path:
    world.add_customer("acme")
    path = tmp_path / "usage.csv"
    path.write_text(USAGE)
    return path


def written(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_customers_are_imported_and_counted_by_provider(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS)

    result = monthclose("import", "customers", path)

    assert "customers: 2 rows imported" in result.stdout
    assert "1  no payment method" in result.stdout
    assert monthclose.world.customer("acme").profile.country == "Iceland"


def test_an_import_waits_as_long_as_it_takes_while_it_is_throttled_and_says_so(
    monthclose: Command, usage_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, store = monthclose.world, monthclose.world.usage.store

    def throttled(changes: Iterable[UsageChange]) -> list[UsageMonth]:
        (tell,) = world.patience.tells
        tell("going on more slowly")
        return store(changes)

    monkeypatch.setattr(world.usage, "store", throttled)
    result = monthclose("import", "usage", usage_file, *MAPS, "--max-rejected", "100")
    assert "going on more slowly" in result.stderr
    assert world.patience.seconds is None


def test_usage_is_imported_by_mapped_columns_and_rejected_rows_are_kept_with_their_reason(
    monthclose: Command, usage_file: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"

    result = monthclose("import", "usage", usage_file, *MAPS, "--rejects", rejects, exit_code=2)

    assert "usage: 1 row imported, 2 rejected" in result.stdout
    assert "1  rejected: customer_id is missing" in result.stdout
    assert str(rejects) in result.output
    assert written(rejects) == [
        ["row", "reason", "Who", "What", "Amount", "When"],
        ["2", "customer_id is missing", "", "droplet", "1", "2026-10-02"],
        ["3", "quantity is not a number", "stranger", "droplet", "x", "2026-10-02"],
    ]
    (event,) = monthclose.world.usage.events("acme", OCTOBER)
    assert event.event_id == "usage.csv#1"


def test_by_default_the_rejects_go_to_the_state_folder(monthclose: Command, usage_file: Path, tmp_path: Path) -> None:
    result = monthclose("import", "usage", usage_file, *MAPS, exit_code=2)

    path = tmp_path / "home" / "rejects" / "usage.rejects.csv"
    assert str(path) in result.output
    assert len(written(path)) == 3


def test_an_import_without_rejects_removes_the_old_rejects(
    monthclose: Command, usage_file: Path, tmp_path: Path
) -> None:
    monthclose("import", "usage", usage_file, *MAPS, exit_code=2)
    usage_file.write_text("".join(USAGE.splitlines(keepends=True)[:2]))

    monthclose("import", "usage", usage_file, *MAPS)

    assert not (tmp_path / "home" / "rejects" / "usage.rejects.csv").exists()


def test_importing_the_same_file_again_compressed_or_not_adds_nothing(monthclose: Command, usage_file: Path) -> None:
    packed = usage_file.with_name("usage.csv.gz")
    packed.write_bytes(gzip.compress(usage_file.read_bytes()))

    said = [monthclose("import", "usage", path, *MAPS, exit_code=2).output for path in (usage_file, packed, usage_file)]

    assert "1 new, 0 changed, 0 already stored" in said[0]
    assert all("0 new, 0 changed, 1 already stored" in again for again in said[1:])
    assert len(list(monthclose.world.usage.events("acme", OCTOBER))) == 1


def test_whoever_interrupts_an_import_is_told_that_it_can_be_repeated(
    monthclose: Command, usage_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(UsageImporter, "load", interrupt)
    said = monthclose("import", "usage", usage_file, *MAPS, exit_code=130).stderr
    assert "what was imported stays; import the file again to add the rest" in said
    said = monthclose("import", "usage", usage_file, *MAPS, "--check", exit_code=130).stderr
    assert "stays" not in said


@pytest.mark.parametrize(
    "content",
    [
        USAGE.replace(",", ";").encode(),
        USAGE.replace(",", "\t").encode(),
        b"\xef\xbb\xbf" + USAGE.encode(),
        USAGE.encode("utf-16"),
        USAGE.replace("\n", "\r\n").encode(),
        b"\n" + USAGE.replace("\n", "\n\n").encode(),
        gzip.compress(USAGE.encode()),
    ],
    ids=["semicolons", "tabs", "byte order mark", "utf-16", "crlf", "blank lines", "gzip without the name"],
)
def test_a_csv_file_of_any_dialect_is_read(monthclose: Command, usage_file: Path, content: bytes) -> None:
    usage_file.write_bytes(content)

    assert "1 row imported, 2 rejected" in monthclose("import", "usage", usage_file, *MAPS, exit_code=2).stdout


def test_json_lines_are_read_and_their_numbers_are_exact(monthclose: Command, usage_file: Path) -> None:
    usage_file.write_text(
        '{"customer_id": "acme", "sku": "s", "quantity": 0.1000000000000000000001, "time": "2026-10-01", "x": [1]}\n'
        "\n"
        '{"customer_id": "acme", "sku": "s", "quantity": 1, "time": "2026-10-01", "unit_price": null, "late": true}\n'
        "[]\n"
        '{"customer_id": \n'
    )

    result = monthclose("import", "usage", usage_file, exit_code=2)

    assert "2 rows imported, 2 rejected" in result.stdout
    first, _ = monthclose.world.usage.events("acme", OCTOBER)
    assert str(first.quantity) == "0.1000000000000000000001"


def test_half_a_character_is_rejected_and_shown_by_its_code(
    monthclose: Command, usage_file: Path, tmp_path: Path
) -> None:
    good = '{"customer_id": "acme", "sku": "s", "quantity": 1, "time": "2026-10-01"}\n'
    usage_file.write_text(good + good.replace('"s"', '"\\ud800"'))

    assert "1 row imported, 1 rejected" in monthclose("import", "usage", usage_file, exit_code=2).stdout
    assert written(tmp_path / "home" / "rejects" / "usage.rejects.csv")[1][3] == "\\ud800"


def test_an_open_quote_costs_one_row_and_swallows_none_silently(
    monthclose: Command, usage_file: Path, tmp_path: Path
) -> None:
    usage_file.write_text(
        'Who,What,Amount,When\nacme,"5 inch,1,2026-10-01\nacme,"x"y,1,2026-10-01\nacme,z,1,2026-10-01\n'
    )

    result = monthclose("import", "usage", usage_file, *MAPS, exit_code=2)

    assert "rejected: row is not valid CSV" in result.stdout
    rejected = (tmp_path / "home" / "rejects" / "usage.rejects.csv").read_text()
    assert "5 inch" in rejected


def test_a_row_with_more_cells_than_the_header_is_rejected_with_all_of_them(
    monthclose: Command, usage_file: Path, tmp_path: Path
) -> None:
    usage_file.write_text("Who,What,Amount,When\nacme,a,b,1,2026-10-01\nacme,c,1,2026-10-01,\n")

    result = monthclose("import", "usage", usage_file, *MAPS, exit_code=2)

    assert "1 row imported, 1 rejected" in result.stdout
    assert written(tmp_path / "home" / "rejects" / "usage.rejects.csv")[1][2:] == ["acme", "a", "b", "1", "2026-10-01"]


def test_rejects_run_no_formula_in_a_spreadsheet(monthclose: Command, usage_file: Path, tmp_path: Path) -> None:
    usage_file.write_text('Who,What,Amount,When\n"=HYPERLINK(""x"")",@s,-5,+49 30 1\nacme,s,1,2026-10-01\n')

    monthclose("import", "usage", usage_file, *MAPS, exit_code=2)

    row = written(tmp_path / "home" / "rejects" / "usage.rejects.csv")[1]
    assert row[2:] == ['\'=HYPERLINK("x")', "'@s", "-5", "'+49 30 1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"   \n\n", "is empty"),
        (b"PK\x03\x04zip", "is a broken zip file"),
        (b"PAR1\x00", "is a broken Parquet file"),
        (b"a,b\x00\x01", "is not text"),
        (b"\x1f\x8bbroken", "is a broken gzip file"),
        (b'[{"customer_id": "a"}]', "is one JSON array"),
        (b"Dear all, please find enclosed\nthe usage\n", "there is no column for customer_id, sku, quantity, time"),
        (b"customer_id,sku,quantity,time\n", "has columns but no rows"),
        ("customer_id,sku,quantity,time\nM\u00fcller,s,1,2026-10-01\n".encode("latin-1"), "is not UTF-8 text"),
        (LONG_GZIP[:-20], "is cut off after row"),
        (b"customer_id,sku,quantity,time\n" + b"x" * 2_000_000, "has a line of more than 1,048,576 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unusable_file_is_reported_in_two_lines(
    monthclose: Command, usage_file: Path, content: bytes, message: str
) -> None:
    usage_file.write_bytes(content)
    maps = MAPS if content[:2] == b"\x1f\x8b" else ()

    result = monthclose("import", "usage", usage_file, *maps, exit_code=2)

    assert message in result.stderr
    assert usage_file.name in result.stderr
    said = [line for line in result.output.splitlines() if "rows read" not in line]  # a slow machine says how far it is
    assert len(said) <= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "sku=Stock"], "there is no column 'Stock' (for sku); the columns are Who, What, Amount, When"),
        (["--map", "colour=What"], "a usage file has no field 'colour'"),
        (["--map", "sku"], "--map sku: write it like sku=Product"),
        (["--map", "sku=What", "--map", "sku=Who"], "--map names sku twice"),
        (["--default", "colour=red"], "a usage file has no field 'colour'"),
    ],
)
def test_an_option_that_makes_no_sense_is_reported(
    monthclose: Command, usage_file: Path, arguments: list[str], message: str
) -> None:
    assert message in monthclose("import", "usage", usage_file, *arguments, exit_code=2).stderr


def test_a_missing_file_is_reported(monthclose: Command, tmp_path: Path) -> None:
    assert "there is no file" in monthclose("import", "usage", tmp_path / "none.csv", exit_code=2).stderr
    assert "is a folder" in monthclose("import", "usage", tmp_path, exit_code=2).stderr


def test_the_rejects_never_overwrite_the_input(monthclose: Command, usage_file: Path) -> None:
    result = monthclose("import", "usage", usage_file, *MAPS, "--rejects", usage_file, exit_code=2)

    assert "is the file being imported" in result.stderr
    assert usage_file.read_text() == USAGE


def test_a_default_fills_a_column_that_the_file_lacks(monthclose: Command, usage_file: Path) -> None:
    usage_file.write_text(json.dumps({"customer_id": "acme", "sku": "s", "time": "2026-10-01"}) + "\n")

    assert "1 row imported" in monthclose("import", "usage", usage_file, "--default", "quantity=3").stdout


def rows_of(good: int, bad: int) -> str:
    row = "acme,droplet,{},2026-10-02\n"
    return "customer_id,sku,quantity,time\n" + row.format(1) * good + row.format("x") * bad


@pytest.mark.parametrize(
    ("good", "bad", "options", "exit_code"),
    [(95, 5, (), 0), (94, 6, (), 2), (94, 6, ("--max-rejected", "6"), 0), (99, 1, ("--max-rejected", "0"), 2)],
)
def test_too_many_rejected_rows_set_the_exit_status_and_the_others_are_imported(
    monthclose: Command, usage_file: Path, good: int, bad: int, options: tuple[str, ...], exit_code: int
) -> None:
    usage_file.write_text(rows_of(good, bad))
    result = monthclose("import", "usage", usage_file, *options, exit_code=exit_code)
    assert f"usage: {good} rows imported, {bad} rejected" in result.stdout
    assert (f"{bad} of 100 rows of usage.csv were rejected, more than" in result.stderr) == (exit_code == 2)
    assert len(list(monthclose.world.usage.events("acme", OCTOBER))) == good


def test_the_share_is_a_setting_of_the_deployment(
    monthclose: Command, usage_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.world.SETTINGS", replace(SETTINGS, max_rejected_percent=50))
    usage_file.write_text(rows_of(1, 1))
    monthclose("import", "usage", usage_file)
    usage_file.write_text(rows_of(1, 2))
    assert "more than 50%" in monthclose("import", "usage", usage_file, exit_code=2).stderr


def test_too_many_rejected_customers_set_the_exit_status_too(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS + "initech,Initech,nowhere,Chile,USD,stripe,\n")
    assert "1 of 3 rows of customers.csv were rejected" in monthclose("import", "customers", path, exit_code=2).stderr
    monthclose("import", "customers", path, "--max-rejected", "34")


def test_late_rows_are_counted_whether_they_are_new_corrected_or_already_there(
    monthclose: Command, usage_file: Path
) -> None:
    monthclose.world.open()
    usage_file.write_text(rows_of(31, 0))
    late = "{} too late for the close of 2026-10"

    first = monthclose("import", "usage", usage_file)
    assert "usage: 31 rows imported" in first.stdout
    assert late.format("31 rows") in first.stderr
    assert "too late" not in monthclose("import", "usage", usage_file).stderr

    usage_file.write_text(rows_of(31, 0).replace(",1,", ",2,"))
    corrected = monthclose("import", "usage", usage_file)
    assert "usage: 31 rows imported" in corrected.stdout
    assert late.format("31 rows") in corrected.stderr

    usage_file.write_text(rows_of(31, 0).replace(",1,", ",2,") + "acme,droplet,3,2026-10-03\n")
    longer = monthclose("import", "usage", usage_file)
    assert "usage: 32 rows imported" in longer.stdout
    assert late.format("1 row") in longer.stderr


def test_usage_without_a_price_and_customers_without_a_tax_are_named_at_once(
    monthclose: Command, usage_file: Path
) -> None:
    world = monthclose.world
    world.add_customer("globex", currency="EUR")
    world.price_books.merge(
        PriceBook.of(
            [
                Price("droplet", "USD", PerUnit(Decimal(1))),
                Price("late", "USD", PerUnit(Decimal(1)), valid=Window(datetime(2026, 10, 10, tzinfo=UTC), ALWAYS.end)),
                Price("own", "USD", PerUnit(Decimal(1)), customer="acme"),
            ]
        )
    )
    usage_file.write_text(
        "customer_id,sku,quantity,time,unit_price\n"
        "acme,droplet,1,2026-10-02,\nacme,own,1,2026-10-02,\nacme,late,1,2026-10-11,\nacme,rated,1,2026-10-02,2\n"
        "acme,late,1,2026-10-02,\nacme,volume,1,2026-10-02,\nacme,volume,1,2026-10-03,\nglobex,own,1,2026-10-02,\n"
    )

    told = monthclose("import", "usage", usage_file).stderr

    assert (
        "no price in the price book for 4 rows, 3 SKUs: volume (2), late (1), own (1); a close would "
        "park these customers"
    ) in told
    assert "no rate in the tax table" not in told

    world.tax_tables.put(b'seller = "DE"\n[[rate]]\ncountries = ["DE"]\nname = "VAT"\npercent = "19"\n')
    world.price_books.merge(PriceBook.of([Price("volume", "USD", PerUnit(Decimal(1)))]))
    told = monthclose("import", "usage", usage_file).stderr
    assert "for 2 rows, 2 SKUs: late (1), own (1); a close would park these customers" in told
    assert "no rate in the tax table for 8 rows, 2 customers: acme (7), globex (1); a close would park them" in told


def test_a_long_list_of_names_is_cut_and_all_rows_are_counted(monthclose: Command, usage_file: Path) -> None:
    usage_file.write_text(
        "customer_id,sku,quantity,time\n" + "".join(f"acme,s{n:04},1,2026-10-02\n" for n in range(1200))
    )
    told = monthclose("import", "usage", usage_file).stderr
    assert "no price in the price book for 1,200 rows, " in told
    assert len(told) < 500


def test_an_optional_column_that_appears_late_in_json_lines_is_still_read(
    monthclose: Command, usage_file: Path
) -> None:
    row = {"customer_id": "acme", "sku": "s", "quantity": 1, "time": "2026-10-01"}
    usage_file.write_text(f"{json.dumps(row)}\n" * 150 + json.dumps(row | {"unit_price": "0.5"}) + "\n")
    monthclose("import", "usage", usage_file)
    priced = [event for event in monthclose.world.usage.events("acme", OCTOBER) if event.unit_price is not None]
    assert [(event.event_id, str(event.unit_price)) for event in priced] == [("usage.csv#151", "0.5")]


def test_a_price_book_among_files_of_rows_is_recognised(monthclose: Command, tmp_path: Path) -> None:
    for name, text in {"prices.toml": '# ours\ncurrency = "USD"\n', "prices": '\n[[prices]]\nsku = "vm"\n'}.items():
        path = tmp_path / name
        path.write_text(text)
        said = monthclose("import", "customers", path, exit_code=2).stderr
        assert f"{name} is TOML, not a file of rows" in said
        assert "monthclose import prices FILE" in said


def test_reasons_that_are_not_named_are_counted(monthclose: Command, usage_file: Path) -> None:
    usage_file.write_text(
        "customer_id,sku,quantity,time\nacme,a,x,2026-10-01\nacme,,1,2026-10-01\nacme,a,1,yesterday\n"
        "nobody,a,1,2026-10-01\n,a,1,2026-10-01\n"
    )
    said = " ".join(monthclose("import", "usage", usage_file, exit_code=2).stderr.split())
    assert "and 2 more reasons (2 rows; see the rejected rows)" in said


def test_a_check_says_once_that_nothing_was_imported(monthclose: Command, usage_file: Path) -> None:
    result = monthclose("import", "usage", usage_file, *MAPS, "--check", exit_code=2)
    assert result.stderr.count("nothing was imported") == 1
    assert "correct the rejected rows, and check the file again" in result.stderr


def test_usage_that_is_corrected_to_nothing_needs_no_price(monthclose: Command, usage_file: Path) -> None:
    usage_file.write_text("customer_id,sku,quantity,time\nacme,unpriced,0,2026-10-02\n")
    assert "no price" not in monthclose("import", "usage", usage_file).stderr


def test_late_usage_of_parked_customers_is_said_to_be_billed_with_its_own_month(
    monthclose: Command, usage_file: Path
) -> None:
    monthclose.world.open()
    usage_file.write_text(rows_of(1, 0))
    said = " ".join(monthclose("import", "usage", usage_file).stderr.split())
    assert "(for parked customers on the invoice of 2026-10, when it is closed again)" in said
