"""Measures how many usage events a second one core rates, for each pricing model and aggregation."""

import time
import tomllib
from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from monthclose.domain.period import Period
from monthclose.domain.pricing import Terms, rate
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent

PERIOD = Period(2026, 10)
EVENTS, RESOURCES = 200_000, 50
_TIERS = (
    'tiers = [{ up_to = 1000, unit_price = "0.10" }, { up_to = 10000, unit_price = "0.05" }, { unit_price = "0.01" }]'
)
_PRICES = {
    "rated upstream": None,
    "per unit": 'unit_price = "0.00893"',
    "per unit, by resource": 'unit_price = "0.00893"\nper_resource = true',
    "per unit, price changes mid-month": 'unit_price = "0.00893"\nuntil = 2026-10-15',
    "hourly with a cap": 'model = "hourly"\nunit_price = "0.00893"\nmonthly_cap = "6"',
    "graduated": f'model = "graduated"\n{_TIERS}',
    "volume": f'model = "volume"\n{_TIERS}',
    "package": 'model = "package"\npackage_price = "5"\npackage_size = 1000',
    "flat fee (time-weighted)": 'model = "flat"\nmonthly_fee = "12"',
    "percentage": 'model = "percentage"\npercent = "2.9"',
    "percentage of each transaction": 'model = "percentage"\npercent = "2.9"\nfixed_fee = "0.3"\nmaximum_fee = "0.5"',
    "the first 100 transactions free": 'model = "percentage"\npercent = "2.9"\nfree_transactions = 100',
    "each event rounded": 'unit_price = "0.01"\nround = "up"\nround_each_event = true',
    "prorated tiers": f'model = "graduated"\nprorated = true\n{_TIERS}',
    "free allowance": 'unit_price = "0.01"\nfree = 1000',
    "max": 'unit_price = "1"\naggregation = "max"',
    "last": 'unit_price = "1"\naggregation = "last"',
    "unique": 'unit_price = "1"\naggregation = "unique"',
    "time-weighted": 'unit_price = "0.0001"\naggregation = "time_weighted"',
    "count": 'unit_price = "1"\naggregation = "count"',
    "average": 'unit_price = "1"\naggregation = "average"',
    "min": 'unit_price = "1"\naggregation = "min"',
    "largest of each hour, summed": 'unit_price = "1"\nbucket = "hour"\nbucket_aggregation = "max"',
    "95th percentile of 5 minutes": (
        'unit_price = "1"\nbucket = "5_minutes"\nbucket_aggregation = "sum"\n'
        'aggregation = "percentile"\npercentile = 95'
    ),
    "a price for each of 3 regions": (
        'unit_price = "1"\ncells = [{ where = { region = "r0" } }, { where = { region = "r1" } }, '
        '{ where = { region = "r2" } }]'
    ),
    "sizes that continue": 'unit_price = "0.0001"\naggregation = "time_weighted"\ncarry_over = true',
    "last, price changes mid-month": 'unit_price = "1"\naggregation = "last"\nuntil = 2026-10-15',
}


_REGIONS = [(("region", f"r{number}"),) for number in range(3)]


def events(*, rated: bool) -> list[UsageEvent]:
    step = (PERIOD.end - PERIOD.start) / EVENTS
    return [
        UsageEvent(
            f"e{number}",
            "acme",
            "vm",
            Decimal(number % 97) / 8,
            PERIOD.start + step * number,
            Decimal("0.25") if rated else None,
            "Compute",
            f"web-{number % RESOURCES}",
            attributes=_REGIONS[number % 3],
        )
        for number in range(EVENTS)
    ]


def terms(price: str | None) -> Terms:
    entries = f'[[prices]]\nsku = "vm"\ncurrency = "USD"\n{price}\n' if price else ""
    if price and "until" in price:
        later = price.replace("until", "from")
        entries += f'[[prices]]\nsku = "vm"\ncurrency = "USD"\n{later}\n'
    return Terms(read_book(tomllib.loads(entries, parse_float=Decimal)), "acme", "USD", PERIOD)


def seconds(usage: list[UsageEvent], price: str | None) -> Iterator[float]:
    for _ in range(3):
        began = time.process_time()
        rate(usage, terms(price))
        yield time.process_time() - began


def main() -> None:
    """Print the table."""
    usage = {rated: events(rated=rated) for rated in (True, False)}
    table = Table("model", "events/s on one core")
    for name, price in _PRICES.items():
        table.add_row(name, f"{EVENTS / min(seconds(usage[price is None], price)):,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
