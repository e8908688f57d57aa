"""Import usage: store the events of known customers, and note which of them came late."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from monthclose.domain.billing_window import PeriodFinder
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import (
    Reject,
    Row,
    Span,
    Tally,
    add_named,
    derived_event_id,
    read_row,
    read_usage,
)
from monthclose.ports import (
    Billed,
    Books,
    Clock,
    Closes,
    CustomerDirectory,
    PriceBooks,
    TaxTables,
    TimeIsUp,
    UsageStore,
)
from monthclose.use_cases.imports.check_billable import BillableCheck
from monthclose.use_cases.imports.check_rows import CustomerRows, customer_chunks, kept
from monthclose.use_cases.imports.decide_usage import DecidedMonth, UsageDecider, UsageRow
from monthclose.use_cases.imports.import_pace import ImportPace
from monthclose.use_cases.imports.in_order import in_order
from monthclose.use_cases.imports.known_customers import KnownCustomers
from monthclose.use_cases.imports.late_usage import LateUsage
from monthclose.use_cases.imports.trial_usage import TrialUsage

AT_ONCE = 4
"""Chunks that are looked up and stored at a time, while the next one is read."""
UNKNOWN_CUSTOMER = "unknown customer"
OTHER_CURRENCY = "currency is not the customer's"
HORIZON = timedelta(days=20 * 366)
"""Older usage is rejected as a broken clock's, unless another horizon is set."""
_CLOCK_SKEW = timedelta(minutes=15)
"""Usage this far in the future is accepted: the meters' clocks differ from ours."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows that were read.

    Parameters
    ----------
    faults : sequence
        The rows that cannot be taken whatever is stored, and why.
    currencies : mapping
        What the unit price of a row is in, by the row's number, where it says so.
    """

    rows: Sequence[UsageRow]
    faults: Sequence[tuple[Row, str]]
    currencies: Mapping[int, str]


class _Taken(NamedTuple):
    """What came of a chunk: the tally of its rows, and the rejected ones in order."""

    tally: Tally
    rejected: Sequence[tuple[Row, str]]


@dataclass(frozen=True, slots=True)
class UsageImporter:
    """Imports usage.

    Parameters
    ----------
    executor : callable
        Returns the threads in which chunks are stored while the next one is read.
    pace : ImportPace
        How fast rows are imported while a close runs; a trial does not wait.
    trial : bool
        Nothing is stored.
    """

    directory: CustomerDirectory
    usage: UsageStore
    closes: Closes
    books: Books
    clock: Clock
    price_books: PriceBooks
    tax_tables: TaxTables
    executor: Callable[[], Executor]
    pace: ImportPace
    horizon: timedelta = HORIZON
    calendar: BillingCalendar = IN_UTC
    trial: bool = False

    def on_trial(self) -> "UsageImporter":
        """Make an importer that says what an import would do, and stores nothing."""
        return replace(self, usage=TrialUsage(self.usage), trial=True)

    def load(
        self,
        rows: Iterable[Row],
        mapping: ColumnMapping,
        source: str,
        reject: Reject,
        time_is_up: TimeIsUp = lambda: False,
    ) -> Tally:
        """Import every row with usage of a known customer.

        Events have ids (their own, or derived from the file's name and the row's number), so importing the same file
        again, or the rest of it after an interruption, stores nothing twice. Memory does not grow with the file. Usage
        without a price or a tax rate is imported and counted: they may come later.

        Parameters
        ----------
        rows : iterable of Row
            The rows of a customer follow each other in the file's order. The nearer they are to each other, the fewer
            requests they take: what is stored together is a customer's month.
        source : str
            Name of the file, without its folder.
        time_is_up : callable
            Whether it must not wait any longer for the sake of a close that runs.
        """
        return self.of_file(mapping, source).load(rows, reject, time_is_up)

    def of_file(self, mapping: ColumnMapping, source: str) -> "FileImport":
        """Begin the import of a file that comes in parts; see `load`."""
        return FileImport(self, mapping, source)


class FileImport:
    """The import of one file: what it has found out about customers and prices serves all of its parts."""

    def __init__(self, importer: UsageImporter, mapping: ColumnMapping, source: str) -> None:
        self._importer, self._mapping, self._source = importer, mapping, source
        self._customers = KnownCustomers(importer.directory)
        self._billable = BillableCheck(importer.price_books, importer.tax_tables)
        self._decider = UsageDecider(importer.usage, importer.clock)
        self._late = LateUsage(importer.closes, importer.books, importer.clock, importer.calendar, importer.trial)

    def load(self, rows: Iterable[Row], reject: Reject, time_is_up: TimeIsUp = lambda: False) -> Tally:
        """Import rows; see `UsageImporter.load`."""
        tally, importer = Tally(), self._importer
        chunks = customer_chunks(kept(rows, self._mapping, tally), self._mapping)
        paced = chunks if importer.trial else self._paced(chunks, time_is_up)
        jobs = ((chunk.customers, partial(self._take, chunk.rows)) for chunk in paced)
        for taken in in_order(importer.executor(), 1 if importer.trial else AT_ONCE, jobs):
            tally.add(taken.tally)
            for row, reason in taken.rejected:
                reject(row, reason)
        return tally

    def _paced(self, chunks: Iterable[CustomerRows], time_is_up: TimeIsUp) -> Iterator[CustomerRows]:
        for chunk in chunks:
            self._importer.pace.wait(len(chunk.rows), time_is_up)
            yield chunk

    def _read(self, rows: Sequence[Row], now: datetime) -> _Chunk:
        mapping = self._mapping
        span = Span(now - self._importer.horizon, now + _CLOCK_SKEW)
        read, faults, currencies = list[UsageRow](), list[tuple[Row, str]](), dict[int, str]()
        for row in rows:
            place = derived_event_id(self._source, row.number)
            event, fault = read_row(row, mapping, partial(read_usage, event_id=place, span=span, received_at=now))
            if event is None:
                faults.append((row, fault))
                continue
            read.append(UsageRow(row, event, event.event_id == place))
            if event.unit_price is not None and (currency := mapping.currency_of(row.cells)):
                currencies[row.number] = currency
        return _Chunk(read, faults, currencies)

    def _take(self, rows: Sequence[Row]) -> _Taken:
        """Read some rows, and store what is new; several threads do so at once, each the rows of other customers."""
        now = self._importer.clock()
        chunk = self._read(rows, now)
        known = self._customers.find({each.event.customer_id for each in chunk.rows})
        rejected, months = list(chunk.faults), defaultdict[tuple[str, int, int], list[UsageRow]](list)
        for each in chunk.rows:
            customer = known.get(each.event.customer_id)
            currency = chunk.currencies.get(each.row.number, "")
            if customer and currency in ("", customer.profile.currency):
                time = each.event.time
                months[each.event.customer_id, time.year, time.month].append(each)
            else:
                rejected.append((each.row, OTHER_CURRENCY if customer else UNKNOWN_CUSTOMER))
        decided = self._decider.decide({some[0].event.key.month: some for some in months.values()}, now)
        tally = self._tally(decided, known, rejected)
        tally.late.update(self._late.note(decided, known))
        rejected.sort(key=lambda found: found[0].number)
        for _, reason in rejected:
            add_named(tally.rejected, reason)
        return _Taken(tally, rejected)

    def _tally(
        self, decided: Sequence[DecidedMonth], known: Mapping[str, Billed], rejected: list[tuple[Row, str]]
    ) -> Tally:
        tally, finder = Tally(), PeriodFinder(calendar=self._importer.calendar)
        period, name = None, ""
        for month in decided:
            profile = known[month.month.customer_id].profile
            for each, reason in zip(month.rows, month.reasons, strict=True):
                if reason:
                    rejected.append((each.row, reason))
                    continue
                tally.taken += 1
                if period is not (period := finder.at(each.event.time)):
                    name = str(period)
                tally.groups[name] += 1
                self._billable.check(each.event, profile, tally)
            corrections = sum(bool(event.replaces) for event in month.acceptance.came)
            tally.new += len(month.acceptance.came) - corrections
            tally.changed += corrections
        return tally
