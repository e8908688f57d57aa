"""Two real months, one after the other: a wholesaler's September and October 2011, against the raw files."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

from monthclose.domain.customer import Profile
from monthclose.domain.intake import Row
from monthclose.domain.layout import USAGE, Layout
from monthclose.domain.period import Period
from tests.world import World

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "online-retail"
SEPTEMBER, OCTOBER = Period(2011, 9), Period(2011, 10)
COLUMNS = {
    "customer_id": "CustomerID",
    "sku": "StockCode",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "time": "InvoiceDate",
    "description": "Description",
}

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the Online Retail files are not beside this checkout")


def raw(period: Period) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / f"usage-{period}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def profiles() -> dict[str, Profile]:
    with (DATA / "customers.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["customer_id"]: Profile(row["name"], row["email"], "GBP", "stripe", "ok")
            for row in csv.DictReader(file)
        }


def recomputed(period: Period) -> dict[str, int]:
    """Each customer's month in pence: the sum over (SKU, price) of the exact amount, rounded half to even."""
    quantities: dict[str, dict[tuple[str, Decimal], int]] = defaultdict(lambda: defaultdict(int))
    for row in raw(period):
        if row["CustomerID"] and Decimal(row["UnitPrice"]) >= 0:
            quantities[row["CustomerID"]][row["StockCode"], Decimal(row["UnitPrice"])] += int(row["Quantity"])
    return {
        customer: int(sum((price * n * 100).quantize(Decimal(1), ROUND_HALF_EVEN) for (_, price), n in lines.items()))
        for customer, lines in quantities.items()
    }


@dataclass
class Expected:
    """What a customer's account must say after October."""

    september: int
    october: int

    @property
    def granted(self) -> int:
        return max(-self.september, 0)

    @property
    def credited(self) -> int:
        return min(self.granted, max(self.october, 0))

    @property
    def collected(self) -> int:
        return max(self.october, 0) - self.credited

    @property
    def credit_left(self) -> int:
        return self.granted - self.credited + max(-self.october, 0)


def test_the_credits_of_september_pay_for_october_customer_by_customer_to_the_penny() -> None:
    world = World()
    world.directory.put_profiles(profiles().items())
    reports = {}
    for period in (SEPTEMBER, OCTOBER):
        world.clock.now = period.end + timedelta(minutes=5)
        rows = (Row(number, row) for number, row in enumerate(raw(period), 1))
        layout = Layout(COLUMNS, {})
        assert set(COLUMNS) <= set(USAGE.fields)
        world.importer.load(rows, layout, f"usage-{period}.csv", lambda _row, _reason: None)
        reports[period] = world.close(period, f"execution-{period}")

    september, october = recomputed(SEPTEMBER), recomputed(OCTOBER)
    assert len(october) == 1425
    expected = {name: Expected(september.get(name, 0), october.get(name, 0)) for name in profiles()}
    for name, one in expected.items():
        invoice, account = world.month(name, OCTOBER).invoice, world.customer(name)
        assert (invoice.total_minor if invoice else 0) == one.october, name
        assert (invoice.credited_minor if invoice else 0) == one.credited, name
        assert (invoice.collected_minor if invoice else 0) == one.collected, name
        assert (account.receivable_minor, account.credit_minor) == (0, one.credit_left), name
    assert sum(one.granted > 0 for one in expected.values()) > 0
    money = reports[OCTOBER]["money"]["GBP"]
    assert money["credited"] == sum(one.credited for one in expected.values()) > 0
    assert money["collected"] == sum(one.collected for one in expected.values())
    assert reports[SEPTEMBER]["money"]["GBP"]["credit_granted"] == sum(one.granted for one in expected.values())
    assert all(report["proof"]["ties"] for report in reports.values())
