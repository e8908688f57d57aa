"""Plan a close: fix the snapshot once, then list before each round what is left to do."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from monthclose.domain.closes.close import Batch, Close, Planned, cut_into_batches
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.ports import Closes, CustomerDirectory, Documents, PaymentGateway, PriceBooks, TaxTables
from monthclose.settings import CloseSettings, Provider
from monthclose.use_cases.closes.snapshot import read_batches, write_batches


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next round has to do."""

    close: Close
    unfinished: int
    """Batches that the round covers."""
    round_key: str
    """Object that lists them."""
    rounds_left: bool
    """Otherwise the customers of the batches in the list are parked."""
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans rounds."""

    closes: Closes
    directory: CustomerDirectory
    documents: Documents
    price_books: PriceBooks
    tax_tables: TaxTables
    providers: dict[str, Provider]
    settings: CloseSettings
    gateways: Mapping[str, Callable[[], PaymentGateway]]
    """Makes each provider's gateway: a provider that refuses us must stop the close before it charges or parks."""

    def plan(self, period: Period, run: int) -> Plan:
        """Write the list of the batches that still need work; a close's first round takes the snapshot as well.

        A run's first round covers the unfinished batches and those with parked customers, whose reason may be gone.
        Its repair rounds cover the unfinished ones only.

        Raises
        ------
        UserMistakeError
            There are no customers to bill, or another execution has taken over the close.
        ProviderRefusedError
            A provider refuses us. Nothing was started and nobody is parked.
        """
        close = self.closes.get(period)
        if close is None or close.run != run:
            raise UserMistakeError(f"run {run} of the close of {period} has been replaced: another execution took over")
        first = close.round == close.first_round
        if first:  # one run bills with one price book, whatever is imported meanwhile
            close = replace(close, price_book=self.price_books.latest(), tax_table=self.tax_tables.latest())
        if not close.snapshot_key:
            close = self._take_snapshot(close)
        batches = read_batches(self.documents, close.snapshot_key)
        todo = self._unfinished(close, batches, with_parked=first)
        rounds_done = close.round - close.first_round
        if not todo:
            return Plan(close, 0, close.snapshot_key, rounds_left=True, wait_seconds=0)
        self._check_providers({batch.provider for batch in todo})
        if rounds_done >= self.settings.max_rounds:
            key = f"snapshots/{period}/parking-{close.round}.json"
            self._write_batches(key, todo)
            return Plan(close, len(todo), key, rounds_left=False, wait_seconds=0)
        # Write the list first: if this breaks off, the next call must find the round not started.
        key = f"snapshots/{period}/round-{close.round + 1}.json"
        self._write_batches(key, todo)
        close = self.closes.put(replace(close, round=close.round + 1))
        wait = 0 if first else self.settings.round_wait_seconds * rounds_done
        return Plan(close, len(todo), key, rounds_left=True, wait_seconds=wait)

    def _check_providers(self, names: set[str]) -> None:
        for name in sorted(names & self.gateways.keys()):
            with suppress(TryLaterError):  # if it is down or busy, its queue waits; the close does not fail
                self.gateways[name]().check()

    def _take_snapshot(self, close: Close) -> Close:
        customers = list(self.directory.scan())
        if not customers:
            raise UserMistakeError("there are no customers: import some first (monthclose import customers FILE)")
        batches = cut_into_batches(customers, self.settings.max_batches)
        key = f"snapshots/{close.period}/run-{close.run}.json"
        self._write_batches(key, batches)
        seconds, warnings = self._estimate(customers)
        planned = replace(
            close,
            snapshot_key=key,
            customers=len(customers),
            batches=len(batches),
            expected_seconds=seconds,
            warnings=warnings,
        )
        return self.closes.put(planned)

    def _estimate(self, customers: list[Planned]) -> tuple[int, tuple[str, ...]]:
        """Estimate how long charging takes: each provider's customers at its allowed rate, in parallel."""
        seconds, warnings = 0, []
        for name in sorted({customer.provider for customer in customers}):
            number = sum(customer.provider == name for customer in customers)
            provider = self.providers.get(name)
            if provider is None:
                warnings.append(f"provider {name!r} has no adapter: {count(number, 'customer')} cannot be charged")
                continue
            rate = provider.limit.usable()
            takes = round(number / rate)
            seconds = max(seconds, takes)
            if takes > self.settings.deadline_hours * 3600:
                warnings.append(
                    f"{name}: {count(number, 'charge')} at {rate:g}/s would take {takes / 3600:.1f} h, "
                    f"more than the deadline of {self.settings.deadline_hours} h"
                )
        return seconds, tuple(warnings)

    def _unfinished(self, close: Close, batches: list[Batch], *, with_parked: bool) -> list[Batch]:
        done = {
            progress.batch.number
            for progress in self.closes.all_progress(close.period)
            if progress.finished and not (with_parked and progress.totals.parked)
        }
        return [batch for batch in batches if batch.number not in done]

    def _write_batches(self, key: str, batches: list[Batch]) -> None:
        queues = {name: provider.queue_url for name, provider in self.providers.items()}
        write_batches(self.documents, key, batches, queues)
