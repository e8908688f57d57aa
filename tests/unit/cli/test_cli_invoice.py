"""`monthclose invoice show`, `import taxes` and `import logo`."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.unit.cli.driving import Command
from tests.unit.invoices.test_issued_documents import SVG
from tests.world import World

TAXES = 'seller = "DE"\n[[rate]]\ncountries = ["DE", "FR"]\nname = "VAT"\npercent = "19"\n'


@pytest.fixture
def number(world: World) -> str:
    world.use(world.add_customer("acme"), "1234.50")
    world.close()
    invoice = world.month("acme").invoice
    assert invoice
    return invoice.number


def test_an_invoice_is_shown_with_its_lines_its_hash_and_its_settlement(
    world: World, monthclose: Command, number: str
) -> None:
    shown = monthclose("invoice", "show", number).stdout
    invoice = world.month("acme").invoice
    assert invoice
    for text in (
        number,
        "acme Ltd",
        "2026-10",
        "Droplet",
        "1,234.5 ",
        "1,234.50",
        "collected",
        invoice.document.sha256,
    ):
        assert text in shown


def test_as_json_it_is_the_stored_document_byte_for_byte(world: World, monthclose: Command, number: str) -> None:
    printed = monthclose("invoice", "show", number, "--json").stdout.removesuffix("\n").encode()
    invoice = world.month("acme").invoice
    assert invoice
    assert hashlib.sha256(printed).hexdigest() == invoice.document.sha256
    assert json.loads(printed)["number"] == number


def test_the_pdf_that_is_written_out_is_the_stored_one(
    world: World, monthclose: Command, number: str, tmp_path: Path
) -> None:
    said = monthclose("invoice", "show", number, "--pdf", tmp_path / "invoice.pdf").stdout
    assert said == f"{number} written to {tmp_path / 'invoice.pdf'}\n"
    [key] = [key for key in world.documents.objects if key.startswith("pdf/")]
    assert (tmp_path / "invoice.pdf").read_bytes() == world.documents.objects[key]


def test_xml_of_an_invoice_that_the_standard_cannot_express_says_why(
    monthclose: Command, number: str, tmp_path: Path
) -> None:
    result = monthclose("invoice", "show", number, "--xml", tmp_path / "invoice.xml", exit_code=2)
    assert f"{number} has no tax line" in result.output
    assert not (tmp_path / "invoice.xml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("INV-00000099",), "that number has not been used"),
        (("42",), "they look like INV-00000042"),
        (("INV-00000001", "--json", "--pdf", "x.pdf"), "do not go together"),
        (("INV-00000001", "--pdf", "/no/such/folder/x.pdf"), "cannot be written: No such file or directory"),
    ],
)
def test_a_mistake_is_explained_in_a_line(
    monthclose: Command, number: str, arguments: tuple[str, ...], message: str
) -> None:
    assert message in monthclose("invoice", "show", *arguments, exit_code=2).output


def test_a_document_that_was_changed_is_not_shown(world: World, monthclose: Command, number: str) -> None:
    invoice = world.month("acme").invoice
    assert invoice
    key = invoice.document.key
    world.documents.objects[key] = world.documents.objects[key].replace(b"123450", b"923450")
    result = monthclose("invoice", "show", number, exit_code=1)
    assert "was changed after it was issued" in result.output
    assert "9,234.50" not in result.output


def test_a_tax_table_is_imported_whole_and_its_coverage_is_shown(
    world: World, monthclose: Command, tmp_path: Path
) -> None:
    file = tmp_path / "taxes.toml"
    file.write_text(TAXES)
    said = monthclose("import", "taxes", file).stdout
    assert f"taxes: 1 rate in 2 countries, the seller is in DE; version {world.tax_tables.latest()}" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seller = 1", "taxes.toml: seller: the company's own country"),
        (TAXES.replace("percent", "rate"), "taxes.toml: rate 1: 'rate' is unknown"),
        ("[[", "taxes.toml: this is not TOML"),
    ],
)
def test_a_tax_table_that_cannot_be_used_names_the_entry(
    world: World, monthclose: Command, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "taxes.toml"
    file.write_text(content)
    assert message in monthclose("import", "taxes", file, exit_code=2).output
    assert world.tax_tables.latest() == ""


def test_a_logo_is_kept_for_future_invoices(world: World, monthclose: Command, tmp_path: Path) -> None:
    file = tmp_path / "logo.svg"
    file.write_bytes(SVG)
    key = monthclose("import", "logo", file).stdout.rpartition(": ")[2].strip()
    assert world.documents.objects[key] == SVG


@pytest.mark.parametrize("kind", ["taxes", "logo"])
def test_a_missing_file_is_named(monthclose: Command, kind: str) -> None:
    assert "no-such-file cannot be read" in monthclose("import", kind, "no-such-file", exit_code=2).output


def test_customers_tax_ids_are_checked_when_they_are_imported(
    world: World, monthclose: Command, tmp_path: Path
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(
        "customer_id,name,email,currency,payment_provider,payment_method,country,region,tax_id,address\n"
        'a,A,a@a.example,EUR,stripe,,DE,,"DE 136,695 976","Lindenallee 12\n10115 Berlin"\n'
        "b,B,b@b.example,EUR,stripe,,DE,,DE136695978,\n"
        "c,C,c@c.example,EUR,stripe,,Germany,,DE136695976,\n"
        "d,D,d@d.example,EUR,stripe,,US,NY,,\n"
    )
    said = monthclose("import", "customers", file, exit_code=2).stdout
    assert "2 rows imported, 2 rejected" in said
    assert "tax_id is not a tax ID of DE" in said
    assert "tax_id needs a country, as two ISO 3166 letters like DE" in said
    profile = world.customer("a").profile
    assert (profile.tax_id, profile.address) == ("DE136695976", "Lindenallee 12\n10115 Berlin")
    assert world.customer("d").profile.region == "NY"


def test_customers_not_covered_by_the_tax_table_are_imported_and_counted(
    world: World, monthclose: Command, tmp_path: Path
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(
        "customer_id,name,email,currency,payment_provider,payment_method,country\n"
        + "".join(
            f"{n},A,a@a.example,EUR,stripe,,{country}\n" for n, country in enumerate(("DE", "Germany", "UK", "fr"))
        )
    )
    assert "no rate" not in monthclose("import", "customers", file).output
    world.tax_tables.put(TAXES.encode())
    result = monthclose("import", "customers", file)
    assert "4 rows imported" in result.stdout
    assert "the tax table has no rate today for the country and region of 2 rows" in result.stderr
    assert "Germany" not in result.output
    assert world.customer("1").profile.country == "Germany"
