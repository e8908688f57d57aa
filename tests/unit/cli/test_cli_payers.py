"""Customers under a payer on the command line: where their usage is billed, and whose each line of an invoice is."""

from pathlib import Path

import pytest

from tests.unit.cli.driving import Command
from tests.unit.invoices.groups import company, documents, row, use
from tests.unit.invoices.late_usage import close
from tests.world import OCTOBER, World

FILE = (
    "customer_id,name,email,currency,payment_provider,payment_method,payer\n"
    "head,Head,a@head.example,USD,stripe,ok,\nnorth,North,a@north.example,USD,stripe,,head\n"
)


@pytest.fixture
def world() -> World:
    return company(row("head"), row("north", "head"), row("idle", "head"))


@pytest.fixture
def number(world: World) -> str:
    use(world, "head", 1)
    use(world, "north", 20)
    close(world, OCTOBER)
    return documents(world, "head")[OCTOBER]["number"]


def test_a_customer_with_a_payer_names_them_and_the_invoices_that_have_their_usage(
    monthclose: Command, number: str
) -> None:
    said = " ".join(monthclose("customer", "north").output.split())
    assert f"billed with head, on {number}: monthclose customer head" in said
    assert "nothing has happened yet" not in said
    assert "billed with head: monthclose customer head" in " ".join(monthclose("customer", "idle").output.split())
    assert monthclose.json("customer", "north", "--json")["payer"] == "head"
    assert "billed with" not in monthclose("customer", "head").output


def test_an_invoice_for_several_customers_says_whose_each_line_is(monthclose: Command, number: str) -> None:
    lines = [line.split() for line in monthclose("invoice", "show", number).stdout.splitlines()]
    start = lines.index(["vm", "1", "1", "1.00"])
    assert lines[start + 1 : start + 5] == [
        ["subtotal", "for", "head", "1.00"],
        ["north", "Ltd", "(north)"],
        ["vm", "20", "1", "20.00"],
        ["subtotal", "for", "north", "20.00"],
    ]


def test_the_preview_of_a_customer_with_a_payer_leads_to_the_payers_of_the_same_month(
    monthclose: Command, world: World
) -> None:
    use(world, "north", 20)
    said = " ".join(monthclose("invoice", "preview", "north", "2026-10").stderr.split())
    assert "the payer: monthclose invoice preview head 2026-10" in said


def test_an_import_counts_those_who_have_a_payer_by_themselves(monthclose: Command, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(FILE)
    said = monthclose("import", "customers", file).stdout
    assert "1  billed with their payer" in said
    assert "no payment method" not in said


def test_rejected_customers_are_in_the_order_of_the_file(monthclose: Command, tmp_path: Path) -> None:
    file, rejects = tmp_path / "customers.csv", tmp_path / "rejects.csv"
    names = ("b", "c", "unreadable", "d")
    file.write_text(FILE + "".join(f"{name},N,x@n.example,USD,stripe,,nobody\n" for name in names))
    file.write_text(file.read_text().replace("unreadable,N,x@n.example", "unreadable,N,nowhere"))
    monthclose("import", "customers", file, "--rejects", rejects, "--max-rejected", "100")
    assert [line.split(",")[0] for line in rejects.read_text().splitlines()] == ["row", "3", "4", "5", "6"]
