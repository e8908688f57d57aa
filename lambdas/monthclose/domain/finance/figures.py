"""The figures of a month: everything that its report pack adds up, from one customer's books or from those of all.

Figures of two groups of customers add up to those of both (a monoid: `Figures()` is the figures of nobody), so they
are computed in any number of parts, in constant memory. Their size depends on the price book, the tax table and the
days of a month, not on the number of customers. All sums are whole minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monthclose.domain.finance import sums
from monthclose.domain.finance.aging import AGING, CREDIT, Bucket, OpenItem, aging_of, credit_of, open_items
from monthclose.domain.finance.balances import BALANCES, balances_of
from monthclose.domain.finance.cash import (
    CASH,
    COLLECTED,
    INVOICED,
    PAID,
    cash_of,
    collected_of,
    invoiced_of,
    paid_of,
)
from monthclose.domain.finance.customer import CustomerBooks
from monthclose.domain.finance.journal import JOURNAL, journal_rows, postings
from monthclose.domain.finance.named import NAMED, Named, NamedSum, Names, largest
from monthclose.domain.finance.payouts import PAYOUTS
from monthclose.domain.finance.recovery import CHARGES, RECOVERY, charges_of, recovery_of
from monthclose.domain.finance.revenue import REVENUE, RevenueLine, revenue_lines
from monthclose.domain.finance.sums import Sums, SumTable
from monthclose.domain.finance.taxes import TAXES, taxes_of
from monthclose.domain.finance.who import named_of
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Row, Value

TABLES: Mapping[str, SumTable[Any]] = {
    table.name: table
    for table in (
        *(AGING, CREDIT, REVENUE, TAXES, JOURNAL, BALANCES),
        *(CASH, PAYOUTS, COLLECTED, INVOICED, PAID, RECOVERY, CHARGES, NAMED),
    )
}


OF_THE_COMPANY = frozenset(table.name for table in (REVENUE, TAXES, JOURNAL, BALANCES, CASH, PAYOUTS, PAID))
"""What a calendar month has of all customers, whatever their billing day; no other period has it, so that nothing is
in two journals."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a month, of some customers or of all.

    Parameters
    ----------
    sums : mapping
        By table (`TABLES`). Read them with `rows`.
    names : mapping
        The customers who are named, by reason and currency, the largest first.
    skus : mapping
        What each SKU is called: of several texts the first in the alphabet.

    Examples
    --------
    >>> Figures().rows(AGING)
    []
    """

    sums: Mapping[str, Sums] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    skus: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Figures) -> Figures:
        return added_up((self, other))

    def rows[R: tuple[Any, ...]](self, table: SumTable[R]) -> list[R]:
        """Read a table, ordered by its keys."""
        return table.rows(self.sums.get(table.name, {}))

    def content(self) -> dict[str, Any]:
        """Put them into JSON."""
        return {
            "sums": {name: sums.content(found) for name, found in sorted(self.sums.items())},
            "names": [list(one) for group in self.names.values() for one in group],
            "skus": dict(sorted(self.skus.items())),
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Figures:
        """Read them from JSON; tables that this release doesn't know are left out."""
        known = {name: rows for name, rows in content["sums"].items() if name in TABLES}
        return cls(
            {name: sums.from_content(rows, TABLES[name].keys) for name, rows in known.items()},
            largest(Named(*one) for one in content["names"]),
            content["skus"],
        )


def added_up(many: Iterable[Figures]) -> Figures:
    """Add up any number of figures, one after the other, in the memory of their sum."""
    totals: dict[str, dict[sums.Key, sums.Values]] = {}
    names, skus = list[Named](), dict[str, str]()
    for figures in many:
        for table, found in figures.sums.items():
            sums.add_to(totals.setdefault(table, {}), found)
        names += (one for group in figures.names.values() for one in group)
        if len(names) > _NAMES_AT_ONCE:
            names = _flat(largest(names))
        for sku, text in figures.skus.items():
            skus[sku] = min(text, skus.get(sku, text))
    left = {table: sums.without_nothing(found) for table, found in totals.items()}
    return Figures({table: found for table, found in left.items() if found}, largest(names), skus)


_NAMES_AT_ONCE = 2_000


def _flat(names: Names) -> list[Named]:
    return [one for group in names.values() for one in group]


def figures_of(books: CustomerBooks, period: Period, at: datetime) -> Figures:
    """Compute one customer's figures of a month, as they were at a time."""
    items, lines = open_items(books, at), list(revenue_lines(books, period, at))
    named = list(named_of(books, items, period, at))
    tables: dict[str, Sums] = {
        AGING.name: AGING.sums(aging_of(items, at.date())),
        CREDIT.name: CREDIT.sums(credit_of(books, at)),
        REVENUE.name: REVENUE.sums(line.of for line in lines),
        TAXES.name: TAXES.sums(taxes_of(books, period, at)),
        JOURNAL.name: JOURNAL.sums(postings(books, period, at)),
        BALANCES.name: BALANCES.sums(balances_of(books, period, at)),
        CASH.name: CASH.sums(cash_of(books, period, at)),
        COLLECTED.name: COLLECTED.sums(collected_of(books, period, at)),
        INVOICED.name: INVOICED.sums(invoiced_of(books, period, at)),
        PAID.name: PAID.sums(paid_of(books, period, at)),
        RECOVERY.name: RECOVERY.sums(recovery_of(books, period, at)),
        CHARGES.name: CHARGES.sums(charges_of(books, period, at)),
        NAMED.name: NAMED.sums(NamedSum(one.why, one.currency, 1, one.minor) for one in named),
    }
    kept = {name: found for name, found in tables.items() if found and (period.day == 1 or name not in OF_THE_COMPANY)}
    return Figures(kept, largest(named), _called(lines))


def _called(lines: Iterable[RevenueLine]) -> dict[str, str]:
    called: dict[str, str] = {}
    for line in lines:
        if line.of.sku:
            called[line.of.sku] = min(line.description, called.get(line.of.sku, line.description))
    return called


def rows_of(books: CustomerBooks, period: Period, at: datetime) -> dict[str, list[Row]]:
    """Make one customer's rows of a month's tables (`register.tables.FIGURES`). What has nothing to say has none."""
    items = open_items(books, at)
    owed = {
        "aging": _aging_rows(books, items, at),
        "open_items": [_of_customer(books, **item.row(at.date())) for item in items],
    }
    if period.day != 1:
        return owed
    return owed | {
        "revenue": _revenue_rows(books, period, at),
        "journal": list(journal_rows(books, period, at)),
    }


def _of_customer(books: CustomerBooks, **row: Value) -> Row:
    return {"customer_id": books.customer_id, "name": books.name, **row}


def _aging_rows(books: CustomerBooks, items: list[OpenItem], at: datetime) -> list[Row]:
    credit = {row.currency: row.credit_minor for row in credit_of(books, at)}
    rows = []
    for currency in sorted({item.currency for item in items} | set(credit)):
        theirs = [item for item in items if item.currency == currency]
        buckets = {row.bucket: row.open_minor for row in aging_of(theirs, at.date())}
        sums = {f"{_COLUMN_BY_BUCKET[bucket]}_minor": buckets.get(bucket, 0) for bucket in Bucket}
        oldest = min((item.due_on for item in theirs), default=None)
        rows.append(
            _of_customer(
                books,
                currency=currency,
                **sums,
                open_minor=sum(buckets.values()),
                credit_minor=credit.get(currency, 0),
                oldest_due_on=oldest.isoformat() if oldest else None,
            )
        )
    return rows


_COLUMN_BY_BUCKET = {
    Bucket.NOT_DUE: "not_due",
    Bucket.DAYS_1_30: "days_1_30",
    Bucket.DAYS_31_60: "days_31_60",
    Bucket.DAYS_61_90: "days_61_90",
    Bucket.OVER_90: "over_90",
}


def _revenue_rows(books: CustomerBooks, period: Period, at: datetime) -> list[Row]:
    lines = list(revenue_lines(books, period, at))
    called = _called(lines)
    return [
        _of_customer(
            books,
            posted_in=str(period),
            service_month=row.service_month,
            currency=row.currency,
            document=row.document,
            kind=row.kind,
            sku=row.sku,
            description=called.get(row.sku, ""),
            net_minor=row.net_minor,
        )
        for row in REVENUE.rows(REVENUE.sums(line.of for line in lines))
    ]
