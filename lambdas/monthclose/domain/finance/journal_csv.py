"""The journal as generic CSV: what most bookkeeping programs import, one line for each account of a transaction."""

import csv
import io
from collections.abc import Iterable

from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.finance.transactions import Transaction
from monthclose.domain.money import Money
from monthclose.domain.spreadsheets import harmless

COLUMNS = (
    "number",
    "posting_date",
    "text",
    "account",
    "ledger_account",
    "currency",
    "debit",
    "credit",
    "debit_minor",
    "credit_minor",
)


def journal_csv(transactions: Iterable[Transaction], settings: JournalSettings) -> bytes:
    """Write the journal, amounts in major and in minor units; RFC 4180, UTF-8.

    Parameters
    ----------
    settings : JournalSettings
        Which of the company's accounts (`account`) our own are (`ledger_account`).
    """
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(COLUMNS)
    for transaction in transactions:
        for line in transaction.lines:
            out.writerow(
                (
                    transaction.number,
                    transaction.day.isoformat(),
                    transaction.text,
                    harmless(settings.account(line.account)),
                    harmless(line.account),
                    transaction.currency,
                    _major(line.debit_minor, transaction.currency),
                    _major(line.credit_minor, transaction.currency),
                    line.debit_minor,
                    line.credit_minor,
                )
            )
    return text.getvalue().encode()


def _major(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).major:f}" if minor else ""
