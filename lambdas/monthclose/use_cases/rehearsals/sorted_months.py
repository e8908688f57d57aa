"""The customers' months of a rehearsal in sorted runs, and two rehearsals' compared by merging them.

Batches of two rehearsals hold different customers, so what belongs together is found by sorting: in constant memory,
with any number of customers.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed
from monthclose.domain.rehearsals.differences import NO_DIFFERENCES, Differences, differences
from monthclose.ports import Documents, TimeIsUp

LONGEST_RUN = 100_000
"""Months that are sorted in memory at once: some 50 MB."""
_AT_A_TIME = 5_000
"""Customers that are compared before the time is looked at."""

type _Side = tuple[str, int, Billed]


class Compared(NamedTuple):
    """How far a comparison of two rehearsals is: `after` is the last customer, and None once all are compared."""

    differences: Differences
    after: str | None


def write_run(documents: Documents, key: str, months: Iterable[Billed]) -> None:
    """Write a sorted run."""
    found = sorted(months, key=lambda month: month.customer_id)
    documents.write(key, (json.dumps(month.to_json(), ensure_ascii=False).encode() + b"\n" for month in found))


def compare_runs(
    documents: Documents, approved: Sequence[str], now: Sequence[str], done: Compared, time_is_up: TimeIsUp
) -> Compared:
    """Go on comparing what was approved with what is drafted now, customer by customer.

    Parameters
    ----------
    approved, now : sequence of str
        The keys of both rehearsals' runs.
    done : Compared
        What the last call returned.
    """
    if done.after is None:
        return done
    sides = [_read(documents, key, side, done.after) for side, keys in enumerate((approved, now)) for key in keys]
    total, after = done.differences, done.after
    found = groupby(merge(*sides, key=itemgetter(0, 1)), key=itemgetter(0))
    while not time_is_up():
        some = []
        for customer_id, group in found:
            by_side = {side: month for _, side, month in group}
            some.append(differences(by_side.get(0), by_side.get(1)))
            after = customer_id
            if len(some) == _AT_A_TIME:
                break
        total += add_up(some, NO_DIFFERENCES)
        if len(some) < _AT_A_TIME:
            return Compared(total, None)
    return Compared(total, after)


def _read(documents: Documents, key: str, side: int, after: str) -> Iterator[_Side]:
    for line in documents.lines(key):
        month = Billed.from_json(json.loads(line))
        if month.customer_id > after:
            yield month.customer_id, side, month
