"""`monthclose report` and `monthclose customer`: what came of it."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from cli.commands.demo import typed
from cli.view import money_rows
from monthclose.domain.usage import UsageEvent
from tests.unit.cli.driving import Command
from tests.unit.invoices.test_taxed_invoices import TAXES, settle_in
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    world.add_customer("acme")
    world.add_customer("broke", method="declined")
    world.add_customer("cash", method="")
    world.add_customer("foreign", provider="gocardless")
    world.add_customer("idle")
    world.add_customer("refunded")
    world.add_customer("mystery")
    world.usage.put([UsageEvent("e", "mystery", "unknown", Decimal(1), OCTOBER.start)])
    for name in ("acme", "broke", "cash", "foreign"):
        world.use(name, "12.34")
    world.use("refunded", "-5.00")
    world.close()


def test_the_report_as_json_is_what_the_close_wrote(monthclose: Command) -> None:
    report = monthclose.json("report", "2026-10", "--json")

    assert report["period"] == "2026-10"
    assert report["customers"]["snapshot"] == 7
    assert report["money"]["USD"]["collected"] == 1234


def test_the_report_names_each_customer_with_the_outcome_and_why(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"

    assert "7 customers of 2026-10" in monthclose("report", "2026-10", "--customers", path).stdout

    with path.open(newline="") as file:
        rows = {row["customer_id"]: row for row in csv.DictReader(file)}
    assert rows["acme"]["payment_status"] == "paid"
    assert (rows["acme"]["invoiced_minor"], rows["acme"]["collected_minor"], rows["acme"]["open_minor"]) == (
        "1234",
        "1234",
        "0",
    )
    assert (rows["broke"]["payment_status"], rows["broke"]["reason"], rows["broke"]["hold"]) == (
        "declined",
        "insufficient_funds",
        "placed",
    )
    assert (rows["cash"]["payment_status"], rows["cash"]["open_minor"]) == ("no_payment_method", "1234")
    assert rows["foreign"]["payment_status"] == "no_adapter"
    assert "gocardless" in rows["foreign"]["reason"]
    assert (rows["idle"]["payment_status"], rows["idle"]["invoice_number"]) == ("nothing_to_bill", "")
    assert rows["mystery"]["payment_status"] == "parked"
    assert rows["mystery"]["reason"].startswith("no_price: ")
    assert (rows["refunded"]["payment_status"], rows["refunded"]["invoiced_minor"]) == ("nothing_due", "-500")
    assert (rows["acme"]["credited_minor"], rows["acme"]["written_off_minor"]) == ("0", "0")
    assert list(rows["acme"]) == [
        "customer_id",
        "invoice_number",
        "currency",
        "invoiced_minor",
        "collected_minor",
        "open_minor",
        "payment_status",
        "hold",
        "reason",
        "credited_minor",
        "written_off_minor",
        "net_minor",
        "tax_minor",
        "exponent",
    ]
    assert (rows["acme"]["exponent"], rows["idle"]["exponent"]) == ("2", "")
    assert (rows["acme"]["net_minor"], rows["acme"]["tax_minor"]) == ("1234", "0")
    assert (rows["idle"]["net_minor"], rows["idle"]["tax_minor"]) == ("0", "0")


def test_where_invoices_are_taxed_rows_and_page_show_net_and_tax(
    world: World, monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    november = OCTOBER.next
    world.tax_tables.put(TAXES)
    for name in ("acme", "refunded"):
        settle_in(world, name, "DE")
    world.use("acme", "10", period=november)
    world.use("refunded", "-20", period=november)
    world.clock.now = november.end
    world.close(november, "execution-2")
    path = tmp_path / "customers.csv"

    monthclose("report", str(november), "--customers", path)

    with path.open(newline="") as file:
        rows = {row["customer_id"]: row for row in csv.DictReader(file)}
    sums = {n: tuple(int(rows[n][f"{what}_minor"]) for what in ("invoiced", "net", "tax")) for n in rows}
    assert (sums["acme"], sums["refunded"], sums["idle"]) == ((1200, 1000, 200), (-2400, -2000, -400), (0, 0, 0))
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    monthclose("report", str(november), "--open")
    page = (tmp_path / "home" / "reports" / f"{november}.html").read_text()
    assert "<th>Tax</th>" in page
    assert "<td>-2.00</td>" in page  # 2.00 of the one invoice, 4.00 back with the other


def test_the_page_is_copied_and_opened(monthclose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    result = monthclose("report", "2026-10", "--open")

    path = tmp_path / "home" / "reports" / "2026-10.html"
    assert opened == [path.as_uri()]
    assert str(path) in result.stdout
    assert path.stat().st_size > 100


def test_two_output_formats_at_once_are_refused(monthclose: Command) -> None:
    assert "do not go together" in monthclose("report", "2026-10", "--json", "--open", exit_code=2).stderr


def test_a_path_that_cannot_be_written_is_reported(monthclose: Command, tmp_path: Path) -> None:
    result = monthclose("report", "2026-10", "--customers", tmp_path / "no" / "such.csv", exit_code=2)

    assert "cannot be written" in result.stderr


def test_a_customers_story_is_in_order(monthclose: Command) -> None:
    story = monthclose.json("customer", "broke", "--json")

    kinds = [happening["kind"] for happening in story["happened"]]
    assert kinds[0] == "invoice"
    assert {"ledger", "payment", "notice", "hold"} <= set(kinds)
    assert [h["time"] for h in story["happened"]] == sorted(h["time"] for h in story["happened"])
    assert story["balance_minor"] == 1234
    assert any("insufficient_funds" in h["text"] and h["detail"] == "request req_1" for h in story["happened"])


def test_a_customer_is_shown_on_one_screen(monthclose: Command) -> None:
    text = monthclose("customer", "broke").stdout

    assert "broke@customers.example" in text
    assert "12.34 USD owed" in text
    assert "charging → declined: insufficient_funds" in text
    assert "nothing has happened yet" not in text


def test_a_customer_that_does_not_exist_is_reported(monthclose: Command) -> None:
    assert "there is no customer 'nobody'" in monthclose("customer", "nobody", exit_code=2).stderr


def test_an_unexpected_error_is_reported_in_one_line_and_its_traceback_is_kept(
    monthclose: Command, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.documents, "get", {}.__getitem__)

    result = monthclose("report", str(OCTOBER), exit_code=1)

    assert "this should not happen" in result.stderr
    (kept,) = (tmp_path / "home" / "logs").iterdir()
    assert "Traceback" in kept.read_text()


def test_a_traceback_that_cannot_be_kept_leaves_a_short_line(
    monthclose: Command, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MONTHCLOSE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(world.documents, "get", {}.__getitem__)

    assert len(monthclose("report", str(OCTOBER), exit_code=1).stderr.splitlines()) == 2


def test_an_empty_id_is_reported(monthclose: Command) -> None:
    assert "the customer's id is missing" in monthclose("customer", "", exit_code=2).stderr


def test_the_totals_have_the_same_columns_as_the_page(monthclose: Command) -> None:
    header, ((*_, granted),) = money_rows({"USD": {"invoiced": 1, "credit_granted": 500}})

    names = ["", "invoiced", "collected", "credited", "written off", "open", "of which pending"]
    assert list(header) == [*names, "new credit"]
    assert granted == "5.00"
    assert list(money_rows({"USD": {"invoiced": 1, "credit_granted": 0}})[0]) == names
    assert "new credit" in monthclose("report", str(OCTOBER)).stdout


def test_the_command_is_named_so_that_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv" / "bin" / "monthclose")])
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert typed() == ".venv/bin/monthclose"

    monkeypatch.setattr("shutil.which", lambda name: name)
    assert typed() == "monthclose"
