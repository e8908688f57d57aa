"""The journal as text for beancount (https://beancount.github.io/docs/beancount_language_syntax.html).

A file opens its accounts by beancount's own plugin `auto_accounts`, and has no `open` of its own: an account may be
opened only once, and the files of several months are included in one. Of an included file the plugin is not run: the
file that includes it opens the accounts, or names the plugin.
"""

import re
from collections.abc import Iterable

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.finance.chart import ROOTS, JournalSettings
from monthclose.domain.finance.transactions import Transaction
from monthclose.domain.money import Money
from monthclose.domain.period import Period

_OWN = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+")


def journal_beancount(
    transactions: Iterable[Transaction], settings: JournalSettings, period: Period, *, final: bool
) -> str:
    """Write the journal.

    Parameters
    ----------
    final : bool
        Whether nothing can be posted in the month any more: its transactions are flagged `*`, else `!`.
    """
    lines = [
        f"; Journal of {period}: {'final' if final else 'provisional, invoices may still be added'}",
        'plugin "beancount.plugins.auto_accounts"',
    ]
    for transaction in transactions:
        flag = "*" if final else "!"
        lines += ["", f'{transaction.day} {flag} "{transaction.text}" "{transaction.number}"']
        for line in transaction.lines:
            amount = Money(line.debit_minor - line.credit_minor, transaction.currency)
            lines.append(f"  {account(line.account, settings)}  {amount.major:f} {amount.currency}")
    return "\n".join(lines) + "\n"


def account(name: str, settings: JournalSettings) -> str:
    """Write an account's name: `Assets:Receivable`, `Income:8200`, or as it is if the settings give one of beancount's.

    Examples
    --------
    >>> account("tax/CA-QC/QST/9.975", JournalSettings())
    'Liabilities:Tax:CA-QC:QST:9-975'
    """
    mapped = settings.account(name)
    if _OWN.fullmatch(mapped):
        return mapped
    parts = [mapped] if mapped != name else name.split("/")
    return ":".join([ROOTS[Account(name.partition("/")[0])], *map(_component, parts)])


def _component(part: str) -> str:
    """Write a part of a name as beancount allows it: a capital or a digit, then letters, digits and hyphens."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") or "X"
    return plain[0].upper() + plain[1:]
