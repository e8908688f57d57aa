"""A small cloud provider's month as files: customers, prices and usage, the same bytes for the same seed."""

import contextlib
import csv
import functools
import gzip
import io
import itertools
import random
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.cloud.catalogue import (
    COUNTRIES,
    CURRENCIES,
    FIRST_WORDS,
    PAYMENT_METHODS,
    PRODUCTS,
    RESOURCES,
    RESOURCES_OF,
    SECOND_WORDS,
    SIZES,
    Country,
    Resource,
    Size,
)

CUSTOMER_COLUMNS = ("customer_id", "name", "email", "country", "currency", "payment_provider", "payment_method")
PRICE_COLUMNS = ("sku", "currency", "unit_price", "unit", "description")
USAGE_COLUMNS = ("event_id", "customer_id", "sku", "quantity", "time", "description")

_MILLION = 1_000_000
# Golden-ratio-like steps, one per trait: customer after customer they fill 0 … 1,000,000 evenly (each is coprime with
# it), so even a hundred customers have their four declining cards, and no trait follows another.
_STEPS = {"country": 618_033, "payment_method": 414_213, "size": 732_051, "correction": 645_751}
_CORRECTED = 20_000  # customers with a small credit, in millionths


@dataclass(frozen=True, slots=True)
class _Customer:
    number: int
    size: Size
    country: Country
    payment_method: str

    @property
    def id(self) -> str:
        return f"cust-{self.number + 1:07}"


type _Event = tuple[str, str, str, str]  # sku, quantity, time, description


def generate(directory: Path, customers: int, period: str, seed: int) -> None:
    """Write ``customers.csv``, ``prices.csv`` and ``usage.csv.gz``; memory does not grow with the customers.

    About 4% of the customers have a card that declines, 1% one that asks for authentication, 10% pay by bank debit (one
    in ten of them without funds), 2% have no payment method, 3% no usage. 2% have a small credit among their usage (a
    negative quantity), and of one customer (two from 100 customers on) the credits exceed the usage.

    Parameters
    ----------
    directory : Path
        Made if it does not exist; files in it are overwritten.
    customers : int
        How many, at least one.
    period : str
        A month, as in ``2026-10``; all usage lies in it, in UTC.
    seed : int
        The same seed gives the same bytes.

    Raises
    ------
    ValueError
        If the period is no month, or there are no customers.
    """
    if customers < 1:
        raise ValueError(f"{customers} customers: there must be at least one")
    month = _Month.parse(period)
    directory.mkdir(parents=True, exist_ok=True)
    _write_prices(directory / "prices.csv")
    with _csv(directory / "customers.csv") as customer_file, _csv(directory / "usage.csv.gz") as usage_file:
        customer_file.writerow(CUSTOMER_COLUMNS)
        usage_file.writerow(USAGE_COLUMNS)
        event_numbers = itertools.count(1)
        overcredited = _overcredited(customers, seed)
        for number in range(customers):
            rng = random.Random(f"{seed}/{number}")  # noqa: S311 - made-up data, no secret
            customer = _customer(number, seed, in_use=number in overcredited)
            customer_file.writerow(_customer_row(customer, rng))
            for sku, quantity, time, description in _events(customer, month, seed, rng, number in overcredited):
                event_id = f"evt-{period}-{next(event_numbers):09}"
                usage_file.writerow((event_id, customer.id, sku, quantity, time, description))


def _trait(name: str, number: int, seed: int) -> int:
    return (number * _STEPS[name] + _offset(name, seed)) % _MILLION


@functools.cache
def _offset(name: str, seed: int) -> int:
    return random.Random(f"{seed}/{name}").randrange(_MILLION)  # noqa: S311 - made-up data, no secret


def _pick[T](shares: Sequence[tuple[int, T]], point: int) -> T:
    for share, value in shares:
        if point < share:
            return value
        point -= share
    raise ValueError("the shares of a table must add up to a million")


def _overcredited(customers: int, seed: int) -> frozenset[int]:
    rng = random.Random(f"{seed}/overcredited")  # noqa: S311 - made-up data, no secret
    return frozenset(rng.sample(range(customers), 2 if customers >= 100 else 1))


def _customer(number: int, seed: int, *, in_use: bool) -> _Customer:
    size = _pick(SIZES, _trait("size", number, seed))
    country = _pick(COUNTRIES, _trait("country", number, seed))
    method = _pick(PAYMENT_METHODS, _trait("payment_method", number, seed))
    if method.startswith("MD") and country.currency == "JPY":  # there is no bank debit scheme for it
        method = "pm_card_visa"
    return _Customer(number, "small" if in_use else size, country, method)


def _customer_row(customer: _Customer, rng: random.Random) -> tuple[str, ...]:
    first, second = rng.choice(FIRST_WORDS), rng.choice(SECOND_WORDS)
    name = f"{first} {second} {rng.choice(customer.country.legal_forms)}"
    email = f"billing@{first}-{second}-{customer.number + 1}.example".lower()
    country, method = customer.country, customer.payment_method
    provider = "gocardless" if method.startswith("MD") else "stripe"
    return customer.id, name, email, country.code, country.currency, provider, method


def _events(
    customer: _Customer, month: "_Month", seed: int, rng: random.Random, overcredited: bool
) -> Iterator[_Event]:
    kinds, weights = RESOURCES, [resource.share for resource in RESOURCES]
    count = rng.randint(*RESOURCES_OF[customer.size])
    for resource in rng.choices(kinds, weights, k=count):
        yield from _use(resource, month, rng)
    if overcredited:
        # More than the dearest small customer could have used in a month.
        yield "droplet-8gb-hour", "-3000", month.at(month.days, rng), "Credit: region outage, all hours refunded"
    elif count and _trait("correction", customer.number, seed) < _CORRECTED:
        hours = rng.randint(1, 12)
        yield "droplet-1gb-hour", str(-hours), month.at(month.days, rng), "Correction: hours counted twice"


def _use(resource: Resource, month: "_Month", rng: random.Random) -> Iterator[_Event]:
    """Yield one event per day of a resource's life: its hours in that day, times its size."""
    name = f"{rng.choice(resource.names)}-{rng.randrange(16**4):04x}"
    # Most live all the month; the others were made or thrown away in it.
    life = min(resource.days, month.days) if rng.random() < 0.7 else rng.randint(1, min(resource.days, month.days))
    first = rng.randint(1, month.days - life + 1)
    size = rng.randint(*resource.sizes)
    for day in range(first, first + life):
        hours = rng.randint(1, 23) if day == first > 1 else 24
        if resource.metered:
            quantity = Decimal(rng.randint(max(1, size // 2), size * 3 // 2)).scaleb(-3)
            yield resource.sku, str(quantity), month.at(day, rng), f"{name}, outgoing traffic for the day"
        else:
            yield resource.sku, str(hours * size), month.at(day, rng), f"{name}, {hours} h"


@dataclass(frozen=True, slots=True)
class _Month:
    period: str
    days: int

    @classmethod
    def parse(cls, period: str) -> "_Month":
        year, _, month = period.partition("-")
        if not (len(year) == 4 and len(month) == 2 and period.replace("-", "", 1).isdecimal()):
            raise ValueError(f"{period!r} is not a period: write it like 2026-10")
        return cls(period, monthrange(int(year), int(month))[1])

    def at(self, day: int, rng: random.Random) -> str:
        """Return a time in the last hour of a day: that is when the day's hours are added up."""
        return f"{self.period}-{day:02}T23:{rng.randrange(60):02}:{rng.randrange(60):02}Z"


def _write_prices(path: Path) -> None:
    with _csv(path) as prices:
        prices.writerow(PRICE_COLUMNS)
        for sku, product in PRODUCTS.items():
            for currency, price in zip(CURRENCIES, product.prices, strict=True):
                prices.writerow((sku, currency, price, product.unit, product.description))


@contextlib.contextmanager
def _csv(path: Path) -> Iterator[Any]:
    """Open a CSV file for writing, compressed if its name says so, with nothing of the time or the machine in it."""
    with contextlib.ExitStack() as stack:
        raw: io.BufferedWriter | gzip.GzipFile = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            raw = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
        text = stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        yield csv.writer(text, lineterminator="\n")
