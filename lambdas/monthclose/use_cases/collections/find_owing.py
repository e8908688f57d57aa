"""Find customers who owe: begin a run of the collections, and list its customers in batches of one provider each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import Batch, CloseStatus
from monthclose.domain.period import Period
from monthclose.ports import Claim, Claims, Clock, Closes, CustomerDirectory, Documents, Workflow
from monthclose.settings import Provider
from monthclose.use_cases.claim_holder import still_running
from monthclose.use_cases.closes.snapshot import write_batches

CLAIM = "collections"
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: whether this execution may continue, for which day, and with which customers.

    Parameters
    ----------
    closing : tuple of Period
        Months that a close works on right now: their customers are left to it.
    expected_seconds : int
        How long charging takes at the providers' allowed rates if each of the customers is charged once.
    key : str
        Object that lists the batches.
    """

    outcome: Literal["begun", "already_running"]
    day: date
    closing: tuple[Period, ...] = ()
    batches: int = 0
    customers: int = 0
    expected_seconds: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class OwingFinder:
    """Begins runs, one at a time."""

    claims: Claims
    closes: Closes
    directory: CustomerDirectory
    documents: Documents
    workflow: Workflow
    clock: Clock
    providers: Mapping[str, Provider]
    calendar: BillingCalendar = IN_UTC

    def find(self, execution: str, day: date | None = None) -> Found:
        """Begin a run for a day (default: today), unless another run is still working.

        As with a close, the workflow engine says whether it is.

        Raises
        ------
        ConflictError
            Another execution began at the same moment; ask again.
        """
        before, now = self.claims.get(CLAIM), self.clock()
        again = before is not None and before.execution == execution
        if before and still_running(before.execution, execution, self.workflow):
            return Found("already_running", self.calendar.day(before.since))
        if not again:
            self.claims.put(Claim(CLAIM, execution, now, before.version if before else 0))
        today = day or self.calendar.day(before.since if before and again else now)
        counted = _Counted()
        key = f"snapshots/collections/{today}/{execution.rpartition(':')[2]}.json"
        write_batches(self.documents, key, counted.watch(self._batches()), self._queues)
        customers, seconds = counted.customers.total(), self._expected_seconds(counted.customers)
        return Found("begun", today, self._closing(), counted.batches, customers, seconds, key)

    @property
    def _queues(self) -> dict[str, str]:
        return {name: provider.queue_url for name, provider in self.providers.items()}

    def _expected_seconds(self, customers: Mapping[str, int]) -> int:
        return max((round(customers[name] / it.limit.usable()) for name, it in self.providers.items()), default=0)

    def _batches(self) -> Iterator[Batch]:
        """Cut the customers into batches as they come, so that at most one batch per provider is in memory."""
        number, waiting = 0, dict[str, list[str]]()
        for owing in self.directory.owing():
            ids = waiting.setdefault(owing.provider, [])
            ids.append(owing.customer_id)
            if len(ids) == _BATCH_SIZE:
                yield Batch(number, owing.provider, tuple(waiting.pop(owing.provider)))
                number += 1
        for provider, ids in sorted(waiting.items()):
            yield Batch(number, provider, tuple(ids))
            number += 1

    def _closing(self) -> tuple[Period, ...]:
        running = [close for close in self.closes.all() if close.status is CloseStatus.RUNNING]
        return tuple(close.period for close in running if self.workflow.is_running(close.execution))


class _Counted:
    """Counts what passes: batches, and customers by provider."""

    def __init__(self) -> None:
        self.batches, self.customers = 0, Counter[str]()

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.batches += 1
            self.customers[batch.provider] += len(batch.customer_ids)
            yield batch
