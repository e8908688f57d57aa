"""The month that every contestant bills: the same customers, prices and usage, as files."""

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.peers.contestant import CURRENCY, PERIOD

_PRICES = {"droplet-hours": 2, "volume-gb": 10, "requests-million": 40}
"""By SKU, in minor units."""
_GOOD, _DECLINED = "pm_card_visa", "pm_card_chargeDeclinedInsufficientFunds"
_ONE_IN_DECLINED = 20
_REGISTERING_THREADS = 8


@dataclass(frozen=True, slots=True)
class Person:
    """A customer, and what the harness knows about them that no contestant has told it.

    Attributes
    ----------
    payer : str
        Who they are at the provider (`cus_…`).
    owes : int
        Their usage at the price list, in minor units.
    """

    customer_id: str
    email: str
    payer: str
    method: str
    owes: int

    @property
    def can_pay(self) -> bool:
        """Whether the card is good."""
        return self.method == _GOOD


@dataclass(frozen=True, slots=True)
class Month:
    """The people, and the three files."""

    people: Sequence[Person]
    customers: Path
    usage: Path
    prices: Path


def make_month(folder: Path, number: int, seed: int, stripe_url: str, key: str) -> Month:
    """Make so many customers, known to the provider, of whom one in twenty has a card that is declined."""
    names = [f"cust-{n:05}" for n in range(1, number + 1)]
    used = _usage(names, seed)
    payers = _register(names, stripe_url, key)
    people = [
        Person(
            name,
            _email(name),
            payers[name],
            _GOOD if n % _ONE_IN_DECLINED else _DECLINED,
            sum(quantity * _PRICES[sku] for sku, quantity in used[name].items()),
        )
        for n, name in enumerate(names, 1)
    ]
    month = Month(people, folder / "customers.csv", folder / "usage.csv", folder / "prices.csv")
    _write(month.customers, _CUSTOMER_COLUMNS, map(_customer_row, people))
    _write(month.usage, ("event_id", "customer_id", "sku", "quantity", "time"), _usage_rows(used))
    _write(month.prices, ("sku", "currency", "unit_price", "description"), _price_rows())
    return month


_CUSTOMER_COLUMNS = (
    *("customer_id", "name", "email", "currency"),
    *("payment_provider", "payment_method", "payment_customer"),
)


def _email(customer_id: str) -> str:
    return f"{customer_id}@customers.example"


def _customer_row(person: Person) -> tuple[str, ...]:
    name = f"{person.customer_id} Ltd"
    return person.customer_id, name, person.email, CURRENCY, "stripe", person.method, person.payer


def _usage(names: Sequence[str], seed: int) -> Mapping[str, Mapping[str, int]]:
    rng = random.Random(seed)
    return {name: {sku: rng.randrange(1, 720) for sku in _PRICES} for name in names}


def _usage_rows(used: Mapping[str, Mapping[str, int]]) -> Iterable[tuple[object, ...]]:
    for name, skus in used.items():
        for day, (sku, quantity) in enumerate(skus.items(), 1):
            yield f"{name}-{day}", name, sku, quantity, f"{PERIOD}-{day:02}T12:00:00Z"


def _price_rows() -> Iterable[tuple[str, ...]]:
    for sku, minor in _PRICES.items():
        yield sku, CURRENCY, f"{minor / 100:.2f}", sku.replace("-", " ").capitalize()


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(columns)
        csv.writer(file).writerows(rows)


def _register(names: Sequence[str], stripe_url: str, key: str) -> Mapping[str, str]:
    """Make the provider's customers: they have paid by card before."""
    with (
        httpx.Client(base_url=stripe_url, trust_env=False, timeout=30, auth=(key, "")) as http,
        ThreadPoolExecutor(_REGISTERING_THREADS) as threads,
    ):

        def register(name: str) -> str:
            answer = http.post("/v1/customers", data={"email": _email(name), "metadata[customer_id]": name})
            answer.raise_for_status()
            return str(answer.json()["id"])

        return dict(zip(names, threads.map(register, names), strict=True))
