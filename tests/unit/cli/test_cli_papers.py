"""`monthclose receipt` and `monthclose statement`."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.driving import Command
from tests.world import World


@pytest.fixture(autouse=True)
def paid(world: World) -> None:
    """An October invoice for 1,234.50 that was paid on 1 November."""
    world.use(world.add_customer("acme"), "1234.50")
    world.close()


def test_a_receipt_is_shown(monthclose: Command) -> None:
    shown = monthclose("receipt", "2026-10/acme").stdout
    for text in ("Receipt 2026-10/acme", "acme Ltd", "2026-11-01", "for invoice INV-00000001", "1,234.50 USD"):
        assert text in shown


def test_a_receipt_for_programs_has_minor_units(monthclose: Command) -> None:
    shown = json.loads(monthclose("receipt", "INV-00000001", "--json").stdout)
    assert shown["payment"] == "2026-10/acme"
    assert shown["invoices"] == [{"number": "INV-00000001", "amount_minor": 123_450}]
    assert (shown["paid_minor"], shown["kept_minor"], shown["exponent"]) == (123_450, 123_450, 2)


def test_a_statement_is_shown(monthclose: Command) -> None:
    shown = monthclose("statement", "acme", "2026-11").stdout
    for text in ("2026-11-01 to 2026-11-30", "invoice INV-00000001", "payment INV-00000001", "-1,234.50"):
        assert text in shown


def test_a_statement_may_be_of_several_months(monthclose: Command) -> None:
    shown = json.loads(monthclose("statement", "acme", "2026-09", "--to", "2026-11", "--json").stdout)
    assert (shown["first"], shown["last"], shown["opening_minor"], shown["closing_minor"]) == (
        "2026-09-01",
        "2026-11-30",
        0,
        0,
    )
    assert [movement["amount_minor"] for movement in shown["movements"]] == [123_450, -123_450]


def test_the_months_must_be_in_order(monthclose: Command) -> None:
    result = monthclose("statement", "acme", "2026-11", "--to", "2026-10", exit_code=2)
    assert "2026-10 is before 2026-11" in result.output


@pytest.mark.parametrize("words", [("receipt", "2026-10/acme"), ("statement", "acme", "2026-11")])
def test_their_pdfs_are_written_out(monthclose: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = monthclose(*words, "--pdf", tmp_path / "paper.pdf").stdout
    assert f"written to {tmp_path / 'paper.pdf'}" in said
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
