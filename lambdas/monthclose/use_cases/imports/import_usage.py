"""Import usage: store the events of known customers, and note which of them came late."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.cycles import period_on
from monthclose.domain.accounts.group import payer_for
from monthclose.domain.billing_window import period_at
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.imports.acceptance import UsageAcceptance, keys_of, successors_of
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
from monthclose.domain.period import Period
from monthclose.domain.usage import EventKey, UsageEvent
from monthclose.ports import Billed, Books, Clock, Closes, CustomerDirectory, PriceBooks, TaxTables, UsageStore
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.imports.check_billable import BillableCheck
from monthclose.use_cases.imports.check_rows import chunks, kept
from monthclose.use_cases.imports.trial_usage import TrialUsage

_LONGEST_CHUNK = timedelta(minutes=15)
"""Longest time from receiving a chunk's events until they are written."""
_MOST_CACHED = 20_000
"""Most customers that are cached: bounds the memory."""
UNKNOWN_CUSTOMER = "unknown customer"
OTHER_CURRENCY = "currency is not the customer's"
HORIZON = timedelta(days=20 * 366)
"""Older usage is rejected as a broken clock's, unless another horizon is set."""
_CLOCK_SKEW = timedelta(minutes=15)
"""Usage this far in the future is accepted: the meters' clocks differ from ours."""


class _Read(NamedTuple):
    """A row, and its event or the reason why it has none."""

    row: Row
    event: UsageEvent | None
    fault: str
    place: str
    """The id derived from its position."""
    currency: str
    """What its unit price is in, if it says so."""

    def why_not(self, known: Mapping[str, Billed]) -> str:
        """Say why it cannot be taken, whatever is stored."""
        if self.fault or not self.event:
            return self.fault
        customer = known.get(self.event.customer_id)
        if not customer:
            return UNKNOWN_CUSTOMER
        return OTHER_CURRENCY if self.currency not in ("", customer.profile.currency) else ""


@dataclass(frozen=True, slots=True)
class UsageImporter:
    """Imports usage."""

    directory: CustomerDirectory
    usage: UsageStore
    closes: Closes
    books: Books
    clock: Clock
    price_books: PriceBooks
    tax_tables: TaxTables
    horizon: timedelta = HORIZON
    calendar: BillingCalendar = IN_UTC
    trial: bool = False
    """Nothing is stored."""

    def on_trial(self) -> "UsageImporter":
        """Make an importer that says what an import would do, and stores nothing."""
        return replace(self, usage=TrialUsage(self.usage), trial=True)

    def load(self, rows: Iterable[Row], mapping: ColumnMapping, source: str, reject: Reject) -> Tally:
        """Import every row with usage of a known customer.

        Events have ids (their own, or derived from the file's name and the row's number), so importing the same file
        again, or the rest of it after an interruption, stores nothing twice. Memory does not grow with the file. Usage
        without a price or a tax rate is imported and counted: they may come later.

        Parameters
        ----------
        source : str
            Name of the file, without its folder.
        """
        tally, customers = Tally(), _Customers(self.directory)
        billable = BillableCheck(self.price_books, self.tax_tables, tally)
        for chunk in chunks(kept(rows, mapping, tally)):
            read = self._read(chunk, mapping, source)
            self._load_chunk(read, customers, billable, tally, reject)
        return tally

    def _read(self, rows: Sequence[Row], mapping: ColumnMapping, source: str) -> list[_Read]:
        now = self.clock()
        span = Span(now - self.horizon, now + _CLOCK_SKEW)
        read = []
        for row in rows:
            place = derived_event_id(source, row.number)
            event, fault = read_row(row, mapping, partial(read_usage, event_id=place, span=span))
            currency = mapping.currency_of(row.cells) if event and event.unit_price is not None else ""
            read.append(_Read(row, event, fault, place, currency))
        return read

    def _load_chunk(
        self, read: list[_Read], customers: "_Customers", billable: BillableCheck, tally: Tally, reject: Reject
    ) -> None:
        now = self.clock()
        known = customers.known({each.event.customer_id for each in read if each.event})
        reasons = [each.why_not(known) for each in read]
        stored = self._stored(
            [each.event for each, reason in zip(read, reasons, strict=True) if each.event and not reason]
        )
        acceptance = UsageAcceptance(stored, now)
        for each, why_not in zip(read, reasons, strict=True):
            event, reason = each.event, why_not
            if event and not reason:
                reason = acceptance.accept(event, id_from_position=event.event_id == each.place)
            if reason or not event:
                add_named(tally.rejected, reason)
                reject(each.row, reason)
            else:
                tally.taken += 1
                tally.groups[str(self.calendar.period(event.time))] += 1
                billable.check(event, known[event.customer_id].profile)
        corrections = sum(bool(event.replaces) for event in acceptance.came)
        tally.new += len(acceptance.came) - corrections
        tally.changed += corrections
        self._store(acceptance, stored, known, tally)

    def _stored(self, events: list[UsageEvent]) -> dict[EventKey, UsageEvent]:
        """Read the stored versions of events, of those that they replace, and of what has replaced those."""
        stored = self.usage.stored(keys_of(events))
        asked: set[EventKey] = set()
        while later := successors_of(stored) - asked:
            stored |= self.usage.stored(later)
            asked |= later  # one may be missing: an import broke off
        return stored

    def _store(
        self,
        acceptance: UsageAcceptance,
        stored: Mapping[EventKey, UsageEvent],
        known: Mapping[str, Billed],
        tally: Tally,
    ) -> None:
        """Write the events first, then check for closes: whichever comes first, one of the two sees an event.

        A close bills what was written before it opened. Later events are noted on the customer here and billed with
        their next month. Late events that were already stored are noted again, because an import may have broken off
        between writing and noting. Nothing is billed twice.
        """
        self.usage.put(acceptance.to_write.values())
        periods = {
            key: self._billed_with(event, known[event.customer_id])
            for key, event in (*acceptance.to_write.items(), *stored.items())
        }
        found = {period: self.closes.get(period) for period in set(periods.values())}
        since = {period: close.opened_at - _LONGEST_CHUNK for period, close in found.items() if close}
        if not since:
            return
        tally.late.update(str(periods[event.key]) for event in acceptance.came if periods[event.key] in since)
        late = [key for key in acceptance.to_write if periods[key] in since]
        late += [
            key
            for key, event in stored.items()
            if (at := since.get(periods[key])) is not None and _came_after(event, at)
        ]
        for customer_id, period in sorted({(key.customer_id, periods[key]) for key in late}):
            retry_conflicts(partial(self._note, customer_id, period))

    def _billed_with(self, event: UsageEvent, customer: Billed) -> Period:
        """Find the period that bills an event."""
        return period_at(customer.billing_cycles, event.time, self.calendar, customer.billing_zones)

    def _note(self, customer_id: str, period: Period) -> None:
        if self.trial:
            return
        customer = self.books.customer(customer_id)
        payer = payer_for(customer, period) if customer else ""
        if payer:  # whose invoice has billed the month
            customer = self.books.customer(payer)
        if customer:
            # A payer's billing day may have changed before those of its customers.
            days = (period.first_day, period.last_day) if payer else ()
            periods = {str(period_on(customer.billing_cycles, day)) for day in days} or {str(period)}
            noted = {**customer.late_usage, **dict.fromkeys(periods, self.clock().isoformat())}
            self.books.commit(replace(customer, late_usage=noted))


def _came_after(event: UsageEvent, time: datetime) -> bool:
    return any(at is not None and at > time for at in (event.received_at, event.replaced_at))


class _Customers:
    """Known customers, cached."""

    def __init__(self, directory: CustomerDirectory) -> None:
        self._directory = directory
        self._answers: dict[str, Billed | None] = {}

    def known(self, customer_ids: set[str]) -> dict[str, Billed]:
        if len(self._answers) > _MOST_CACHED:
            self._answers.clear()
        asked = customer_ids - self._answers.keys()
        found = self._directory.billed(asked) if asked else {}
        self._answers.update((customer_id, found.get(customer_id)) for customer_id in asked)
        return {customer_id: billed for customer_id in customer_ids if (billed := self._answers[customer_id])}
