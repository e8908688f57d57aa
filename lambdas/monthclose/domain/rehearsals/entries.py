"""How many customers have each entry of the price book, now and last month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from monthclose.domain.rehearsals.billed import EntryKind

MOST_ENTRIES = 10_000
"""Entries of one currency that are kept apart: price books have fewer. The SKUs beyond them, last by name, are summed
up together, so that a comparison's size is bounded whatever SKUs usage that was rated upstream brings."""


class EntryUse(NamedTuple):
    """How many customers have an entry, and what it comes to in minor units."""

    customers: int = 0
    last_customers: int = 0
    minor: int = 0
    last_minor: int = 0

    def plus(self, other: EntryUse) -> EntryUse:
        """Add the counts and the sums."""
        return EntryUse(
            self.customers + other.customers,
            self.last_customers + other.last_customers,
            self.minor + other.minor,
            self.last_minor + other.last_minor,
        )


NO_USE = EntryUse()


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one currency's invoices, by key (see `EntryKind`).

    Adding two is associative and in any order the same, also where entries are summed up together: an entry that is
    among the first of all of them is among the first of every part.
    """

    by_key: Mapping[str, EntryUse]
    others: EntryUse = NO_USE

    def __add__(self, other: Entries) -> Entries:
        smaller, larger = sorted((self.by_key, other.by_key), key=len)
        sums = dict(larger)
        for key, use in smaller.items():
            known = sums.get(key)
            sums[key] = use if known is None else known.plus(use)
        others = self.others.plus(other.others)
        if len(sums) > MOST_ENTRIES:
            for key in sorted(sums, key=_place)[MOST_ENTRIES:]:
                others = others.plus(sums.pop(key))
        return Entries(sums, others)

    def in_order(self) -> Iterator[tuple[str, EntryUse]]:
        """Iterate over the entries, SKUs last, those of a kind by name."""
        for key in sorted(self.by_key, key=_place):
            yield key, self.by_key[key]

    def to_json(self) -> dict[str, Any]:
        """Write them as JSON."""
        return {"by_key": {key: list(use) for key, use in self.in_order()}, "others": list(self.others)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Entries:
        """Read what `to_json` wrote."""
        return cls({key: EntryUse(*use) for key, use in values["by_key"].items()}, EntryUse(*values["others"]))


NO_ENTRIES = Entries({})


def _place(key: str) -> tuple[bool, str]:
    """Put SKUs last: a comparison never loses a fee or a discount for them."""
    return (key.startswith(EntryKind.SKU.key("")), key)
