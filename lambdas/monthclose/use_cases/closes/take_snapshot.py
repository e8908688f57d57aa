"""Take a close's snapshot: scan the customers, sort them with money first, and list them in batches.

Sorting is by merging, so that it fits into a function's memory and time with any number of customers: what is scanned
is sorted in parts, the parts go to the documents, and the list is written while they are merged. A scan for which time
runs out is continued by the next call. As long as the customers fit into one part, nothing is written but the list.

A close covers those whose billing day its period has. That of a calendar month notes the others beside its list: the
month's report pack has the whole company.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from urllib.parse import quote

from monthclose.domain.closes.batching import Planned, batch_size, batches_of
from monthclose.domain.closes.close import Close
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.ports import Documents, TimeIsUp
from monthclose.use_cases.closes.registered_scan import Registered, Scanned
from monthclose.use_cases.closes.snapshot import write_batches

PART = 250_000
"""Customers that are sorted in memory at a time: some 60 MB, and 20 s of scanning."""

_NOT_DUE = "-"
"""Stands for the provider of those whom the close does not bill: no provider is called that."""
type _Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Scan:
    """How far a scan has got.

    Parameters
    ----------
    after : str
        The customer after whom it continues; empty at the start.
    parts : sequence
        The sorted parts written so far: whose customers each has. A call that was killed may have left others.
    counts : mapping
        Customers so far by provider.
    registered : bool
        Whether all of them are in the register.
    """

    after: str = ""
    parts: Sequence[Sequence[str]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    registered: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The list of a close's batches.

    Parameters
    ----------
    key : str
        The object that it is in.
    counts : mapping
        Customers by provider.
    others_key : str
        Where those are whom the close of a calendar month does not bill; empty if there are none.
    """

    key: str
    batches: int
    counts: Mapping[str, int]
    others_key: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotTaker:
    """Takes snapshots.

    Parameters
    ----------
    queues : mapping
        The URL of each provider's queue.
    part : int
        Most customers in memory at a time.
    """

    directory: Scanned
    documents: Documents
    queues: Mapping[str, str]
    max_batches: int
    part: int = PART

    def take(self, close: Close, scan: Scan, time_is_up: TimeIsUp, folder: str = "") -> Snapshot | Scan:
        """Scan the customers from where the last call stopped, and list them once all are scanned.

        Parameters
        ----------
        folder : str
            Where it is written, if not to that of the close's run.

        Returns
        -------
        Snapshot or Scan
            The snapshot, or how far the scan has got if time is up.

        Raises
        ------
        UserMistakeError
            There are no customers at all.
        """
        counts, held, folder = Counter(scan.counts), list[Planned](), folder or _folder(close)
        registered = Registered(scan.registered)
        customers, before = self.directory.scan(scan.after, registered), scan.after
        for seen, found in enumerate(customers):
            late = seen and seen % self.part == 0 and time_is_up()  # asked also where few of those seen are due
            if held and (late or len(held) == self.part):
                scan, held = self._write_part(folder, scan, held, counts), []
            if late:
                customers.close()  # which puts those read last into the register
                return replace(scan, after=before, registered=registered.everybody)
            before = found.customer_id
            if customer := _of_close(found, close.period):
                held.append(customer)
                counts[customer.provider] += 1
        if not counts and close.period.day == 1:
            raise UserMistakeError("there are no customers: import some first (monthclose import customers FILE)")
        return self._list(folder, scan.parts, held, counts)

    def _write_part(self, folder: str, scan: Scan, held: list[Planned], counts: Counter[str]) -> Scan:
        """Write a sorted part; a repeated call writes it again, with other customers if some came meanwhile."""
        by_provider = _sorted(held)
        for provider, places in by_provider.items():
            self.documents.write(_part_key(folder, len(scan.parts), provider), map(_line, places))
        return Scan(held[-1].customer_id, (*scan.parts, [*by_provider]), dict(counts))

    def _list(
        self, folder: str, parts: Sequence[Sequence[str]], held: list[Planned], counts: Mapping[str, int]
    ) -> Snapshot:
        last, key = _sorted(held), f"{folder}.json"
        due = {name: number for name, number in counts.items() if name != _NOT_DUE}
        merged = {name: self._merged(folder, parts, name, last.get(name, [])) for name in counts}
        others = others_key(key) if _NOT_DUE in merged else ""
        if others:
            self.documents.write(others, (f"{name}\n".encode() for name in merged.pop(_NOT_DUE)))
        size = batch_size(due, self.max_batches)
        write_batches(self.documents, key, batches_of(merged, size), self.queues)
        return Snapshot(key, sum(-(-number // size) for number in due.values()), due, others)

    def _merged(self, folder: str, parts: Sequence[Sequence[str]], provider: str, last: list[_Place]) -> Iterator[str]:
        """Iterate over a provider's customers, money first."""
        keys = [_part_key(folder, part, provider) for part, names in enumerate(parts) if provider in names]
        for _, customer_id in merge(*map(self._read, keys), last):
            yield customer_id

    def _read(self, key: str) -> Iterator[_Place]:
        for line in self.documents.lines(key):
            minor, customer_id = json.loads(line)
            yield minor, customer_id


def others_key(snapshot_key: str) -> str:
    """Name the object of those whom a calendar month's close does not bill; without any there is none."""
    return f"{snapshot_key.removesuffix('.json')}-others.txt"


def _of_close(customer: Planned, period: Period) -> Planned | None:
    """Place a customer among those whom a close bills, or does not; None if it need not know them."""
    if customer.is_due(period):
        return customer
    return customer._replace(provider=_NOT_DUE) if period.day == 1 else None


def _sorted(customers: Iterable[Planned]) -> dict[str, list[_Place]]:
    by_provider = defaultdict[str, list[_Place]](list)
    for customer in customers:
        by_provider[customer.provider].append(customer.place)
    return {provider: sorted(places) for provider, places in by_provider.items()}


def _line(place: _Place) -> bytes:
    return json.dumps(place).encode() + b"\n"


def _folder(close: Close) -> str:
    return f"snapshots/{close.period}/run-{close.run}"


def _part_key(folder: str, part: int, provider: str) -> str:
    return f"{folder}/part-{part:04}-{quote(provider, safe='')}.jsonl"
