"""What a customer was billed, as FOCUS: all of the ledger's costs are in it, and the public validator takes it."""

import csv
import io
import os
import re
import subprocess
import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.finance.focus import COLUMNS, focus_rows
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.finance.reading import bill, books_of
from tests.unit.invoices.test_taxed_invoices import TAXES as TAX_TABLE
from tests.world import OCTOBER, World

STORED = Path(__file__).parent / "stored"
VALIDATOR = Path("build/focus-validator")
"""Made by `make focus-check`: it is 544 MB, and wants an environment of its own."""
_EITHER = {"InvoiceId-C-004-C"}
"""InvoiceId-C-003-C asks for C-004 (null) or C-005 (not null), so one of the two always fails."""
PRICES = """
[[prices]]
sku = "cpu"
currency = "USD"
unit_price = "0.0333"
[[fees]]
id = "support"
currency = "USD"
monthly_fee = "99"
customers = ["acme"]
[[discounts]]
id = "launch"
percent = 10
customers = ["acme"]
[[commitments]]
id = "acme-2026"
currency = "USD"
amount = "300"
customers = ["acme"]
"""


@pytest.fixture(scope="module")
def world() -> World:
    """A customer with every kind of line, and two credit notes: for a part of an invoice, and for the rest of it."""
    world = World()
    world.tax_tables.put(TAX_TABLE)
    world.price_books.merge(read_book(tomllib.loads(PRICES, parse_float=Decimal)))
    bill(world, "acme", "GB")
    bill(world, "tokyo", "JP", currency="JPY", amount="1000")
    events = [("e1", "vm-1", "12.5"), ("e2", "vm-2", "700")]
    world.usage.put(
        [UsageEvent(one, "acme", "cpu", Decimal(n), OCTOBER.start, None, "CPU", of) for one, of, n in events]
    )
    world.close()
    world.clock.pass_time(days=3)
    number = invoice(world)
    world.corrector.credit(number, Money(1190, "USD"), "a mistake")
    world.corrector.void("INV-00000002" if number == "INV-00000001" else "INV-00000001", "another")
    return world


def invoice(world: World, customer_id: str = "acme") -> str:
    found = world.month(customer_id).invoice
    assert found
    return found.number


def rows(world: World, customer_id: str = "acme", period: Period = OCTOBER) -> list[dict[str, str]]:
    return list(focus_rows(books_of(world, customer_id, period), period, world.clock()))


def as_csv(found: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def test_the_costs_of_a_document_are_its_total_and_tax_has_rows_of_its_own(world: World) -> None:
    for customer_id, currency in (("acme", "USD"), ("tokyo", "JPY")):
        month = world.month(customer_id)
        totals = {note.number: -note.total.major for note in month.credit_notes}
        taxes = {note.number: -Money(note.tax_minor, currency).major for note in month.credit_notes}
        for issued in month.invoices:
            totals[issued.number] = issued.total.major
            taxes[issued.number] = Money(issued.tax_minor, currency).major
        found, tax = Counter[str](), Counter[str]()
        for row in [*rows(world, customer_id), *rows(world, customer_id, OCTOBER.next)]:
            found[row["InvoiceId"]] += Decimal(row["BilledCost"])  # type: ignore[assignment]
            if row["ChargeCategory"] == "Tax":
                tax[row["InvoiceId"]] += Decimal(row["BilledCost"])  # type: ignore[assignment]
        assert found == totals
        assert tax == taxes


def test_each_kind_of_line_has_its_category_and_what_corrects_an_earlier_month_is_a_correction(world: World) -> None:
    billed = {(row["x_LineKind"], row["ChargeCategory"], row["ChargeClass"]) for row in rows(world)}
    assert billed == {
        ("usage", "Usage", ""),
        ("fee", "Usage", ""),
        ("discount", "Credit", ""),
        ("commitment", "Adjustment", ""),
        ("tax", "Tax", ""),
    }
    credited = {(row["ChargeCategory"], row["ChargeClass"]) for row in rows(world, period=OCTOBER.next)}
    assert credited == {("Credit", "Correction"), ("Tax", "Correction")}
    whole = {(r["ChargeCategory"], r["ChargeClass"]) for r in rows(world, "tokyo", OCTOBER.next)}
    assert whole == {("Usage", "Correction"), ("Tax", "Correction")}


def test_usage_says_how_much_was_used_and_tax_does_not(world: World) -> None:
    used = {row["SkuId"]: f"{row['ConsumedQuantity']} {row['ConsumedUnit']}".strip() for row in rows(world)}
    usage = {"cpu": "712.5 Units", "droplet": "1.0 Units", "support": "1.0 month"}
    assert used == {**usage, "acme-2026": "", "": ""}


def test_the_command_writes_the_file_and_json_has_null_for_nothing(world: World, tmp_path: Path) -> None:
    monthclose, file = Command(world, FakeMachine(world)), tmp_path / "focus.csv"
    monthclose("focus", "acme", "2026-10", "--file", file)
    with file.open(newline="") as text:
        assert [row["BilledCost"] for row in csv.DictReader(text)] == [row["BilledCost"] for row in rows(world)]
    answer = monthclose.json("focus", "acme", "2026-10", "--json")
    assert answer["rows"][0]["ChargeClass"] is None
    assert "there is no customer" in monthclose("focus", "nobody", "2026-10", exit_code=2).stderr


@pytest.mark.parametrize(("customer_id", "period"), [("acme", OCTOBER), ("acme", OCTOBER.next), ("tokyo", OCTOBER)])
def test_the_file_is_the_one_that_the_validator_accepted(world: World, customer_id: str, period: Period) -> None:
    """Where it differs, and is meant to: `make focus-check` validates what is stored here, and stores it."""
    stored, now = STORED / f"focus-{customer_id}-{period}.csv", as_csv(rows(world, customer_id, period))
    if os.environ.get("MONTHCLOSE_STORE_FOCUS"):
        stored.write_text(now)
    assert now == stored.read_text()


@pytest.mark.long
@pytest.mark.skipif(not VALIDATOR.exists(), reason="make focus-check makes the validator's environment")
@pytest.mark.parametrize("name", ["focus-acme-2026-10", "focus-acme-2026-11", "focus-tokyo-2026-10"])
def test_the_public_validator_accepts_the_stored_files(name: str) -> None:
    [package] = VALIDATOR.resolve().glob("lib/python3*/site-packages")
    command: list[str | Path] = [VALIDATOR.resolve() / "bin/focus-validator", "--data-file", STORED / f"{name}.csv"]
    command += ["--validate-version", "1.2.0.1", "--block-download", "--applicability-criteria"]
    command += ["ACCOUNT_NAMING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED"]
    said = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True).stdout  # finds its files so
    assert re.search(r"Pass: [1-9]\d\d ", said)
    assert set(re.findall(r"^- ([\w-]+): violations", said, re.MULTILINE)) <= _EITHER
