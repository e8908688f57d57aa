"""Two real months, one after the other: a wholesaler's September and October 2011, by the command, from the raw files.

What is expected is computed from the files with nothing of the product: by hand, one might say.
"""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.finance.figures import Figures, added_up, figures_of, rows_of
from monthclose.domain.finance.journal import JOURNAL
from monthclose.domain.finance.revenue import REVENUE
from monthclose.domain.finance.taxes import TAXES
from monthclose.domain.finance.ties import differences
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Row
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.finance.reading import books_with_all_documents
from tests.world import World

DATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "online-retail"
MONTHS = ("2011-09", "2011-10")
COLUMNS = {
    "customer_id": "CustomerID",
    "sku": "StockCode",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "time": "InvoiceDate",
    "description": "Description",
}
CLOSED_AT = {"2011-09": datetime(2011, 10, 1, tzinfo=UTC), "2011-10": datetime(2011, 11, 1, tzinfo=UTC)}

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the Online Retail files are not beside this checkout"),
    pytest.mark.long,
    pytest.mark.xdist_group("online-retail-months"),  # one worker closes both months, for all tests
]


def usage_file(month: str) -> Path:
    return DATA / f"usage-{month}.csv.gz"


def raw(month: str) -> Iterator[dict[str, str]]:
    with gzip.open(usage_file(month), "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def table_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["customer_id"]: row for row in csv.DictReader(file)}


def recomputed(month: str) -> dict[str, int]:
    """Each customer's month in pence: the sum over (SKU, price) of the exact amount, rounded half to even."""
    quantities: dict[str, dict[tuple[str, Decimal], int]] = defaultdict(lambda: defaultdict(int))
    for row in raw(month):
        assert row["InvoiceDate"].startswith(month)
        if row["CustomerID"]:
            quantities[row["CustomerID"]][row["StockCode"], Decimal(row["UnitPrice"])] += int(row["Quantity"])
    return {
        customer: int(sum((price * n * 100).quantize(Decimal(1), ROUND_HALF_EVEN) for (_, price), n in lines.items()))
        for customer, lines in quantities.items()
    }


@dataclass
class Account:
    """A customer's account, as a bookkeeper would keep it with a pencil; all in pence."""

    charged: bool
    """Whether what is due can be charged: a card is there, and a provider that we are connected to."""
    credit: int = 0
    owed: int = 0

    def close(self, total: int) -> dict[str, str]:
        """Book a month, and return its expected row of the report."""
        used = min(self.credit, max(total, 0))
        due = max(total, 0) - used
        collected = due if self.charged else 0
        self.credit += max(-total, 0) - used
        self.owed += due - collected
        sums = {"invoiced": total, "credited": used, "collected": collected, "open": due - collected, "written_off": 0}
        sums |= {"net": total, "tax": 0}
        return {f"{name}_minor": str(minor) for name, minor in sums.items()}


@dataclass
class Closed:
    """The close of two months by the command, and what it left."""

    world: World
    said: dict[str, str]
    """What importing a month's usage said."""
    rows: dict[str, Mapping[str, Mapping[str, str]]]
    """The report's rows by month and customer."""
    charged: dict[str, Counter[tuple[str, int]]]
    """What the provider moved in each month: customer and amount."""
    mailed: dict[str, Counter[str]]
    reports: dict[str, Any]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("online-retail")
    world = World()
    monthclose = Command(world, FakeMachine(world))
    maps = [option for field, column in COLUMNS.items() for option in ("--map", f"{field}={column}")]
    found = Closed(world, {}, {}, {}, {}, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONTHCLOSE_HOME", str(folder / "home"))
        world.clock.now = CLOSED_AT[MONTHS[0]]
        monthclose("import", "customers", DATA / "customers.csv")
        for month in MONTHS:
            world.clock.now = CLOSED_AT[month]
            found.said[month] = monthclose("import", "usage", usage_file(month), *maps, "--max-rejected", "20").stdout
            monthclose.machine.looks = 0
            monthclose("close", month)
            table = folder / f"{month}.csv"
            monthclose("report", month, "--customers", table)
            found.rows[month] = table_of(table)
            found.reports[month] = monthclose.json("report", month, "--json")
            moved, mails = world.gateway.money_moved, world.mailer.sent
            found.charged[month] = Counter((payment.partition("/")[2], money.minor) for payment, money in moved)
            found.mailed[month] = Counter(mail.to for mail in mails)
            moved.clear()
            mails.clear()
        yield found


type Expected = dict[str, dict[str, dict[str, str]]]


@pytest.fixture(scope="module")
def expected() -> Expected:
    """Rows by month and customer, and `accounts` afterwards, from the raw files alone."""
    profiles = table_of(DATA / "customers.csv")
    accounts = {name: Account(row["payment_provider"] == "stripe" and bool(row["payment_method"]))
                for name, row in profiles.items()}  # fmt: skip
    rows = {}
    for month in MONTHS:
        totals = recomputed(month)
        rows[month] = {name: account.close(totals.get(name, 0)) for name, account in accounts.items()}
    accounts_afterwards = {n: {"owed": str(a.owed), "credit": str(a.credit)} for n, a in accounts.items()}
    return rows | {"accounts": accounts_afterwards}


@pytest.mark.parametrize("month", MONTHS)
def test_every_customers_row_of_the_report_equals_the_sum_of_the_raw_file(
    closed: Closed, expected: Expected, month: str
) -> None:
    rows = closed.rows[month]
    assert rows.keys() == expected[month].keys()
    assert {name: {k: row[k] for k in expected[month][name]} for name, row in rows.items()} == expected[month]


def test_credit_from_september_pays_for_october(closed: Closed, expected: Expected) -> None:
    september, october = (expected[month] for month in MONTHS)
    granted = {name for name, row in september.items() if int(row["invoiced_minor"]) < 0}
    used = {name for name, row in october.items() if int(row["credited_minor"])}
    assert used
    assert used <= granted
    for name in used:
        row = closed.rows["2011-10"][name]
        credit = -int(september[name]["invoiced_minor"])
        assert int(row["credited_minor"]) == min(credit, int(row["invoiced_minor"]))
        assert closed.charged["2011-10"][name, int(row["invoiced_minor"])] == 0  # never the whole amount
    assert {n for n, row in closed.rows["2011-10"].items() if row["credited_minor"] != "0"} == used


@pytest.mark.parametrize("month", MONTHS)
def test_the_provider_collected_what_was_left_to_pay_and_each_customer_was_notified_once(
    closed: Closed, expected: Expected, month: str
) -> None:
    collected = {name: int(row["collected_minor"]) for name, row in expected[month].items()}
    assert closed.charged[month] == Counter((name, minor) for name, minor in collected.items() if minor)
    profiles = table_of(DATA / "customers.csv")
    invoiced = [name for name, row in expected[month].items() if row["invoiced_minor"] != "0"]
    assert closed.mailed[month] == Counter(profiles[name]["email"] for name in invoiced)


def test_after_both_months_the_accounts_show_what_is_owed_and_what_credit_is_left(
    closed: Closed, expected: Expected
) -> None:
    accounts = {name: closed.world.customer(name) for name in expected["accounts"]}
    assert {
        name: {"owed": str(account.receivable_minor), "credit": str(account.credit_minor)}
        for name, account in accounts.items()
    } == expected["accounts"]


@pytest.mark.parametrize("month", MONTHS)
def test_every_row_was_imported_or_rejected_with_a_reason_and_the_books_tie(closed: Closed, month: str) -> None:
    nameless = sum(not row["CustomerID"] for row in raw(month))
    taken = sum(1 for _ in raw(month)) - nameless
    assert f"{taken:,} rows imported, {nameless:,} rejected" in closed.said[month]
    assert closed.reports[month]["proof"]["ties"]
    assert closed.reports[month]["customers"]["parked"] == 0


def by_sku(month: str) -> Counter[tuple[str, str]]:
    """Each customer's month by SKU, in pence: each SKU and price is a line, rounded half to even."""
    quantities: dict[tuple[str, str, Decimal], int] = defaultdict(int)
    for row in raw(month):
        if row["CustomerID"]:
            quantities[row["CustomerID"], row["StockCode"], Decimal(row["UnitPrice"])] += int(row["Quantity"])
    sums = Counter[tuple[str, str]]()
    for (customer, sku, price), n in quantities.items():
        sums[customer, sku] += int((price * n * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
    return sums


type AllFigures = dict[str, tuple[Figures, Mapping[str, list[Row]]]]


@pytest.fixture(scope="module")
def figures(closed: Closed) -> AllFigures:
    """The figures of both months and of the one after, as they are once October is closed, and the rows behind them."""
    world, at = closed.world, CLOSED_AT["2011-10"]
    months = (*MONTHS, "2011-11")
    each: dict[str, list[Figures]] = {month: [] for month in months}
    rows: dict[str, dict[str, list[Row]]] = {month: defaultdict(list) for month in months}
    for customer_id in table_of(DATA / "customers.csv"):
        books = books_with_all_documents(world, customer_id)
        for month in months:
            period = Period.parse(month)
            each[month].append(figures_of(books, period, at))
            for name, theirs in rows_of(books, period, at).items():
                rows[month][name] += theirs
    return {month: (added_up(each[month]), rows[month]) for month in months}


@pytest.mark.parametrize("month", MONTHS)
def test_the_revenue_of_each_customer_and_sku_is_that_of_the_raw_file(figures: AllFigures, month: str) -> None:
    total, rows = figures[month]
    totals = recomputed(month)  # a month that comes to nothing has no invoice, whatever its lines
    expected = Counter({key: minor for key, minor in by_sku(month).items() if minor and totals[key[0]]})
    ours = Counter({(str(r["customer_id"]), str(r["sku"])): int(r["net_minor"] or 0) for r in rows["revenue"]})
    assert ours == expected
    assert sum(row.net_minor for row in total.rows(REVENUE)) == sum(expected.values())
    assert total.rows(TAXES) == []


def test_the_aging_after_both_months_is_what_each_customer_left_unpaid(
    closed: Closed, expected: Expected, figures: AllFigures
) -> None:
    """September's invoices were due when they were issued, 31 days before; October's are due today."""
    _, rows = figures["2011-10"]
    ours = {
        row["customer_id"]: (row["days_31_60_minor"], row["not_due_minor"], row["open_minor"])
        for row in rows["aging"]
        if row["open_minor"]
    }
    unpaid = {
        name: tuple(int(expected[month][name]["open_minor"]) for month in MONTHS) for name in expected["accounts"]
    }
    assert ours == {name: (*both, sum(both)) for name, both in unpaid.items() if any(both)}
    credit = {r["customer_id"]: r["credit_minor"] for r in rows["aging"] if r["credit_minor"]}
    assert credit == {n: int(a["credit"]) for n, a in expected["accounts"].items() if a["credit"] != "0"}


def test_the_journals_have_what_a_bookkeeper_would_post(expected: Expected, figures: AllFigures) -> None:
    """Invoices on the last day of their month, and the money in the month in which it was collected."""
    sums = {month: Counter[str]() for month in (*MONTHS, "2011-11")}
    for month, following in zip(MONTHS, (MONTHS[1], "2011-11"), strict=True):
        for row in expected[month].values():
            total, used, collected = (int(row[f"{name}_minor"]) for name in ("invoiced", "credited", "collected"))
            sums[month].update({"revenue": -total, "receivable": max(total, 0) - used, "credit": used + min(total, 0)})
            sums[following].update({"clearing": collected, "receivable": -collected})
    for month, (total_figures, _) in figures.items():
        ours = Counter[str]()
        for pair in total_figures.rows(JOURNAL):
            ours[pair.debit.partition("/")[0]] += pair.minor
            ours[pair.credit.partition("/")[0]] -= pair.minor
        assert {k: v for k, v in ours.items() if v} == {k: v for k, v in sums[month].items() if v}
        assert differences(total_figures) == []
