"""Months as they were last seen: what a call has read and written itself, it need not read again to sum it up."""

from collections.abc import Iterable, Mapping

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.ports import Books, Record


class SeenMonths:
    """`Books` around others, for one call of a function: it remembers each month as it is after its last read or write.

    Any number of threads may use it, but for one customer one at a time. Nothing is decided on what it remembers: a
    read is a read.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._seen: dict[tuple[str, Period], CustomerMonth] = {}

    def customer(self, customer_id: str) -> Customer | None:
        """Read a customer's account."""
        return self._books.customer(customer_id)

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        """Read accounts."""
        return self._books.customers(customer_ids)

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        """Read a month, and remember it."""
        month = self._books.month(customer_id, period)
        self._seen[customer_id, period] = month
        return month

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        """Read all months."""
        return self._books.months(customer_id)

    def commit(self, *records: Record) -> tuple[Record, ...]:
        """Write records; the months that they are in are remembered as they are then, or forgotten if that failed."""
        of_months = [record for record in records if not isinstance(record, Customer)]
        before = {key: self._seen.pop(key, None) for key in {(one.customer_id, one.period) for one in of_months}}
        written = self._books.commit(*records)
        for key, month in before.items():
            if month is not None:
                of_month = (one for one in written if not isinstance(one, Customer))
                self._seen[key] = month.after(*(one for one in of_month if (one.customer_id, one.period) == key))
        return written

    def seen(self, customer_ids: Iterable[str], period: Period) -> dict[str, CustomerMonth]:
        """Return months as they were last seen; one that was not seen, or whose last write failed, is read."""
        return {name: self._seen.get((name, period)) or self.month(name, period) for name in customer_ids}
