"""Do a month's figures tie with each other? Each pair comes from other records: documents, payments, the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.finance.balances import BALANCES
from monthclose.domain.finance.cash import CASH
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.journal import JOURNAL
from monthclose.domain.finance.revenue import REVENUE
from monthclose.domain.finance.taxes import TAXES


class Difference(NamedTuple):
    """Two figures that should be the same, in minor units; `ledger_minor` is what the ledger has."""

    figure: str
    currency: str
    minor: int
    ledger_minor: int


def differences(figures: Figures) -> list[Difference]:
    """List the figures that do not tie with the ledger; empty if all do."""
    return [found for found in _compared(figures) if found.minor != found.ledger_minor]


def _compared(figures: Figures) -> Iterator[Difference]:
    posted = {(row.account, row.currency): row.debit_minor - row.credit_minor for row in figures.rows(BALANCES)}
    revenue, taxes, cash, journal = Counter[str](), Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for sold in figures.rows(REVENUE):
        revenue[sold.currency] -= sold.net_minor
    for tax in figures.rows(TAXES):
        taxes[tax.currency] -= tax.tax_minor
    for moved in figures.rows(CASH):
        cash[moved.currency] += moved.collected_minor - moved.returned_minor
    for pair in figures.rows(JOURNAL):
        journal[pair.debit.partition("/")[0], pair.currency] += pair.minor
        journal[pair.credit.partition("/")[0], pair.currency] -= pair.minor
    for currency in sorted({currency for _, currency in posted} | {*revenue, *taxes, *cash}):
        yield Difference("revenue", currency, revenue[currency], posted.get((Account.REVENUE, currency), 0))
        yield Difference("taxes", currency, taxes[currency], posted.get((Account.TAX, currency), 0))
        ours = sum(posted.get((account, currency), 0) for account in (Account.CLEARING, Account.BANK))
        yield Difference("cash", currency, cash[currency], ours)
    for account, currency in sorted({*posted, *journal}):
        yield Difference(
            f"journal, {account}", currency, journal[account, currency], posted.get((account, currency), 0)
        )
