"""Note usage of months whose close has begun on its customer, for their next invoice."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from monthclose.domain.accounts.cycles import Cycles, period_on
from monthclose.domain.accounts.group import payer_for
from monthclose.domain.billing_window import PeriodFinder
from monthclose.domain.calendar import IN_UTC, BillingCalendar, Zones
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.ports import Billed, Books, Clock, Closes
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.imports.decide_usage import DecidedMonth

_LONGEST_CHUNK = timedelta(minutes=15)
"""Longest time from receiving a chunk's events until they are written."""

_INSTANT = timedelta.resolution


class _Touched(NamedTuple):
    """An event that was written now, or was stored before, and the period that bills it."""

    customer_id: str
    period: Period
    event: UsageEvent
    written: bool
    came: bool
    """Whether it is new: a row says it that nothing stored said."""


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Finds usage that came late, and notes it."""

    closes: Closes
    books: Books
    clock: Clock
    calendar: BillingCalendar = IN_UTC
    trial: bool = False
    """Nothing is noted."""

    def note(self, decided: Sequence[DecidedMonth], known: Mapping[str, Billed]) -> Counter[str]:
        """Check for closes once the events are written, and count those that came late by the period that bills them.

        Whichever comes first, the events or a close, one of the two sees the other. A close bills what was written
        before it opened. Later events are noted on the customer here and billed with their next month. Late events that
        were already stored are noted again, because an import may have broken off between writing and noting. Nothing
        is billed twice.
        """
        finders = _Finders(self.calendar)
        with_finder = [(month, finders.of(known[month.month.customer_id])) for month in decided]
        periods = {period for month, finder in with_finder for period in _periods_of(month, finder)}
        since = {period: close.opened_at - _LONGEST_CHUNK for period in periods if (close := self.closes.get(period))}
        if not since:
            return Counter()
        touched = (each for month, finder in with_finder for each in _touched(month, finder))
        late = [each for each in touched if each.period in since]
        again = {
            (each.customer_id, each.period)
            for each in late
            if each.written or _came_after(each.event, since[each.period])
        }
        for customer_id, period in sorted(again):
            retry_conflicts(partial(self._note, customer_id, period))
        return Counter(str(each.period) for each in late if each.came)

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


class _Finders:
    """Finds periods: most customers have the same billing days and time zones, and share a finder."""

    def __init__(self, calendar: BillingCalendar) -> None:
        self._calendar = calendar
        self._made: dict[tuple[Cycles, Zones], PeriodFinder] = {}

    def of(self, customer: Billed) -> PeriodFinder:
        key = (customer.billing_cycles, customer.billing_zones)
        found = self._made.get(key)
        if not found:
            found = self._made[key] = PeriodFinder(key[0], self._calendar, key[1])
        return found


def _periods_of(month: DecidedMonth, finder: PeriodFinder) -> set[Period]:
    """Find the periods that bill a calendar month's events: for most customers, all of it is billed with one."""
    first, last = finder.at(month.month.period.start), finder.at(month.month.period.end - _INSTANT)
    return {first} if first == last else {each.period for each in _touched(month, finder)}


def _touched(month: DecidedMonth, finder: PeriodFinder) -> Iterator[_Touched]:
    name, acceptance = month.month.customer_id, month.acceptance
    for events, written, came in (
        (acceptance.came, True, True),
        (acceptance.replaced, True, False),
        (month.stored.values(), False, False),
    ):
        for event in events:
            yield _Touched(name, finder.at(event.time), event, written, came)


def _came_after(event: UsageEvent, time: datetime) -> bool:
    return any(at is not None and at > time for at in (event.received_at, event.replaced_at))
