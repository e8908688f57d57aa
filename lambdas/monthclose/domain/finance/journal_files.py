"""The files that a month's journal is handed over in."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.posting import books_end
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.beancount import journal_beancount
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.finance.datev import journal_datev
from monthclose.domain.finance.journal import Posting
from monthclose.domain.finance.journal_csv import journal_csv
from monthclose.domain.finance.transactions import transactions
from monthclose.domain.period import Period


class JournalFile(NamedTuple):
    """A file, or why there is none.

    Parameters
    ----------
    missing : str
        Why it could not be written, for a person; empty if it was.
    """

    name: str
    content: bytes
    missing: str = ""


def journal_files(
    postings: Iterable[Posting], period: Period, at: datetime, settings: JournalSettings
) -> list[JournalFile]:
    """Write a month's journal in every form: generic CSV, beancount, and a file for DATEV in each currency.

    Parameters
    ----------
    postings : iterable of Posting
        The table `JOURNAL` of the month's figures, which were made at the time `at`.
    """
    found = transactions(postings, period)
    beancount = journal_beancount(found, settings, period, final=is_final(period, at))
    files = [
        JournalFile("journal.csv", journal_csv(found, settings)),
        JournalFile("journal.beancount", beancount.encode()),
    ]
    for currency in sorted({transaction.currency for transaction in found}):
        name = f"EXTF_journal_{currency}.csv"  # DATEV's programs offer files whose names begin so
        try:
            files.append(JournalFile(name, journal_datev(found, settings, period, currency, at)))
        except UserMistakeError as error:
            files.append(JournalFile(name, b"", str(error)))
    return files


def is_final(period: Period, at: datetime) -> bool:
    """Whether nothing that is booked later can be posted in a month any more."""
    return at >= books_end(period)
