"""The register: the rows of all records, kept up to date while they change, so that lists need no reads of the tables.

It is made from the tables, which stay the truth. Writing to it never fails what writes: what could not be written is
logged, and made good when the batch is summed up next, or by the report pack at the end of the close.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.month import CustomerMonth


class ListedObject(NamedTuple):
    """An object of the register as a listing has it.

    Parameters
    ----------
    version : str
        Another one whenever the content is another.
    """

    key: str
    version: str
    written_at: datetime


class Register(Protocol):
    """Writes the register; no method raises."""

    def put_batch(
        self,
        progress: BatchProgress,
        months: Iterable[CustomerMonth],
        *,
        customers: Iterable[tuple[Customer, datetime]] = (),
        read_at: datetime | None = None,
    ) -> bool:
        """Overwrite the rows of a batch, and say whether that was possible.

        Parameters
        ----------
        months : iterable of CustomerMonth
            The records of all its customers.
        customers : iterable of (Customer, datetime)
            Their accounts, where they were read, each with the time that it is of (see `standing_at`).
        read_at : datetime or None
            When these were read; by default, the time of the progress.
        """

    def put_customers(self, customers: Iterable[Customer], read_at: datetime) -> bool:
        """Write some of the customers that a scan of all has read."""

    def end_customers(self) -> bool:
        """Note that a scan of all customers has ended: who was not in it is no customer any more."""

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> bool:
        """Write profiles that were imported."""

    def put_account(self, customer: Customer) -> bool:
        """Overwrite the row of one account, which a person has changed outside of a batch."""


class RegisterObjects(Protocol):
    """Reads the register."""

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """List the objects below a prefix, a thousand a request."""

    def content(self, key: str) -> bytes:
        """Read an object, compressed.

        Raises
        ------
        KeyError
            There is none.
        """


class StoredRegister(Register, RegisterObjects, Protocol):
    """The register, to write and to read."""
