"""The ledger: double entry. An entry is a balanced set of legs and never changes.

A leg's amount is a debit when positive and a credit when negative. The customer's balance (what they owe now)
is the sum of the legs on RECEIVABLE and CREDIT: what they owe less what we owe them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.period import Period


class Account(StrEnum):
    """The accounts a leg can be on."""

    RECEIVABLE = "receivable"
    """Owed by the customer on open invoices."""
    CREDIT = "credit"
    """Owed to the customer: credit not yet used."""
    REVENUE = "revenue"
    TAX = "tax"
    CLEARING = "clearing"
    """Collected by the payment provider, on its way to our bank."""
    BANK = "bank"
    """Received outside the payment providers (a bank transfer)."""
    ALLOWANCE = "allowance"
    """Credit that we granted: what it costs us."""
    BREAKAGE = "breakage"
    """Credit that was paid for and expired: ours to keep."""
    WRITE_OFF = "write_off"
    """Given up, or refunded."""


class UnbalancedEntryError(ValueError):
    """The legs of an entry do not add up to zero, or there are none."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an entry; `minor` in minor units, debit positive."""

    account: Account
    minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced set of legs about one customer's invoice.

    Parameters
    ----------
    entry_id : str
        Says what it books (`invoice`, `payment/1`); unique within the customer's period, so that booking
        the same thing twice is refused by the store.
    period : Period
        The period of the invoice that the entry is about.
    day : date or None
        The company's day that it was booked on, where that is not UTC's. The store notes it as the entry is committed,
        so that no later setting moves it.
    """

    entry_id: str
    customer_id: str
    period: Period
    currency: str
    time: datetime
    legs: tuple[Leg, ...]
    memo: str = ""
    day: date | None = None

    @property
    def booked_on(self) -> date:
        """The day that it was booked on, by the company's time zone of then."""
        return self.day or self.time.astimezone(UTC).date()

    def dated(self, calendar: BillingCalendar) -> Entry:
        """Note the company's day."""
        day = calendar.day(self.time)
        return self if self.day or day == self.booked_on else replace(self, day=day)

    def __post_init__(self) -> None:
        if not self.legs or sum(leg.minor for leg in self.legs) != 0:
            raise UnbalancedEntryError(f"the legs of entry {self.entry_id} do not balance: {self.legs}")


def used_id(of: str) -> str:
    """Make the id of the entry, in its own month, of credit that covers an open invoice; `of` is the credit's entry."""
    return f"used/{of}"


def entry_legs(amounts: dict[Account, int]) -> tuple[Leg, ...]:
    """Make legs of amounts by account, leaving out the zeros."""
    return tuple(Leg(account, minor) for account, minor in amounts.items() if minor)


def sums_by_account(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """Sum the legs by currency and account, in minor units."""
    sums: dict[str, Counter[str]] = {}
    for entry in entries:
        by_account = sums.setdefault(entry.currency, Counter())
        for leg in entry.legs:
            by_account[leg.account] += leg.minor
    return {currency: dict(by_account) for currency, by_account in sums.items()}
