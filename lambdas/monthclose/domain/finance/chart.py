"""The chart of accounts: which of the company's accounts each of the journal's accounts is posted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.errors import UserMistakeError

_GERMAN = ("receivable", "credit", "revenue", "tax", "clearing", "bank", "allowance", "breakage", "write_off")
CHARTS: Mapping[str, Mapping[str, str]] = {
    "": {},
    "skr03": dict(zip(_GERMAN, ["1410", "1700", "8200", "1770", "1360", "1200", "8700", "2700", "2400"], strict=True))
    | {"tax/DE/*/19": "1776", "tax/DE/*/7": "1771"},
    "skr04": dict(zip(_GERMAN, ["1210", "3500", "4200", "3800", "1460", "1800", "4700", "4830", "6930"], strict=True))
    | {"tax/DE/*/19": "3806", "tax/DE/*/7": "3801"},
}
"""Charts that are known, each a start that `accounts` completes: DATEV's standard charts SKR 03 and SKR 04.

They name accounts that take a posting without a customer's own account and that add no tax by themselves (not the
automatic 8400 or 4400): the journal posts the tax itself.
"""

ROOTS: Mapping[Account, str] = {
    Account.RECEIVABLE: "Assets",
    Account.CLEARING: "Assets",
    Account.BANK: "Assets",
    Account.CREDIT: "Liabilities",
    Account.TAX: "Liabilities",
    Account.REVENUE: "Income",
    Account.BREAKAGE: "Income",
    Account.ALLOWANCE: "Expenses",
    Account.WRITE_OFF: "Expenses",
}
"""What kind of account each is, in the words that most of the world's bookkeeping programs use."""


@dataclass(frozen=True, slots=True)
class DatevSettings:
    """What a file for DATEV says in its header.

    Parameters
    ----------
    consultant, client : int
        Numbers of the tax consultant and of the company at theirs; DATEV asks for them (1001 at least, and 1).
    account_length : int
        Digits of an account's number, 4 to 8.
    fiscal_year_month : int
        The month that the fiscal year begins with.
    """

    consultant: int = 1001
    client: int = 1
    account_length: int = 4
    fiscal_year_month: int = 1


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How the journal is written.

    Parameters
    ----------
    chart : str
        A chart of `CHARTS`; empty for none.
    accounts : mapping
        The company's accounts by the journal's, such as `revenue`, `revenue/DE`, `tax/*/19`, `clearing/stripe`: the
        most exact one counts. A star stands for any one part.

    Raises
    ------
    UserMistakeError
        The chart is not known, or an account is none of the journal's.
    """

    chart: str = ""
    accounts: Mapping[str, str] = field(default_factory=dict)
    datev: DatevSettings = field(default_factory=DatevSettings)

    def __post_init__(self) -> None:
        if self.chart not in CHARTS:
            known = ", ".join(filter(None, CHARTS))
            raise UserMistakeError(f"{self.chart!r} is not a chart of accounts that is known here: {known}")
        for pattern, number in self.accounts.items():
            if pattern.partition("/")[0] not in list(Account) or not number.strip():
                known = ", ".join(Account)
                raise UserMistakeError(f"{pattern!r} names no account of the journal; they begin with one of: {known}")

    def values(self) -> dict[str, object]:
        """Write them as JSON; what is at its default is left out."""
        given: dict[str, object] = {"chart": self.chart, "accounts": dict(self.accounts)}
        datev = asdict(self.datev) if self.datev != DatevSettings() else {}
        return {name: value for name, value in {**given, "datev": datev}.items() if value}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> JournalSettings:
        """Read them from JSON."""
        return cls(values.get("chart", ""), values.get("accounts", {}), DatevSettings(**values.get("datev", {})))

    def account(self, name: str) -> str:
        """Find the company's account for one of the journal's; its own name if none is given."""
        mapping = {**CHARTS[self.chart], **self.accounts}
        fitting = [pattern for pattern in mapping if _fits(pattern, name)]
        return mapping[max(fitting, key=_exactness)] if fitting else name


def _fits(pattern: str, name: str) -> bool:
    """Whether a pattern names an account, or one above it."""
    wanted, parts = pattern.split("/"), name.split("/")
    return len(wanted) <= len(parts) and all(
        w in ("*", part) or (place == 1 and part.startswith(f"{w}-"))
        for place, (w, part) in enumerate(zip(wanted, parts, strict=False))
    )


def _exactness(pattern: str) -> tuple[int, int]:
    """Order patterns that fit the same name: more parts, then fewer stars, then a region before its country."""
    parts = pattern.split("/")
    return len(parts), 10_000 * (len(parts) - parts.count("*")) + len(pattern)
