"""Scan all customers for a snapshot, and put their profiles and accounts into the register on the way.

DynamoDB charges for whole items whatever is read of them, so this costs a request for every few thousand customers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.batching import Planned
from monthclose.ports import Clock, CustomerDirectory, Register

_AT_ONCE = 5_000
"""Customers in one object: some 10 MB while it is made."""


class Scanned(Protocol):
    """What customers are scanned from."""

    def scan(self, after: str = "") -> Iterator[Planned]:
        """Iterate over all customers, or those after one of them; see `CustomerDirectory`."""


@dataclass(frozen=True, slots=True)
class RegisteredScan:
    """Scans customers."""

    directory: CustomerDirectory
    register: Register
    clock: Clock
    at_once: int = _AT_ONCE

    def scan(self, after: str = "") -> Iterator[Planned]:
        """Iterate over all customers; whoever stops early has those read so far in the register all the same."""
        some, read_at = list[Customer](), self.clock()
        try:
            for customer in self.directory.scan_accounts(after):
                some.append(customer)
                if len(some) == self.at_once:
                    self.register.put_customers(some, read_at)
                    some, read_at = [], self.clock()
                yield _planned(customer)
        finally:
            if some:
                self.register.put_customers(some, read_at)
        self.register.end_customers()


def _planned(customer: Customer) -> Planned:
    profile = customer.profile
    return Planned(customer.customer_id, profile.payment_provider, customer.last_invoiced_minor, profile.currency)
