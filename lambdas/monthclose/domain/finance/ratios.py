"""Ratios of a month's figures: days of sales outstanding, time to pay, and the collection rate by day. Exact."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.finance.aging import AGING
from monthclose.domain.finance.balances import BALANCES
from monthclose.domain.finance.cash import COLLECTED, INVOICED, PAID
from monthclose.domain.finance.figures import Figures
from monthclose.domain.period import Period


class Rate(NamedTuple):
    """What of a month's invoices was paid up to the end of a day."""

    day: str
    paid_minor: int
    share: Fraction


def days_of_sales_outstanding(figures: Figures, period: Period) -> Mapping[str, Fraction]:
    """Say for how many days of sales money is outstanding, by currency: open / billed in the month x its days.

    The usual formula: receivables over sales on credit, times days. Billed is with tax, as receivables are, and less
    credit notes. A currency in which nothing was billed has none.
    """
    open_minor, billed = dict[str, int](), dict[str, int]()
    for aged in figures.rows(AGING):
        open_minor[aged.currency] = open_minor.get(aged.currency, 0) + aged.open_minor
    for row in figures.rows(BALANCES):
        if row.account in (Account.REVENUE, Account.TAX):
            billed[row.currency] = billed.get(row.currency, 0) + row.credit_minor - row.debit_minor
    days = period.last_day.day
    return {
        currency: Fraction(open_minor.get(currency, 0) * days, minor)
        for currency, minor in sorted(billed.items())
        if minor > 0
    }


def days_to_pay(figures: Figures) -> Mapping[str, Fraction]:
    """Say how long what was paid in the month had been invoiced, weighted by amount, by currency."""
    return {row.currency: Fraction(row.minor_days, row.paid_minor) for row in figures.rows(PAID)}


def collection_rates(figures: Figures, currency: str) -> list[Rate]:
    """Say day by day what share of the month's invoices had been paid with money."""
    invoiced = sum(row.invoiced_minor for row in figures.rows(INVOICED) if row.currency == currency)
    paid, rates = 0, list[Rate]()
    by_day: dict[str, int] = {}
    for row in figures.rows(COLLECTED):
        if row.currency == currency:
            by_day[row.day] = by_day.get(row.day, 0) + row.paid_minor
    for day, minor in sorted(by_day.items()):
        paid += minor
        rates.append(Rate(day, paid, Fraction(paid, invoiced) if invoiced else Fraction(0)))
    return rates
