"""Closing some customers again without the rest: which of them, and which of their batches a run works on.

The list of them is an object; the close names it for as long as its present run is limited to it. Customers who are in
no batch yet, as they were imported after the snapshot, get batches of their own behind the others.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from monthclose.domain.closes.batching import batch_size, batches_of
from monthclose.domain.closes.close import Batch

MOST_RETRIED = 100_000
"""Customers in one list: it is held in memory. Closing the month again takes all who are left."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The customers that a run is limited to, each with their provider."""

    providers: Mapping[str, str] = field(default_factory=dict)

    def of(self, batch: Batch) -> tuple[str, ...]:
        """Find those who are in a batch."""
        return tuple(name for name in batch.customer_ids if name in self.providers)

    def to_lines(self) -> bytes:
        """Write the list: a customer and their provider on each line."""
        return b"".join(json.dumps([*row]).encode() + b"\n" for row in self.providers.items())

    @classmethod
    def from_lines(cls, lines: Iterable[bytes]) -> Chosen:
        """Read the list."""
        return cls({row[0]: row[1] for row in map(json.loads, lines)})

    def missed(self, batches: Iterable[Batch]) -> dict[str, str]:
        """Find those who are in none of the batches."""
        left = dict(self.providers)
        for batch in batches:
            for name in self.of(batch):
                left.pop(name, None)
        return left


def more_batches(missed: Mapping[str, str], first: int, max_batches: int) -> Iterator[Batch]:
    """Cut customers who are in no batch into batches numbered from `first`."""
    by_provider = defaultdict[str, list[str]](list)
    for name, provider in missed.items():
        by_provider[provider].append(name)
    size = batch_size({provider: len(names) for provider, names in by_provider.items()}, max_batches)
    for batch in batches_of(by_provider, size):
        yield Batch(first + batch.number, batch.provider, batch.customer_ids)
