"""Plan a close: fix the snapshot once, then list before each round what is left to do."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.closes.retry import Chosen, more_batches
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.ports import (
    Books,
    Clock,
    Closes,
    Documents,
    PaymentGateway,
    PriceBooks,
    ProviderLimits,
    Rehearsals,
    TaxTables,
    TimeIsUp,
)
from monthclose.settings import CloseSettings, Provider
from monthclose.use_cases.closes.mail_outlook import MailOutlook
from monthclose.use_cases.closes.snapshot import read_batches, write_batches
from monthclose.use_cases.closes.take_snapshot import Scan, Snapshot, SnapshotTaker, others_key

_PAUSED_WAIT_SECONDS, _LONGEST_PAUSED_WAIT_SECONDS = 60, 900
"""How much longer each round of a close that stays paused waits, and how long at most: an execution's history has room
for 25,000 events (Step Functions, "Quotas"), and the batches that only wait to be charged end no round for a day."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next round has to do."""

    close: Close
    unfinished: int
    """Batches that the round covers."""
    round_key: str
    """Object that lists them."""
    rounds_left: bool = True
    """Otherwise the customers of the batches in the list are parked."""
    wait_seconds: int = 0
    scan: Scan | None = None
    """If time ran out before all customers were scanned: where the next call continues."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans rounds."""

    closes: Closes
    rehearsals: Rehearsals
    snapshots: SnapshotTaker
    documents: Documents
    price_books: PriceBooks
    tax_tables: TaxTables
    providers: dict[str, Provider]
    settings: CloseSettings
    gateways: Mapping[str, Callable[[], PaymentGateway]]
    """Makes each provider's gateway: a provider that refuses us must stop the close before it charges or parks."""
    mail: MailOutlook
    limits: ProviderLimits
    books: Books
    clock: Clock

    def plan(self, period: Period, run: int, scan: Scan | None = None, time_is_up: TimeIsUp = lambda: False) -> Plan:
        """Write the list of the batches that still need work; a close's first round takes the snapshot as well.

        A run's first round covers the unfinished batches and those with parked customers, whose reason may be gone.
        Its repair rounds cover the unfinished ones only. A run that is limited to some customers covers only those of
        these batches that any of them is in, and lets the others in them alone.

        Parameters
        ----------
        scan : Scan or None
            What the last call returned, if it did not finish the snapshot.

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
            taken = self._judged(close) or self.snapshots.take(close, scan or Scan(), time_is_up)
            if isinstance(taken, Scan):
                return Plan(close, 0, "", scan=taken)
            close = self._planned(close, taken)
        chosen = self._chosen(close)
        if chosen and first:
            close = self._with_missed(close, chosen)
        done = self._finished(close, with_parked=first)
        left = partial(self._unfinished, close, done, chosen)
        todo, providers = self._count(left()) if close.batches > len(done) else (0, set())
        if not todo:
            return Plan(close, 0, close.snapshot_key)
        self._check_providers(providers)
        paused = [] if first else self._pauses(close, providers)
        if paused:
            close = replace(close, rounds_not_counted=close.rounds_not_counted + 1)
        rounds_done = close.round - close.first_round - close.rounds_not_counted
        if rounds_done >= self.settings.max_rounds:
            key = f"snapshots/{period}/parking-{close.round}.json"
            write_batches(self.documents, key, left(), self.snapshots.queues, chosen=chosen)
            return Plan(close, todo, key, rounds_left=False)
        # Write the list first: if this breaks off, the next call must find the round not started.
        key, per_second = f"snapshots/{period}/round-{close.round + 1}.json", self.settings.generated_per_second
        write_batches(self.documents, key, left(), self.snapshots.queues, per_second, chosen)
        close = self.closes.put(replace(close, round=close.round + 1, round_began_at=self.clock()))
        return Plan(close, todo, key, wait_seconds=0 if first else self._wait_seconds(close, rounds_done, paused))

    def _wait_seconds(self, close: Close, rounds_done: int, paused: Sequence[Pause]) -> int:
        """Say for how long a repair round waits."""
        wait = self.settings.round_wait_seconds * rounds_done
        if any(pause.in_force for pause in paused):
            return max(wait, min(_PAUSED_WAIT_SECONDS * close.rounds_not_counted, _LONGEST_PAUSED_WAIT_SECONDS))
        return wait

    def _pauses(self, close: Close, providers: Collection[str]) -> list[Pause]:
        """Find the pauses by persons that lasted into the round that has just ended.

        What such a round leaves undone says nothing about the customers: it is not among the `max_rounds` after which
        they are parked.
        """
        began = close.round_began_at or close.run_started_at
        of_providers = (self.limits.state(name).pause for name in sorted(providers))
        return [pause for pause in (*close.pauses, *of_providers) if pause and pause.lasted_until(began)]

    def _judged(self, close: Close) -> Snapshot | None:
        """Find the snapshot of the drafts that were judged: it is the close's, if there is one."""
        rehearsal = self.rehearsals.get(close.period) if close.rehearsal else None
        if rehearsal is None or rehearsal.number != close.rehearsal:
            return None
        key, others = rehearsal.snapshot_key, others_key(rehearsal.snapshot_key)
        return Snapshot(key, rehearsal.batches, rehearsal.counts, others if self.documents.has(others) else "")

    def _check_providers(self, names: set[str]) -> None:
        for name in sorted(names & self.gateways.keys()):
            with suppress(TryLaterError):  # if it is down or busy, its queue waits; the close does not fail
                self.gateways[name]().check()

    def _planned(self, close: Close, taken: Snapshot) -> Close:
        seconds, warnings = self._estimate(taken.counts)
        planned = replace(
            close,
            snapshot_key=taken.key,
            customers=sum(taken.counts.values()),
            batches=taken.batches,
            expected_seconds=seconds,
            warnings=warnings,
            providers=tuple(sorted(taken.counts)),
            planned_for=dict(sorted(taken.counts.items())),
            others_key=taken.others_key,
        )
        return self.closes.put(planned)

    def _estimate(self, counts: Mapping[str, int]) -> tuple[int, tuple[str, ...]]:
        """Estimate how long charging takes: each provider's customers at its allowed rate, in parallel."""
        seconds, warnings = 0, []
        for name, number in sorted(counts.items()):
            provider = self.providers.get(name)
            if provider is None:
                warnings.append(f"provider {name!r} has no adapter: {count(number, 'customer')} cannot be charged")
                continue
            rate = provider.charges_per_second
            takes = round(number / rate)
            seconds = max(seconds, takes)
            if takes > self.settings.deadline_hours * 3600:
                warnings.append(
                    f"{name}: {count(number, 'charge')} at {rate:g}/s would take {takes / 3600:.1f} h, "
                    f"more than the deadline of {self.settings.deadline_hours} h"
                )
        return seconds, (*warnings, *self.mail.warnings(sum(counts.values()), seconds))

    def _finished(self, close: Close, *, with_parked: bool) -> set[int]:
        """Number the batches that a round leaves out."""
        return {
            progress.batch.number
            for progress in self.closes.all_progress(close.period)
            if progress.finished and not (with_parked and progress.totals.parked)
        }

    def _unfinished(self, close: Close, done: Collection[int], chosen: Chosen | None) -> Iterator[Batch]:
        for batch in read_batches(self.documents, close.snapshot_key):
            if batch.number not in done and (chosen is None or self._is_left(close, batch, chosen.of(batch))):
                yield batch

    def _is_left(self, close: Close, batch: Batch, names: Collection[str]) -> bool:
        """Whether something is left to do for chosen customers of an unfinished batch: the others don't count."""
        if not names or close.round == close.first_round or not self.closes.progress(close.period, batch.number):
            return bool(names)
        return any(self.books.month(name, close.period).unsettled for name in names)

    def _count(self, batches: Iterator[Batch]) -> tuple[int, set[str]]:
        """Count batches, and name their providers."""
        number, providers = 0, set[str]()
        for number, batch in enumerate(batches, start=1):  # noqa: B007 - the last number is how many there are
            providers.add(batch.provider)
        return number, providers

    def _chosen(self, close: Close) -> Chosen | None:
        """Read which customers the run is limited to; None if it takes all."""
        return Chosen.from_lines(self.documents.lines(close.only)) if close.only else None

    def _with_missed(self, close: Close, chosen: Chosen) -> Close:
        """Give chosen customers who are in no batch batches of their own, behind the others."""
        missed = chosen.missed(read_batches(self.documents, close.snapshot_key))
        if not missed:
            return close
        added = list(more_batches(missed, close.batches, self.settings.max_batches))
        key = f"snapshots/{close.period}/run-{close.run}-with-missed.json"
        write_batches(
            self.documents, key, chain(read_batches(self.documents, close.snapshot_key), added), self.snapshots.queues
        )
        more = replace(
            close,
            snapshot_key=key,
            customers=close.customers + len(missed),
            batches=close.batches + len(added),
            providers=tuple(sorted({*close.providers, *missed.values()})) if close.providers else (),
        )
        return self.closes.put(more)
