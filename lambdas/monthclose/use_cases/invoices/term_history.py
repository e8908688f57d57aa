"""What the earlier months of a customer's terms have billed, read from their documents when it counts.

Only a customer who has a maximum or minimum by quarter or year has such terms. They cost one query for the customer's
months, and a read for each document of the term: at most eleven in a month's close, one after the other in memory.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.cycles import period_after
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, Terms
from monthclose.domain.pricing.earlier import EarlierMonths
from monthclose.ports import Books, Documents


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

        Documents of later months are read, too: they have adjusted those before.
        """
        first = terms.reaches_back_to
        if first == terms.period:
            return terms
        for period, month in self.months.items():
            if first <= period and period not in self._read:
                self._read.add(period)
                self._add_document(month)
        return replace(terms, earlier=self._earlier[terms.currency])

    def add(self, lines: Iterable[InvoiceLine], invoiced: Period, currency: str) -> None:
        """Add what the invoice that is drafted bills for an earlier month."""
        self._earlier[currency].add((line.content(invoiced) for line in lines), invoiced)

    def to_price_again(self, terms: Terms) -> list[str]:
        """Name the months after a draft's that have counted its month as it was: their close has been before it.

        The month after the last of them is among them, as it may be drafted already.
        """
        last = terms.reaches_on_to
        if last == terms.period:
            return []
        billed = [of for of, month in self.months.items() if of > terms.period and (month.invoice or month.carried)]
        found, following, cycles = list[str](), terms.period, self._customer.billing_cycles
        while billed and following < min(last, period_after(cycles, max(billed))):
            following = period_after(cycles, following)
            found.append(str(following))
        return found

    def _add_document(self, month: CustomerMonth) -> None:
        record = month.invoice or month.carried
        if record:
            place = record.document
            document: Draft = json.loads(self._documents.get_slice(place.key, place.offset, place.length))
            self._earlier[record.currency].add(document["lines"], Period.parse(document["period"]))
