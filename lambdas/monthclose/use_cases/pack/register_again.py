"""Write the register's rows again while a pack reads the same records: what a close could not write is made good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.register.objects import standing_at
from monthclose.ports import Clock, Register


@dataclass(slots=True)
class _Batch:
    """A batch whose customers are being read."""

    progress: BatchProgress
    read_at: datetime
    left: set[str]
    months: list[CustomerMonth] = field(default_factory=list)
    accounts: list[tuple[Customer, datetime]] = field(default_factory=list)


class RegisterAgain:
    """Collects the records of batches, and writes the rows of each once all of its customers have been read.

    A batch with a customer who cannot be read keeps the rows that it has.
    """

    def __init__(self, register: Register, clock: Clock) -> None:
        self._register, self._clock = register, clock
        self._batches: dict[str, _Batch] = {}
        """By the ids of the customers who are to be read."""

    def expect(self, progress: BatchProgress) -> None:
        """Note a batch whose customers are read next."""
        customers = set(progress.batch.customer_ids)
        self._batches |= dict.fromkeys(customers, _Batch(progress, self._clock(), customers))

    def add(self, account: Customer, months: Mapping[Period, CustomerMonth]) -> None:
        """Add what was read of a customer: the account first, then all of the months."""
        batch = self._batches.pop(account.customer_id, None)
        if batch is None:
            return
        batch.months.append(months.get(batch.progress.period, CustomerMonth()))
        as_of = standing_at(account, months.values())
        if as_of:
            batch.accounts.append((account, as_of))
        batch.left.discard(account.customer_id)
        if not batch.left:
            self._register.put_batch(
                batch.progress, batch.months, customers=batch.accounts, read_at=max(batch.read_at, batch.progress.time)
            )
