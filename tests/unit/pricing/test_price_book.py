"""The price book: what it accepts, what it refuses and in which words, and how books are merged."""

import re
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook, Terms, rate
from monthclose.domain.pricing.reading import PriceBookError, read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER


def book(text: str) -> PriceBook:
    return read_book(tomllib.loads(text, parse_float=Decimal))


def price(text: str) -> str:
    return f'[[prices]]\nsku = "vm"\ncurrency = "USD"\n{text}'


MISTAKES = {
    "overlapping tiers": (
        price('model = "graduated"\ntiers = [{ up_to = 100, unit_price = 2 }, { from = 80, unit_price = 1 }]'),
        'prices[1] "vm": tiers 1 and 2 overlap at 80',
    ),
    "tiers that go back": (
        price('model = "volume"\ntiers = [{up_to=100,unit_price=2},{up_to=100,unit_price=1},{unit_price=1}]'),
        'prices[1] "vm": tiers 1 and 2 overlap at 100',
    ),
    "a gap between tiers": (
        price('model = "graduated"\ntiers = [{ up_to = 100, unit_price = 2 }, { from = 120, unit_price = 1 }]'),
        'prices[1] "vm": there is a gap between tiers 1 and 2, from 100 to 120',
    ),
    "a gap before the tiers": (
        price('model = "graduated"\ntiers = [{ from = 1, unit_price = 2 }]'),
        'prices[1] "vm": there is a gap before the tiers: the first begins at 1, not at 0',
    ),
    "tiers that end": (
        price('model = "graduated"\ntiers = [{ up_to = 100, unit_price = 2 }]'),
        'prices[1] "vm": there is no price beyond 100: the last tier must have no up_to',
    ),
    "a tier after the last": (
        price('model = "graduated"\ntiers = [{ unit_price = 2 }, { unit_price = 1 }]'),
        'prices[1] "vm": tier 2: it can never be reached, because tier 1 has no up_to',
    ),
    "a tier without a price": (
        price('model = "graduated"\ntiers = [{ up_to = 5 }]'),
        'prices[1] "vm": tier 1: unit_price is missing',
    ),
    "no tiers": (price('model = "volume"\ntiers = []'), 'prices[1] "vm": tiers must be a list of tables'),
    "a negative price": (price("unit_price = -1"), 'prices[1] "vm": unit_price is negative'),
    "a price that is no number": (price('unit_price = "1,5"'), 'prices[1] "vm": unit_price is not a number'),
    "not a number": (price("unit_price = nan"), 'prices[1] "vm": unit_price is not a number'),
    "too large": (price('unit_price = "1e400"'), 'prices[1] "vm": unit_price has more than 28 digits'),
    "true": (price("unit_price = true"), 'prices[1] "vm": unit_price is not a number'),
    "no price": (price(""), 'prices[1] "vm": unit_price is missing'),
    "a misspelt price": (price("price = 1"), "prices[1] \"vm\": unit_price is missing, and 'price' is unknown here"),
    "a misspelt SKU": (
        '[[prices]]\nSKU = "vm"\ncurrency = "USD"\nunit_price = 1',
        "prices[1]: sku is missing, and 'SKU' is unknown here",
    ),
    "a misspelt currency of a fee": (
        '[[fees]]\nid = "f"\ncurency = "USD"\nmonthly_fee = 1',
        "fees[1] \"f\": currency is missing, and 'curency' is unknown here",
    ),
    "misspelt tiers": (
        price('model = "graduated"\nsteps = [{unit_price = 1}]'),
        "prices[1] \"vm\": tiers is missing, and 'steps' is unknown here",
    ),
    "a misspelt price of a tier": (
        price('model = "graduated"\ntiers = [{price = 1}]'),
        "prices[1] \"vm\": tier 1: unit_price is missing, and 'price' is unknown here",
    ),
    "a misspelt discount": (
        '[[discounts]]\nid = "d"\npercentage = 5',
        "discounts[1] \"d\": it must have either percent or amount, and 'percentage' is unknown here",
    ),
    "another model's field is not unknown": (price("monthly_fee = 1"), 'prices[1] "vm": unit_price is missing'),
    "a model that isn't there": (
        price('model = "auction"'),
        "prices[1] \"vm\": model 'auction' does not exist; choose one of per_unit, hourly, graduated",
    ),
    "an aggregation that isn't there": (
        price('unit_price = 1\naggregation = "median"'),
        "prices[1] \"vm\": aggregation 'median' does not exist",
    ),
    "a flat fee with an aggregation": (
        price('model = "flat"\nmonthly_fee = 1\naggregation = "max"'),
        'prices[1] "vm": a flat fee is weighted by time',
    ),
    "a field of another model": (
        price("unit_price = 1\nmonthly_fee = 3"),
        "prices[1] \"vm\": the field 'monthly_fee' does not belong there",
    ),
    "a package of nothing": (
        price('model = "package"\npackage_price = 1\npackage_size = 0'),
        'prices[1] "vm": package_size must be more than zero',
    ),
    "a currency that isn't one": (
        '[[prices]]\nsku = "vm"\ncurrency = "POUND"\nunit_price = 1',
        "prices[1] \"vm\": currency 'POUND' is not an ISO 4217 code",
    ),
    "a SKU of ten thousand characters": (
        f'[[prices]]\nsku = "{"x" * 10_000}"\ncurrency = "USD"\nunit_price = 1',
        f'prices[1] "{"x" * 60}": sku is longer than 256 characters',
    ),
    "no SKU": ('[[prices]]\ncurrency = "USD"\nunit_price = 1', "prices[1]: sku is missing"),
    "an end before the beginning": (
        price("unit_price = 1\nfrom = 2026-10-01\nuntil = 2026-09-01"),
        'prices[1] "vm": it ends before it begins (from 2026-10-01, until 2026-09-01, exclusive)',
    ),
    "a date that is none": (
        price('unit_price = 1\nfrom = "next month"'),
        "prices[1] \"vm\": from 'next month' is not a date like 2026-10-01",
    ),
    "two prices at the same time": (
        price("unit_price = 1\nuntil = 2026-11-01") + "\n" + price("unit_price = 2\nfrom = 2026-10-01"),
        'prices[2] "vm" and prices[1] "vm" both apply from 2026-10-01 on: separate them with from and until',
    ),
    "two prices for ever": (
        price("unit_price = 1") + "\n" + price("unit_price = 2"),
        'prices[2] "vm" and prices[1] "vm" both apply at the same time: separate them with from and until',
    ),
    "an override for nobody": (
        '[[overrides]]\nsku = "vm"\ncurrency = "USD"\nunit_price = 1',
        'overrides[1] "vm": customers is missing: list the customers it is for',
    ),
    "an empty list": (
        '[[discounts]]\nid = "d"\npercent = 5\ncustomers = []',
        'discounts[1] "d": customers is an empty list: leave it out for all',
    ),
    "a discount over 100%": (
        '[[discounts]]\nid = "d"\npercent = 100.01',
        'discounts[1] "d": percent is 100.01: a discount is at most 100%',
    ),
    "a negative discount": ('[[discounts]]\nid = "d"\npercent = -5', 'discounts[1] "d": percent is negative'),
    "a discount of two kinds": (
        '[[discounts]]\nid = "d"\npercent = 5\namount = 5\ncurrency = "USD"',
        'discounts[1] "d": it must have either percent or amount',
    ),
    "an amount off in no currency": ('[[discounts]]\nid = "d"\namount = 5', 'discounts[1] "d": currency is missing'),
    "a discount for part of a month": (
        '[[discounts]]\nid = "d"\npercent = 5\nfrom = 2026-10-15',
        'discounts[1] "d": from must be the first of a month: it applies to whole months',
    ),
    "a number of periods and an end": (
        '[[discounts]]\nid = "d"\npercent = 5\nfrom = "2026-10"\nuntil = "2026-12"\nperiods = 3',
        'discounts[1] "d": periods counts months from `from`: give `from`, and leave out `until`',
    ),
    "two discounts of one id": (
        '[[discounts]]\nid = "d"\npercent = 5\n[[discounts]]\nid = "d"\npercent = 6',
        'discounts[2] "d": it has the same id as discounts[1] "d"',
    ),
    "a commitment to nothing": (
        '[[commitments]]\nid = "c"\ncurrency = "USD"\namount = 0',
        'commitments[1] "c": amount must be more than zero',
    ),
    "a section that isn't there": ("[[price_list]]\nsku = 1", "there is no section 'price_list'"),
    "a section that is no list": ("prices = 3", "prices must be a list of tables: [[prices]]"),
    "settings out of bounds": ("[settings]\ncap_hours = 0", "settings: cap_hours must be more than zero"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_reported_with_its_entry(text: str, said: str) -> None:
    with pytest.raises(PriceBookError) as refused:
        book(text)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_many_mistakes_are_reported_and_the_rest_counted() -> None:
    with pytest.raises(PriceBookError) as refused:
        book("\n".join(price("unit_price = -1") for _ in range(15)))
    assert len(refused.value.mistakes) == 15
    assert str(refused.value).splitlines()[-1] == "and 5 more"


def cost(prices: PriceBook, day: int = 5, currency: str = "USD", period: Period = OCTOBER) -> int:
    event = UsageEvent("e", "C-1", "vm", Decimal(1), datetime(2026, 10, day, tzinfo=UTC))
    lines = rate([event], Terms(prices, "C-1", currency, period))
    return sum(line.amount.minor for line in lines)


def test_a_price_from_a_date_leaves_the_months_before_as_they_were() -> None:
    first = book(price("unit_price = 1"))
    merged = first.merged(book(price("unit_price = 2\nfrom = 2026-10-10")))
    assert [cost(merged, day) for day in (9, 10)] == [100, 200]
    assert cost(first, 10) == 100


def test_a_price_for_a_limited_time_applies_and_the_old_one_returns() -> None:
    merged = book(price("unit_price = 1")).merged(book(price("unit_price = 0\nfrom = 2026-10-10\nuntil = 2026-10-12")))
    assert [cost(merged, day) for day in (9, 10, 11, 12)] == [100, 0, 0, 100]


def test_a_discount_with_the_same_id_is_replaced() -> None:
    first = book(price("unit_price = 1") + '\n[[discounts]]\nid = "d"\npercent = 10')
    assert cost(first) == 90
    assert cost(first.merged(book('[[discounts]]\nid = "d"\npercent = 25'))) == 75


def test_the_version_depends_on_everything_but_the_order_of_prices() -> None:
    one, two = price("unit_price = 1.0"), price("unit_price = 2").replace('"vm"', '"db"')
    versions = {
        book(f"{one}\n{two}").version,
        book(f"{two}\n{one.replace('1.0', '1')}").version,
    }
    assert len(versions) == 1
    for change in (
        "free = 5",
        "per_resource = true",
        "from = 2026-01-01",
        'aggregation = "max"',
        'customers = ["C-1"]',
    ):
        versions.add(book(f"{price('unit_price = 1')}\n{change}\n{two}").version)
    assert len(versions) == 6


def test_usage_priced_only_in_other_currencies_parks_and_names_them() -> None:
    with pytest.raises(ParkCustomerError, match=r"'vm' has no price in EUR .*it has one in USD") as parked:
        cost(book(price("unit_price = 1")), currency="EUR")
    assert parked.value.reason == "no_price"


def test_usage_at_a_time_without_a_price_parks_and_names_the_time() -> None:
    with pytest.raises(ParkCustomerError, match=r"but not for 2026-10-05 00:00 UTC"):
        cost(book(price("unit_price = 1\nfrom = 2026-10-10")))
    with pytest.raises(ParkCustomerError, match=r"but not for 2026-09"):
        cost(book(price("unit_price = 1\nfrom = 2026-10-10")), period=Period(2026, 9))


def test_usage_that_names_no_resource_parks_where_the_price_needs_one() -> None:
    with pytest.raises(ParkCustomerError, match="'vm' is priced by resource, but event 'e' names none") as parked:
        cost(book(price('model = "hourly"\nunit_price = 1')))
    assert parked.value.reason == "no_resource"


def documented() -> list[str]:
    """The examples in the documentation, the one of everything first."""
    text = (Path(__file__).parents[3] / "docs" / "price-book.md").read_text()
    return re.findall(r"```toml\n(.*?)```", text, re.DOTALL)


def test_the_examples_in_the_documentation_are_price_books() -> None:
    read, *others = map(book, documented())
    assert all(other.prices for other in others)
    assert [len(entries) for entries in (read.prices, read.fees, read.discounts, read.commitments)] == [4, 1, 1, 1]


@pytest.mark.parametrize("example", documented(), ids=lambda example: example[:40])
def test_a_missing_field_never_makes_another_field_of_an_example_unknown(example: str) -> None:
    with pytest.raises(PriceBookError) as refused:
        book(re.sub(r"^(sku|id) = .*$", "", example, flags=re.MULTILINE))
    assert len(refused.value.mistakes) == len(re.findall(r"^(?:sku|id) = ", example, flags=re.MULTILINE)) > 0
    assert all(mistake.endswith(" is missing") for mistake in refused.value.mistakes)
