"""Scan all customers for a snapshot, and put their profiles and accounts into the register on the way.

DynamoDB charges for whole items whatever is read of them, so this costs a request for every few thousand customers.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.group import payers_now
from monthclose.domain.closes.batching import Planned
from monthclose.ports import Clock, CustomerDirectory, Register

_AT_ONCE = 5_000
"""Customers in one object: some 10 MB while it is made."""


@dataclass(slots=True)
class Registered:
    """Whether all customers whom a scan has read so far, also in earlier calls, are in the register."""

    everybody: bool = True


class Scanned(Protocol):
    """What customers are scanned from."""

    def scan(self, after: str, registered: Registered) -> Generator[Planned]:
        """Iterate over all customers, or those after one of them; see `CustomerDirectory`."""


@dataclass(frozen=True, slots=True)
class RegisteredScan:
    """Scans customers."""

    directory: CustomerDirectory
    register: Register
    clock: Clock
    at_once: int = _AT_ONCE

    def scan(self, after: str, registered: Registered) -> Generator[Planned]:
        """Iterate over all customers; whoever stops early has those read so far in the register all the same.

        The list is not said to have ended if a part of it could not be written: whoever is in that part would be taken
        for no customer any more.
        """
        some, read_at = list[Customer](), self.clock()
        try:
            for customer in self.directory.scan_accounts(after):
                some.append(customer)
                if len(some) == self.at_once:
                    registered.everybody &= self.register.put_customers(some, read_at)
                    some, read_at = [], self.clock()
                yield _planned(customer)
        finally:
            if some:
                registered.everybody &= self.register.put_customers(some, read_at)
        if registered.everybody:
            self.register.end_customers()


def _planned(customer: Customer) -> Planned:
    profile, expected, cycles = customer.profile, customer.last_invoiced_minor, customer.billing_cycles
    return Planned(
        customer.customer_id,
        profile.payment_provider,
        expected,
        profile.currency,
        cycles,
        payers_now(customer),
        customer.billing_zones,
    )
