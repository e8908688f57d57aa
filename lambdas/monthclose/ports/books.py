"""Customers: their accounts, months and ledger, and the directory of all of them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from monthclose.domain.accounts.customer import Customer, Profile, billing_zones
from monthclose.domain.accounts.cycles import Cycles, cycles_for
from monthclose.domain.calendar import Zones
from monthclose.domain.closes.batching import Planned
from monthclose.domain.month import CustomerMonth, MonthRecord
from monthclose.domain.period import Period

type Record = Customer | MonthRecord
"""What `Books.commit` can write."""


class Books(Protocol):
    """Customers' accounts, invoices, payments and ledger. All reads are strongly consistent."""

    def customer(self, customer_id: str) -> Customer | None:
        """Read a customer's account; None if there is no such customer."""

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        """Read the accounts of those ids that are customers, many at a time."""

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        """Read what a close recorded for one customer and period."""

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        """Read all of a customer's months, oldest first."""

    def commit(self, *records: Record) -> tuple[Record, ...]:
        """Write all records or none, and return them as they are then.

        Each record must still have the version it was read with (0: must not exist yet) and gets the next one;
        a ledger entry must not exist yet.

        Raises
        ------
        ConflictError
            Somebody else changed one of them first; nothing was written.
        """


class Owing(NamedTuple):
    """A customer who owes something or is on hold, and the provider that charges them."""

    customer_id: str
    provider: str


class Billed(NamedTuple):
    """A customer's profile, and the billing days and time zones that they have had if theirs has changed."""

    profile: Profile
    cycles: Cycles
    zones: Zones = ()

    @property
    def billing_cycles(self) -> Cycles:
        """The billing days that they have had, the present one last."""
        return self.cycles or cycles_for(self.profile.billing_day)

    @property
    def billing_zones(self) -> Zones:
        """The time zones that they have had, the present one last; empty if it has always been the company's."""
        return billing_zones(self.profile, self.zones)


class CustomerDirectory(Protocol):
    """All customers."""

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> Mapping[str, Profile]:
        """Create customers or replace their profiles, in the register as well; their accounts are not touched.

        Returns
        -------
        mapping
            By id, the profiles that were not stored because the customer is there with another billing day, time zone
            or payer: the account must keep those before (see `use_cases.imports.group_customers`).
        """

    def scan(self, after: str = "") -> Iterator[Planned]:
        """Iterate over all customers in the store's own order, in constant memory.

        Parameters
        ----------
        after : str
            The id of the customer after whom to continue; empty from the first on.
        """

    def scan_accounts(self, after: str = "") -> Iterator[Customer]:
        """Iterate over all customers with their accounts, in the same order; it costs as much as `scan`."""

    def known(self, customer_ids: Iterable[str]) -> Mapping[str, Profile]:
        """Read the profiles of those ids that are customers."""

    def billed(self, customer_ids: Iterable[str]) -> Mapping[str, Billed]:
        """Read of those ids that are customers what decides about the time that their invoices bill."""

    def currencies(self) -> Iterator[str]:
        """Iterate over the currencies of all customers, one for each of them, in constant memory; may lag a moment."""

    def owing(self) -> Iterator[Owing]:
        """Iterate over the customers who owe something or are on hold, in no order, in constant memory."""

    def being_charged(self, until: datetime) -> Iterator[str]:
        """Iterate over the customers with a payment in flight whose look-up is due by then; may lag a moment."""
