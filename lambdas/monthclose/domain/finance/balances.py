"""Balances of the ledger's accounts: what they had before a month, and what was posted in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.posting import is_posted_in, posting_day
from monthclose.domain.finance.customer import CustomerBooks
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.period import Period


class BalanceSum(NamedTuple):
    """An account in one currency; minor units, debits positive.

    Parameters
    ----------
    opening_minor : int
        Of all that was posted before the month.
    debit_minor, credit_minor : int
        Posted in it; neither is negative.
    """

    account: str
    currency: str
    opening_minor: int
    debit_minor: int
    credit_minor: int

    @property
    def closing_minor(self) -> int:
        """What it has at the end of the month."""
        return self.opening_minor + self.debit_minor - self.credit_minor


BALANCES = SumTable("balances", BalanceSum, 2)


def balances_of(books: CustomerBooks, period: Period, at: datetime) -> Iterator[BalanceSum]:
    """List what a customer's entries add to the accounts, of those that were booked until a time."""
    for entry in books.entries_until(at):
        for leg in entry.legs:
            if is_posted_in(entry, period):
                debit, credit = max(leg.minor, 0), max(-leg.minor, 0)
                yield BalanceSum(leg.account, entry.currency, 0, debit, credit)
            elif posting_day(entry) < period.first_day:
                yield BalanceSum(leg.account, entry.currency, leg.minor, 0, 0)
