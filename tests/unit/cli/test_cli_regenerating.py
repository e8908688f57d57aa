"""`monthclose invoice regenerate`, and where both invoices are shown afterwards."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.pricing import Price, PriceBook
from tests.unit.cli.driving import Command
from tests.unit.invoices.late_usage import use
from tests.world import World

OLD, NEW, WHY = "INV-00000001", "INV-00000002", ("--reason", "the price was wrong")


def priced_at(world: World, price: str) -> None:
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(price))]))


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    """One customer who has paid 100.00, at a price that has been corrected since."""
    priced_at(world, "1")
    world.add_customer("acme")
    use(world, "e1", "100")
    world.close()
    priced_at(world, "0.8")
    world.clock.pass_time(days=1)


def test_it_says_what_was_issued_what_changed_and_what_is_due(monthclose: Command) -> None:
    said = monthclose("invoice", "regenerate", OLD, *WHY).output
    assert said == (
        f"CN-00000001 for 100.00 USD of {OLD}\n"
        f"{NEW} for 80.00 USD in place of {OLD} (100.00 USD before, 20.00 USD less)\n"
        "nothing of it is due; acme: 20.00 USD of credit\n"
        "acme: told by e-mail\n"
    )


def test_the_amount_due_is_named_with_how_to_collect_it(world: World, monthclose: Command) -> None:
    priced_at(world, "1.25")
    said = monthclose("invoice", "regenerate", OLD, *WHY).output
    assert "(100.00 USD before, 25.00 USD more)" in said
    assert "25.00 USD of it is due; acme: 25.00 USD owed" in said
    assert "the daily collections will charge it; to charge it now: monthclose pay acme" in said
    assert "paid" in monthclose("pay", "acme").stdout
    assert "nothing of it is due" in monthclose("invoice", "regenerate", OLD, *WHY).stdout


def test_with_json_it_says_everything(world: World, monthclose: Command) -> None:
    answer = monthclose.json("invoice", "regenerate", OLD, *WHY, "--json")
    month = world.month("acme")
    assert month.invoice
    assert answer.pop("credit_note")["corrects"] == OLD
    assert answer == {
        "number": NEW,
        "replaces": OLD,
        "replaced_total_minor": 10_000,
        "customer_id": "acme",
        "period": "2026-10",
        "currency": "USD",
        "exponent": 2,
        "total_minor": 8_000,
        "tax_minor": 0,
        "open_minor": 0,
        "due_minor": 0,
        "payment": "nothing_due",
        "issued_on": "2026-11-02",
        "sha256": month.invoice.document.sha256,
        "notice": "sent",
        "credited_before_minor": 0,
    }


def test_a_dry_run_shows_the_lines_and_writes_nothing(world: World, monthclose: Command) -> None:
    before = dict(world.books.records), dict(world.documents.objects)
    said = monthclose("invoice", "regenerate", OLD, "--dry-run").output
    assert "100 x 0.8 = 80" in said
    assert f"{OLD} would be replaced by an invoice for 80.00 USD (100.00 USD before, 20.00 USD less)" in said
    assert "nothing of it would be due; nothing has been written" in said
    assert "credited before" not in said
    answer = monthclose.json("invoice", "regenerate", OLD, "--dry-run", "--json")
    assert (answer["replaces"], answer["replaced_total_minor"], answer["total_minor"], answer["due_minor"]) == (
        OLD,
        10_000,
        8_000,
        0,
    )
    assert before == (world.books.records, world.documents.objects)


def test_a_dry_run_says_so_if_nothing_would_change(world: World, monthclose: Command) -> None:
    assert "it would say the same" not in monthclose("invoice", "regenerate", OLD, "--dry-run").output
    priced_at(world, "1")
    assert "it would say the same" in monthclose("invoice", "regenerate", OLD, "--dry-run").output
    assert monthclose.json("invoice", "regenerate", OLD, "--dry-run", "--json")["unchanged"] is True


def test_an_amount_credited_before_is_said_to_be_billed_again(monthclose: Command) -> None:
    monthclose("invoice", "credit", OLD, "--amount", "10", "--reason", "the outage")
    said = monthclose("invoice", "regenerate", OLD, "--dry-run").output
    assert f"10.00 USD of {OLD} was credited earlier: the new invoice would bill it again" in said
    answer = monthclose.json("invoice", "regenerate", OLD, "--dry-run", "--json")
    assert answer["credited_before_minor"] == 1_000
    for _ in range(2):
        said = monthclose("invoice", "regenerate", OLD, *WHY).output
        assert f"10.00 USD of {OLD} was credited earlier: the new invoice bills it again" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((OLD,), "a reason is needed"),
        (("INV-00000009", *WHY), "has not been used"),
        (("CN-00000001", *WHY), "is not the number of any invoice"),
    ],
)
def test_a_mistake_is_explained_in_a_line(monthclose: Command, arguments: tuple[str, ...], message: str) -> None:
    assert message in monthclose("invoice", "regenerate", *arguments, exit_code=2).output


def test_both_invoices_are_shown_and_name_each_other(monthclose: Command, tmp_path: Path) -> None:
    monthclose("invoice", "regenerate", OLD, *WHY)
    old, new = (monthclose("invoice", "show", number).stdout for number in (OLD, NEW))
    for text in ("replaced by", NEW, "CN-00000001 for 100.00 USD: the price was wrong"):
        assert text in old
    for text in ("replaces", OLD, "the price was wrong"):
        assert text in new
    assert "CN-00000001" not in new
    assert OLD in monthclose("invoice", "explain", NEW).stdout
    assert "replaces" not in monthclose("invoice", "explain", OLD).stdout
    for number in (OLD, NEW):
        monthclose("invoice", "show", number, "--pdf", tmp_path / f"{number}.pdf")
    assert (tmp_path / f"{OLD}.pdf").read_bytes() != (tmp_path / f"{NEW}.pdf").read_bytes()


def test_json_names_the_credit_note_of_an_invoice_and_its_replacement(monthclose: Command) -> None:
    issued = monthclose.json("invoice", "show", OLD, "--state")
    assert (issued["replaced_by"], issued["corrected_by"], issued["collected_minor"]) == (None, [], 10_000)
    monthclose("invoice", "regenerate", OLD, *WHY)

    old, new = (monthclose.json("invoice", "show", number, "--state") for number in (OLD, NEW))

    assert (old["replaces"], old["replaced_by"], new["replaces"], new["replaced_by"]) == (None, NEW, OLD, None)
    [note] = old["corrected_by"]
    assert (note["number"], note["total_minor"], note["reason"]) == ("CN-00000001", 10_000, "the price was wrong")
    assert new["corrected_by"] == []
    assert new["total_minor"] == new["collected_minor"] + new["credited_minor"] + new["open_minor"]
    assert monthclose.json("invoice", "show", "CN-00000001", "--state") == note


def test_a_credit_note_is_shown_instead_of_explained(monthclose: Command) -> None:
    monthclose("invoice", "regenerate", OLD, *WHY)
    said = monthclose("invoice", "explain", "CN-00000001", exit_code=2).stderr
    assert "CN-00000001 is a credit note" in said
    assert "monthclose invoice show CN-00000001" in said


def test_the_customers_story_shows_both(world: World, monthclose: Command) -> None:
    priced_at(world, "1.25")
    monthclose("invoice", "regenerate", OLD, *WHY)
    monthclose("pay", "acme")
    story = monthclose("customer", "acme").stdout
    assert f"{OLD} for 100.00 USD, replaced by {NEW}" in story
    assert f"{NEW} for 125.00 USD, settled  [in place of {OLD}]" in story
    assert f"for {NEW}, 2026-10.2/acme: ready" in story


def test_the_status_shows_credited_amounts_once_there_are_any(world: World, monthclose: Command) -> None:
    assert "credited" not in monthclose("status", "2026-10").stdout
    priced_at(world, "1.25")
    monthclose("invoice", "regenerate", OLD, *WHY)

    facts = [line.split() for line in monthclose("status", "2026-10").stdout.splitlines()]

    money = {fact[0]: Decimal(fact[1]) for fact in facts if fact[-1] == "USD"}
    assert money["credited"]
    assert money["invoiced"] == money["collected"] + money["credited"] + money["open"]


def test_the_reports_table_has_a_row_for_each_and_adds_up_to_the_report(
    world: World, monthclose: Command, tmp_path: Path
) -> None:
    priced_at(world, "1.25")
    monthclose("invoice", "regenerate", OLD, *WHY)
    table = tmp_path / "customers.csv"
    said = monthclose("report", "2026-10", "--customers", table).stdout
    assert f"1 customer of 2026-10 written to {table} in 2 rows, 1 for a replaced invoice" in said
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["invoice_number"], row["payment_status"], row["reason"]) for row in rows] == [
        (NEW, "ready", ""),
        (OLD, "replaced", f"by {NEW}"),
    ]
    world.clock.pass_time(hours=1)
    money = world.reporter.report(world.closes.all()[0].period, 1)["money"]["USD"]
    for name in ("invoiced", "collected", "open", "credited", "written_off"):
        assert sum(int(row[f"{name}_minor"]) for row in rows) == money[name]
