"""The ledger table on the report's page: what the month booked on each account, for the general ledger."""

from collections.abc import Mapping
from typing import Any

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.money import Money

_MEANINGS: Mapping[Account, str] = {
    Account.RECEIVABLE: "open on invoices",
    Account.CREDIT: "customers' credit: added, less used",
    Account.REVENUE: "invoiced excluding tax, less credit notes",
    Account.TAX: "tax owed to the authorities",
    Account.CLEARING: "collected by payment providers",
    Account.BANK: "received outside the providers",
    Account.ALLOWANCE: "credit granted, less what has expired",
    Account.BREAKAGE: "prepaid credit that expired",
    Account.WRITE_OFF: "written off or refunded",
}


def ledger_table(ledger: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Lay the sums out by account and currency, as amounts without their currency; empty accounts are left out.

    Parameters
    ----------
    ledger : mapping
        By currency and account, in minor units, debits positive.
    """
    currencies = sorted(currency for currency, sums in ledger.items() if any(sums.values()))
    rows = [
        {
            "account": account.value.replace("_", " ").capitalize(),
            "meaning": meaning,
            "amounts": [Money(ledger[currency].get(account, 0), currency).figures for currency in currencies],
        }
        for account, meaning in _MEANINGS.items()
        if any(ledger[currency].get(account) for currency in currencies)
    ]
    return {
        "currencies": currencies,
        "rows": rows,
        "sums": [Money(sum(ledger[currency].values()), currency).figures for currency in currencies],
    }
