"""A real month: a wholesaler's sales of October 2011, against an independent recomputation.

Every eighth customer is enough for the deployed system; tests/unit/imports closes whole months in memory.
"""

import csv
import gzip
import os
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook, Terms, rate
from tests.integration.strictness import plenty_of_mail
from tests.integration.system import System

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "online-retail"
CUSTOMERS, USAGE = DATA / "customers.csv", DATA / "usage-2011-10.csv.gz"
COLUMNS = {
    "customer_id": "CustomerID",
    "sku": "StockCode",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "time": "InvoiceDate",
    "description": "Description",
}
OCTOBER = Period(2011, 10)

pytestmark = [
    pytest.mark.skipif(not USAGE.exists(), reason="the Online Retail files are not beside this checkout"),
    pytest.mark.timeout(900),
]


def monthclose(*arguments: str) -> str:
    """Run the command as an operator does, and return what it says."""
    command = [str(Path(sys.executable).parent / "monthclose"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Sample:
    """Every eighth customer of the files, with all of their rows, and every eighth row without a customer."""

    def __init__(self, folder: Path) -> None:
        self.customers, self.usage = folder / "customers.csv", folder / "usage.csv.gz"
        self.profiles = {row["customer_id"]: row for row in table_of(CUSTOMERS)[::8]}
        with gzip.open(USAGE, "rt", encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        self.strangers = [row for row in found if not row["CustomerID"]][::8]
        self.rows = [row for row in found if row["CustomerID"] in self.profiles]
        _write(self.customers, list(self.profiles.values()))
        _write(self.usage, sorted(self.rows + self.strangers, key=lambda row: row["InvoiceDate"]))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recomputed(rows: list[dict[str, str]]) -> dict[str, int]:
    """Each customer's month in pence: the sum over (SKU, price) of the exact amount, rounded half to even."""
    quantities: dict[str, dict[tuple[str, Decimal], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        key = (row["StockCode"], Decimal(row["UnitPrice"]))
        quantities[row["CustomerID"]][key] += Decimal(row["Quantity"])
    return {
        customer: int(sum((price * n * 100).quantize(Decimal(1), ROUND_HALF_EVEN) for (_, price), n in lines.items()))
        for customer, lines in quantities.items()
    }


def test_a_real_month_is_imported_once_and_closed_to_the_penny(fresh_system: System, tmp_path: Path) -> None:
    system = fresh_system
    maps = [option for field, column in COLUMNS.items() for option in ("--map", f"{field}={column}")]
    rejects, sample, mails = tmp_path / "rejects.csv", Sample(tmp_path), len(system.mails())
    monthclose("import", "customers", str(sample.customers))
    said = monthclose("import", "usage", str(sample.usage), *maps, "--rejects", str(rejects), "--max-rejected", "30")
    assert f"{len(sample.rows):,}" in said
    assert f"{len(sample.strangers):,}" in said
    assert len(table_of(rejects)) == len(sample.strangers)

    with plenty_of_mail(system.endpoint_url):
        monthclose("close", str(OCTOBER))

    report, expected, profiles = system.report(OCTOBER), recomputed(sample.rows), sample.profiles
    table = tmp_path / "customers.csv"
    monthclose("report", str(OCTOBER), "--customers", str(table))
    closed = {row["customer_id"]: row for row in table_of(table)}
    assert_invoices(closed, expected, profiles)
    assert_charges(system, expected, profiles)
    assert len(expected) > 150
    assert report["customers"]["snapshot"] == len(profiles)
    assert report["customers"]["invoiced"] == sum(total != 0 for total in expected.values())
    assert report["money"]["GBP"]["invoiced"] == sum(total for total in expected.values() if total > 0)
    assert report["money"]["GBP"]["credit_granted"] == -sum(total for total in expected.values() if total < 0)
    assert report["proof"]["ties"], report["proof"]
    recipients = Counter(mail["To"][0] for mail in system.mails()[mails:])
    assert recipients == Counter(profiles[customer]["email"] for customer, total in expected.items() if total)

    monthclose("import", "usage", str(sample.usage), *maps, "--rejects", str(rejects), "--max-rejected", "30")
    assert recomputed_from_store(system, expected) == expected


def assert_invoices(
    closed: dict[str, dict[str, str]], expected: dict[str, int], profiles: dict[str, dict[str, str]]
) -> None:
    assert {name: int(row["invoiced_minor"] or 0) for name, row in closed.items()} == {
        name: expected.get(name, 0) for name in profiles
    }
    for name, row in closed.items():
        total, profile = expected.get(name, 0), profiles[name]
        assert row["payment_status"] == expected_status(total, profile), row
        if row["payment_status"] not in ("paid", "pending", "nothing_due", "nothing_to_bill"):
            assert row["reason"], row


DECLINES = {
    "pm_card_chargeDeclined": "declined",
    "pm_card_chargeDeclinedInsufficientFunds": "declined",
    "pm_card_chargeDeclinedExpiredCard": "declined",
    "pm_card_authenticationRequired": "action_required",
    "pm_card_visa": "paid",
    "": "no_payment_method",
    "MD_OK": "pending",
    "MD_FAILS": "pending",
    "MD_CANCELLED": "declined",
}


def expected_status(total: int, profile: dict[str, str]) -> str:
    if total <= 0:
        return "nothing_due" if total else "nothing_to_bill"
    if profile["payment_method"] == "pm_card_visa" and total < STRIPE_MINIMUM_GBP:
        return "declined"
    return DECLINES[profile["payment_method"]]


STRIPE_MINIMUM_GBP = 30


def assert_charges(system: System, expected: dict[str, int], profiles: dict[str, dict[str, str]]) -> None:
    charged = Counter((charge["metadata"]["customer_id"], charge["amount"]) for charge in system.charges(OCTOBER))
    assert charged == Counter(
        (name, total) for name, total in expected.items() if expected_status(total, profiles[name]) == "paid"
    )


def recomputed_from_store(system: System, expected: dict[str, int]) -> dict[str, int]:
    """What a preview of the same month would say now: the second import must not have added anything."""
    totals = {}
    for name in expected:
        lines = rate(system.runtime.usage.events(name, OCTOBER), Terms(PriceBook(), name, "GBP", OCTOBER))
        totals[name] = sum(line.amount.minor for line in lines)
    return totals
