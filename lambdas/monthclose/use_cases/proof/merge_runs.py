"""Merge the sorted runs of both sides, and find where they differ, in constant memory.

The fingerprints are cut into slices. Of a slice the records of all runs are read, and sorted by C code: several times
faster than taking the smallest of all runs record by record.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import chain
from typing import NamedTuple

from monthclose.ports import Documents
from monthclose.use_cases.batch_work import side_by_side
from monthclose.use_cases.proof.charge_records import Entry, Kind, RunReader, StoredRun, groups, unpack

_RECORDS_IN_A_SLICE = 50_000


class Difference(NamedTuple):
    """Where the two sides differ, or where money went back that the charge does not show.

    Parameters
    ----------
    charge : Entry or None
        What the provider lists; None if it lists nothing.
    payment : Entry or None
        Our payment; None if we have none with this reference.
    returned : int
        What went back apart from the charge, in minor units.
    """

    charge: Entry | None = None
    payment: Entry | None = None
    returned: int = 0

    @property
    def theirs(self) -> int:
        """What the provider holds by its list, in minor units."""
        return self.charge.minor - self.returned if self.charge else 0

    @property
    def agrees(self) -> bool:
        """Whether both sides agree once what went back is counted."""
        return bool(
            self.charge
            and self.payment
            and (self.charge.currency, self.theirs) == (self.payment.currency, self.payment.minor)
        )


class Merge:
    """The runs of both sides of a comparison with one provider.

    Parameters
    ----------
    skips : mapping
        By the number of a run: the records that were merged before.
    """

    def __init__(
        self, documents: Documents, runs: Sequence[StoredRun], executor: Executor, skips: Mapping[int, int]
    ) -> None:
        self._readers = {run.number: RunReader(documents, run, skips.get(run.number, 0)) for run in runs}
        self._executor = executor
        self.slices = max(-(-sum(run.records for run in runs) // _RECORDS_IN_A_SLICE), 1)

    def skips(self) -> dict[int, int]:
        """Return how many records of each run have been merged."""
        return {number: reader.read for number, reader in self._readers.items()}

    def slice(self, index: int) -> list[Difference]:
        """Merge the next slice, and return where the sides differ, always in the same order."""
        side_by_side(self._executor, RunReader.fill, self._readers.values())
        bound = (1 << 64) * (index + 1) // self.slices
        records = sorted(chain.from_iterable(reader.below(bound) for reader in self._readers.values()))
        return list(chain.from_iterable(map(_differences, groups(records))))


def _differences(group: Iterable[bytes]) -> Iterator[Difference]:
    """Find what differs among the records of one reference."""
    by_kind: dict[Kind, list[Entry]] = {kind: [] for kind in Kind}
    for record in group:
        entry = unpack(record)
        by_kind[entry.kind].append(entry)
    charges, payments = by_kind[Kind.CHARGE], by_kind[Kind.PAYMENT]
    if charges:  # what went back of a charge that is not listed is none of the period's
        [first, *others] = charges
        payment = next((payment for payment in payments if payment.check == first.check), None)
        returned = sum(entry.minor for entry in by_kind[Kind.RETURNED])
        difference = Difference(first, payment, returned)
        if returned or not difference.agrees:
            yield difference
        yield from (Difference(other) for other in others)
        payments = [other for other in payments if other is not payment]
    yield from (Difference(payment=payment) for payment in payments if payment.minor)
