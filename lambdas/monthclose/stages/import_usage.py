"""Import usage: store the events of customers that we know."""

from collections.abc import Iterable
from functools import partial
from itertools import batched

from monthclose.domain.intake import Layout, Reject, Row, Tally, derived_event_id, read_row, read_usage
from monthclose.ports import CustomerDirectory, UsageStore

_CHUNK = 2000
_REMEMBERED = 100_000
"""Most ids of which it is remembered whether they are customers: bounds the memory."""
UNKNOWN_CUSTOMER = "unknown customer"


def import_usage(
    rows: Iterable[Row],
    layout: Layout,
    source: str,
    *,
    directory: CustomerDirectory,
    usage: UsageStore,
    reject: Reject,
) -> Tally:
    """Take every row that says usage of a known customer.

    Events have ids (of their own, or derived from the file's name and the row's number), so that importing the same
    file again, or going on after a break, stores nothing twice.

    Parameters
    ----------
    source : str
        Name of the file, without its folder.
    """
    tally, customers = Tally(), _Customers(directory)
    for chunk in batched(rows, _CHUNK, strict=False):
        read = [
            (row, *read_row(row, layout, partial(read_usage, event_id=derived_event_id(source, row.number))))
            for row in chunk
        ]
        known = customers.known({event.customer_id for _, event, _ in read if event})
        events = []
        for row, event, fault in read:
            if event and event.customer_id in known:
                events.append(event)
                tally.groups[str(event.period)] += 1
                continue
            reason = fault or UNKNOWN_CUSTOMER
            tally.rejected[reason] += 1
            reject(row, reason)
        usage.put(events)
        tally.taken += len(events)
    return tally


class _Customers:
    """Asks the directory about each customer once."""

    def __init__(self, directory: CustomerDirectory) -> None:
        self._directory = directory
        self._answers: dict[str, bool] = {}

    def known(self, customer_ids: set[str]) -> set[str]:
        if len(self._answers) > _REMEMBERED:
            self._answers.clear()
        asked = customer_ids - self._answers.keys()
        found = self._directory.known(asked) if asked else set()
        self._answers.update((customer_id, customer_id in found) for customer_id in asked)
        return {customer_id for customer_id in customer_ids if self._answers[customer_id]}
