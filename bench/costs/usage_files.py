"""Usage files as a cloud provider's meters write them, for benches: the same arguments give the same files."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from uuid import UUID

from monthclose.domain.period import Period

HEADER = b"event_id,customer_id,sku,resource,quantity,time,description\n"
OCTOBER = Period(2026, 10)
SKUS = 8
_MACHINES = 5
"""What a customer runs: most of their events name one of a few."""


@dataclass(frozen=True, slots=True)
class UsageFiles:
    """The files of a month.

    Parameters
    ----------
    customers, each : int
        How many customers are in the files, and how many events of the month each of them has in all files.
    files : int
        In how many files they come: each has a part of the month, and as many of a customer's events as the others.
    ids : str
        `numbered`, `uuid` (random ones) or `none`: then a row's place in the file is its id.
    by_time : bool
        Whether a file's rows are in the order of their times, as a meter writes them; otherwise customer by customer.
    """

    customers: int
    each: int
    files: int = 1
    ids: str = "numbered"
    by_time: bool = False
    period: Period = OCTOBER

    @property
    def events(self) -> int:
        """Return how many events there are."""
        return self.customers * self.each

    def lines(self, file: int) -> Iterator[bytes]:
        """Write a file's lines."""
        first, end = self.each * file // self.files, self.each * (file + 1) // self.files
        order = (
            ((customer, number) for number in range(first, end) for customer in range(self.customers))
            if self.by_time
            else ((customer, number) for customer in range(self.customers) for number in range(first, end))
        )
        return chain([HEADER], (self._line(customer, number) for customer, number in order))

    def _line(self, customer: int, number: int) -> bytes:
        chance = random.Random(customer * 1_000_003 + number)
        step: timedelta = (self.period.end - self.period.start) / self.each
        time = self.period.start + step * number + step * 0.9 * chance.random()
        sku, machine = chance.randrange(SKUS), chance.randrange(_MACHINES)
        quantity = f"{chance.randrange(1, 72_000) / 100:g}"
        what = f"sku-{sku},vm-{customer}-{machine},{quantity},{time:%Y-%m-%dT%H:%M:%SZ},Instance of size {sku}"
        return f"{self._id(customer, number, chance)},{name_of(customer)},{what}\n".encode()

    def _id(self, customer: int, number: int, chance: random.Random) -> str:
        match self.ids:
            case "numbered":
                return f"evt-{number * self.customers + customer:09}"
            case "uuid":
                return str(UUID(int=chance.getrandbits(128), version=4))
        return ""


def name_of(customer: int) -> str:
    """Name a customer."""
    return f"cust-{customer:07}"
