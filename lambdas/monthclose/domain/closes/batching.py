"""How the customers of a close are ordered and cut into batches: money first, one provider each.

Nothing here holds more than a batch for each provider, so that ten million customers can pass through.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from typing import NamedTuple

from monthclose.domain.accounts.cycles import ON_THE_FIRST, Cycles, days_of
from monthclose.domain.accounts.group import Payers, payer_in
from monthclose.domain.calendar import Zones
from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period

MAX_BATCHES = 10_000
"""A Distributed Map's hard limit on children in parallel: with no more batches, every batch is in flight at once."""
FEWER_BATCHES = 4_000
"""Batches of a close that has more customers than `MAX_BATCHES`, for as long as they have no more than
`MAX_BATCH_SIZE`: each costs eight state transitions. A million customers are in batches of 250."""
MAX_BATCH_SIZE = 1_000
"""With ten million customers, every batch is still in flight at once. A Map's item may be 256 KiB: a thousand ids of
a hundred characters are less than half of that, and a function generates a thousand invoices in two minutes of its
fifteen."""


class Planned(NamedTuple):
    """What the plan needs to know of a customer."""

    customer_id: str
    provider: str
    expected_minor: int
    currency: str = ""
    cycles: Cycles = ON_THE_FIRST
    payers: Payers = ()
    """Who pays for all that they may be billed (see `group.payers_now`)."""
    zones: Zones = ()
    """See `Customer.billing_zones`."""

    def is_due(self, period: Period) -> bool:
        """Whether a close of the period bills them: no payer's invoice has their usage."""
        if self.payers and payer_in(self.payers, period):
            return False
        if len(self.cycles) == 1:
            return self.cycles[0].billing_day == period.day
        return days_of(self.cycles, period) is not None

    @property
    def place(self) -> tuple[int, str]:
        """Where the customer comes in the order: the largest expected amount first."""
        return -self.expected_minor, self.customer_id


def batch_size(counts: Mapping[str, int], max_batches: int = MAX_BATCHES) -> int:
    """Choose how many customers a batch has, up to `MAX_BATCH_SIZE`.

    A close of up to `max_batches` has one customer per batch, which reads well in the console. A larger one has
    `FEWER_BATCHES`, which cost less.

    Parameters
    ----------
    counts : mapping
        The number of customers of each provider.
    """
    customers = sum(counts.values())
    most = max_batches if customers <= max_batches else min(max_batches, FEWER_BATCHES)
    size = max(-(-customers // most), 1)
    while size < MAX_BATCH_SIZE and sum(-(-number // size) for number in counts.values()) > most:
        size += 1  # each provider's last batch may be short
    return min(size, MAX_BATCH_SIZE)


def batches_of(by_provider: Mapping[str, Iterable[str]], size: int) -> Iterator[Batch]:
    """Cut each provider's customers, in their order, into batches of a size.

    The providers take turns, so that their queues fill side by side, each money first.
    """
    left = {provider: iter(ids) for provider, ids in sorted(by_provider.items())}
    numbers = count()
    while left:
        for provider, ids in list(left.items()):
            if chunk := tuple(islice(ids, size)):
                yield Batch(next(numbers), provider, chunk)
            if len(chunk) < size:
                del left[provider]
