"""The sizes that a customer's months begin with: read from the documents of the months before, and kept in new ones.

A customer without such sizes costs no request more. One with them costs two, for the document of the month that
`Customer.sized_in` names; and the usage of the months since, if those had no document (they were parked). A month with
sizes that comes to nothing has one, too.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.cycles import Cycles, period_after, period_before
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.served import placed
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, Terms, rate
from monthclose.domain.pricing.metering.sizes import Continuing, SizeContent, Sizes, read_sizes, sizes_content
from monthclose.domain.usage import AsOf, UsageEvent
from monthclose.ports import Closes, UsageStore
from monthclose.use_cases.invoices.term_history import TermHistory
from monthclose.use_cases.usage_within import usage_within

_MOST_MONTHS = 24
"""How many months without a document are bridged by their usage."""


@dataclass(slots=True)
class CarriedSizes:
    """The sizes of one customer, while an invoice is drafted.

    Parameters
    ----------
    documents : callable
        Reads the documents of months, those that have one.
    watermark : datetime
        Usage received until then counts.
    history : TermHistory
        The customer's months.
    again : bool
        Whether months are priced that were billed before: documents of later ones may say other sizes of them.
    """

    customer: Customer
    usage: UsageStore
    documents: Callable[[Iterable[CustomerMonth]], list[Draft]]
    watermark: datetime
    history: TermHistory
    again: bool = False
    calendar: BillingCalendar = IN_UTC
    _ends: dict[Period, Sizes] = field(default_factory=dict)
    """The sizes at the end of months that were priced here."""
    _read: dict[Period, list[Draft]] = field(default_factory=dict)

    def rate(self, events: Iterable[UsageEvent], terms: Terms) -> list[InvoiceLine]:
        """Price a month, beginning with the sizes at the end of the month before (see `rating.rate`)."""
        if not terms.book.carried:
            return rate(events, terms)
        continuing = Continuing(self._at_end(period_before(self._cycles, terms.period), terms), terms)
        lines = rate(continuing.passing(events), terms, continuing.opened())
        self._ends[terms.period] = continuing.closing()
        return lines

    def changed(self, month: Period) -> bool:
        """Whether a month that was priced here ends with other sizes than the documents say."""
        return month in self._ends and self._ends[month] != (self._said(month) or {})

    def to_price_again(self, period: Period, closes: Closes) -> list[str]:
        """Name the month after one, if its close has begun with other sizes than that one ends with."""
        following = period_after(self._cycles, period)
        began = bool(self.content()) and closes.get(following) is not None
        return [str(following)] if began and self.changed(period) else []

    def content(self) -> dict[str, list[SizeContent]]:
        """The sizes at the end of the months that were priced here, for the document; nothing if all are empty."""
        if not any(self._ends.values()) and not self.customer.sized_in:
            return {}
        return {str(month): sizes_content(sizes) for month, sizes in sorted(self._ends.items())}

    @property
    def _cycles(self) -> Cycles:
        return self.customer.billing_cycles

    def _at_end(self, month: Period, terms: Terms) -> Sizes:
        if month in self._ends:
            return self._ends[month]
        newest = Period.parse(self.customer.sized_in) if self.customer.sized_in else None
        if not self.again and newest is None:
            return {}
        if not self.again and newest and newest <= month:  # no later document can say more
            record = self.history.months.get(newest)
            said = _sizes_in(self.documents([record]), newest) if record else None
            since, found = self._last_said(newest) if said is None else (newest, said)
        else:
            since, found = self._last_said(month)
        return self._followed(found, since, month, terms)

    def _last_said(self, month: Period) -> tuple[Period, Sizes]:
        """Find the last month up to one whose sizes documents say."""
        at = month
        for _ in range(_MOST_MONTHS if self.customer.sized_in else 1):
            said = self._ends[at] if at in self._ends else self._said(at)
            if said is not None:
                return at, said
            at = period_before(self._cycles, at)
        return month, {}

    def _said(self, month: Period) -> Sizes | None:
        """What documents say of a month's end: its own, or a later one that has priced it again."""
        for of, record in self.history.months.items():
            if of >= month and of not in self._read:
                self._read[of] = self.documents([record])
        return _sizes_in([document for of, some in self._read.items() if of >= month for document in some], month)

    def _followed(self, sizes: Sizes, since: Period, month: Period, terms: Terms) -> Sizes:
        """Follow sizes through the months after one, which no document says anything of."""
        while since < month:
            since = period_after(self._cycles, since)
            of_month = placed(terms, self.customer, since, self.calendar)
            continuing = Continuing(sizes, of_month)
            events = AsOf(usage_within(self.usage, self.customer.customer_id, of_month.window), self.watermark)
            deque(continuing.passing(events), maxlen=0)
            sizes = continuing.closing()
        return sizes


def _sizes_in(documents: Iterable[Draft], month: Period) -> Sizes | None:
    """What the newest of some documents that says anything of a month's end says; None: none does."""
    saying = [document for document in documents if str(month) in document.get("sizes", {})]
    newest = max(saying, key=lambda document: document.get("usage_until", ""), default=None)
    return read_sizes(newest["sizes"][str(month)]) if newest else None
