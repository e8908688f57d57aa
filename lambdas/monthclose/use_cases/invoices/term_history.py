"""What the earlier months of a customer's terms have billed, read from their documents when it counts.

Only a customer who has a maximum or minimum by quarter or year has such terms. They cost one query for the customer's
months, and a read for each document of the term: at most eleven in a month's close, or twelve with fees in advance, one
after the other in memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.cycles import period_after, period_before
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, Terms
from monthclose.domain.pricing.deductions.earlier import EarlierMonths
from monthclose.ports import Books, Documents
from monthclose.use_cases.stored_documents import read_document


class TermHistory:
    """One customer's earlier months, while one invoice is drafted: what it bills for them is added as it is made."""

    def __init__(self, books: Books, documents: Documents, customer: Customer) -> None:
        self._books, self._documents, self._customer = books, documents, customer
        self._earlier: defaultdict[str, EarlierMonths] = defaultdict(EarlierMonths)
        """By currency."""
        self._read: set[Period] = set()

    @cached_property
    def months(self) -> Mapping[Period, CustomerMonth]:
        """All of the customer's months."""
        return self._books.months(self._customer.customer_id)

    def known_to(self, terms: Terms) -> Terms:
        """Give terms what the months before theirs have billed, as far as it counts for them.

        Documents of later months are read, too: they have adjusted those before. So is that of the month before the
        first one, if it may have billed the first one's fees in advance.
        """
        first, cycles = terms.reaches_back_to, self._customer.billing_cycles
        if first is None or (first == terms.period and len(cycles) == 1):
            return terms
        since = period_before(cycles, first) if self._customer.fees_ahead else first
        for period, month in self.months.items():
            if since.calendar_month <= period and period not in self._read:
                self._read.add(period)
                self._add_document(month)
        return replace(terms, earlier=self._earlier[terms.currency])

    def add(self, lines: Iterable[InvoiceLine], invoiced: Period, currency: str) -> None:
        """Add what the invoice that is drafted bills for an earlier month."""
        self._earlier[currency].add((line.content(invoiced) for line in lines), invoiced)

    def after(self, terms: Terms) -> list[Period]:
        """List the months after one, in its terms: what it comes to counts for them.

        A term of the newest price book counts, too: it may have begun before that book was imported.
        """
        books = (terms.book, *terms.later[-1:])
        last = max(replace(terms, book=book).reaches_on_to for book in books).calendar_month
        found, following = list[Period](), terms.period
        while (following := period_after(self._customer.billing_cycles, following)).calendar_month <= last:
            found.append(following)
        return found

    def to_price_again(self, terms: Terms) -> list[str]:
        """Name the months after a draft's that have counted its month as it was: their close has been before it.

        The month after the last of them is among them, as it may be drafted already.
        """
        following = self.after(terms)
        billed = [of for of in following if (month := self.months.get(of)) and (month.invoice or month.carried)]
        until = period_after(self._customer.billing_cycles, max(billed)) if billed else terms.period
        return [str(of) for of in following if of <= until]

    def _add_document(self, month: CustomerMonth) -> None:
        record = month.invoice or month.carried
        if record:
            document = read_document(self._documents, record.document)
            self._earlier[record.currency].add(document["lines"], Period.parse(document["period"]))
