"""The made-up cloud provider's month."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sandbox.cloud.catalogue import COUNTRIES, PAYMENT_METHODS, SIZES
from sandbox.cloud.provider import CUSTOMER_COLUMNS, PRICE_COLUMNS, USAGE_COLUMNS, generate
from sandbox.stripe.cards import CARDS

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("customers.csv", "prices.csv", "usage.csv.gz")
CUSTOMERS = 600


@dataclass(frozen=True)
class Month:
    customers: list[dict[str, str]]
    prices: list[dict[str, str]]
    usage: list[dict[str, str]]

    def events(self) -> Counter[str]:
        return Counter(event["customer_id"] for event in self.usage)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    directory = tmp_path_factory.mktemp("month")
    generate(directory, CUSTOMERS, "2026-10", seed=3)
    return read(directory)


def read(directory: Path) -> Month:
    customers = (directory / "customers.csv").read_text(encoding="utf-8").splitlines()
    prices = (directory / "prices.csv").read_text(encoding="utf-8").splitlines()
    usage = gzip.decompress((directory / "usage.csv.gz").read_bytes()).decode().splitlines()
    return Month(*([*csv.DictReader(lines)] for lines in (customers, prices, usage)))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        generate(tmp_path / name, 30, "2026-02", seed)
    contents = {name: [(tmp_path / name / file).read_bytes() for file in FILES] for name in ("one", "again", "other")}
    assert contents["one"] == contents["again"]
    assert contents["one"] != contents["other"]


def test_the_files_have_their_columns_and_unique_ids(month: Month) -> None:
    for rows, columns in (
        (month.customers, CUSTOMER_COLUMNS),
        (month.prices, PRICE_COLUMNS),
        (month.usage, USAGE_COLUMNS),
    ):
        assert {tuple(row) for row in rows} == {columns}
    customers = [customer["customer_id"] for customer in month.customers]
    assert len(set(customers)) == CUSTOMERS
    assert len({customer["email"] for customer in month.customers}) == CUSTOMERS
    assert len({event["event_id"] for event in month.usage}) == len(month.usage)
    assert set(month.events()) < set(customers)


def test_every_sku_has_a_price_in_every_currency_used(month: Month) -> None:
    priced = {(price["sku"], price["currency"]) for price in month.prices}
    used = {event["sku"] for event in month.usage}
    currencies = {customer["currency"] for customer in month.customers}
    assert currencies == {"USD", "EUR", "GBP", "JPY"}
    assert {(sku, currency) for sku in used for currency in currencies} <= priced
    assert all(Decimal(price["unit_price"]) > 0 for price in month.prices)


def test_all_usage_lies_in_the_month(month: Month) -> None:
    first, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    assert all(event["time"].endswith("Z") for event in month.usage)
    assert all(first <= datetime.fromisoformat(event["time"]) < end for event in month.usage)


def test_the_payment_methods_have_realistic_shares(month: Month) -> None:
    methods = Counter(customer["payment_method"] for customer in month.customers)
    declining = sum(count for method, count in methods.items() if method in CARDS and CARDS[method].decline)
    kinds = sum(1 for method in methods if method in CARDS and CARDS[method].decline)
    assert 0.03 * CUSTOMERS <= declining <= 0.05 * CUSTOMERS
    assert kinds >= 4
    assert 0.005 * CUSTOMERS <= methods["pm_card_authenticationRequired"] <= 0.015 * CUSTOMERS
    assert 0.015 * CUSTOMERS <= methods[""] <= 0.025 * CUSTOMERS
    providers = Counter(customer["payment_provider"] for customer in month.customers)
    assert 0.07 * CUSTOMERS <= providers["gocardless"] <= 0.13 * CUSTOMERS
    debits = {c["payment_method"] for c in month.customers if c["payment_provider"] == "gocardless"}
    assert debits == {"MD_OK", "MD_FAILS"}
    assert not any(c["currency"] == "JPY" for c in month.customers if c["payment_provider"] == "gocardless")


def test_most_customers_are_small_some_are_big_some_use_nothing(month: Month) -> None:
    events = month.events()
    unused = CUSTOMERS - len(events)
    assert 0.02 * CUSTOMERS <= unused <= 0.04 * CUSTOMERS
    assert 10 <= sorted(events.values())[len(events) // 2] <= 99
    assert sum(count >= 200 for count in events.values()) >= 5


def test_two_customers_have_a_negative_month_and_some_a_credit(month: Month) -> None:
    prices = {(price["sku"], price["currency"]): Decimal(price["unit_price"]) for price in month.prices}
    currency = {customer["customer_id"]: customer["currency"] for customer in month.customers}
    owed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for event in month.usage:
        customer = event["customer_id"]
        owed[customer] += prices[event["sku"], currency[customer]] * Decimal(event["quantity"])
    corrections = sum(Decimal(event["quantity"]) < 0 for event in month.usage)
    assert sum(amount < 0 for amount in owed.values()) == 2
    assert 5 <= corrections <= 20


@pytest.mark.parametrize("shares", [COUNTRIES, PAYMENT_METHODS, SIZES])
def test_the_shares_of_a_table_add_up(shares: tuple[tuple[int, object], ...]) -> None:
    assert sum(share for share, _value in shares) == 1_000_000


@pytest.mark.parametrize(("customers", "period"), [(0, "2026-10"), (1, "2026-13"), (1, "202610"), (1, "10-2026")])
def test_parameters_that_make_no_month_are_refused(tmp_path: Path, customers: int, period: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        generate(tmp_path, customers, period, seed=1)
    assert list(tmp_path.iterdir()) == []
