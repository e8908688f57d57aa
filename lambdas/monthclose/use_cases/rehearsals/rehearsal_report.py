"""What a rehearsal has found, entry by entry, as its JSON has it and as the page and the command read it.

The keys never change. Amounts are in minor units, times in ISO 8601. It is of bounded size, whatever the number of
customers: the rest is in the file of all customers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from monthclose.domain.pricing import PriceBook
from monthclose.domain.rehearsals.book_entries import NO_BOOK, BookEntries, describe
from monthclose.domain.rehearsals.comparison import PARKED, Comparison
from monthclose.domain.rehearsals.differences import Differences, why_in_words
from monthclose.domain.rehearsals.finding import GateFinding
from monthclose.domain.rehearsals.group import Group, Movement
from monthclose.domain.rehearsals.rehearsal import Rehearsal, RehearsalStatus

_MOST_MOVERS = 20
_MOST_ENTRIES = 100
"""Entries of a currency that are listed, those whose sum has moved most."""


class GroupEntry(TypedDict):
    """Customers of one kind in one currency."""

    group: str
    """A name of a group (see `comparison`)."""
    customers: int
    now_minor: int
    last_minor: int


class MoneyEntry(TypedDict):
    """One currency."""

    now_minor: int
    last_minor: int
    difference_minor: int
    customers: int
    last_customers: int
    groups: Sequence[GroupEntry]


class MoverEntry(TypedDict):
    """A customer whose invoice has moved."""

    customer_id: str
    group: str
    now_minor: int
    last_minor: int


class BookEntryUse(TypedDict):
    """An entry of the invoices, and how many customers have it."""

    key: str
    name: str
    customers: int
    last_customers: int
    minor: int
    last_minor: int


class DifferenceEntry(TypedDict):
    """How the invoices differ from the approved ones, for one reason in one currency."""

    reason: str
    why: str
    currency: str
    customers: int
    now_minor: int
    approved_minor: int
    top: Sequence[Mapping[str, Any]]


class ApprovalEntry(TypedDict):
    """That somebody has accepted a rehearsal's findings."""

    rehearsal: int
    by: str
    time: str
    note: str


class RehearsalReport(TypedDict):
    """What a rehearsal has found."""

    period: str
    rehearsal: int
    status: str
    run: int
    """Of the close that it decides about; 0 for a rehearsal of its own."""
    waiting: bool
    """Whether a close waits for its approval."""
    company: str
    last_period: str | None
    started_at: str
    completed_at: str | None
    so_far: bool
    """The month was not over yet."""
    undrafted: int
    price_book: str
    tax_table: str
    customers: Mapping[str, int]
    """By outcome: `invoiced`, `carried`, `nothing_to_bill`, `parked`."""
    customers_last: Mapping[str, int]
    parked: Mapping[str, int]
    """By reason."""
    parked_last: Mapping[str, int]
    money: Mapping[str, MoneyEntry]
    movers: Mapping[str, Sequence[MoverEntry]]
    entries: Mapping[str, Sequence[BookEntryUse]]
    entries_in_all: Mapping[str, int]
    findings: Sequence[Mapping[str, Any]]
    """See `GateFinding`."""
    differences: Sequence[DifferenceEntry]
    """From what was approved; of a close that goes through its gate only."""
    approval: ApprovalEntry | None


def rehearsal_report(
    rehearsal: Rehearsal,
    comparison: Comparison,
    findings: Sequence[GateFinding],
    differences: Differences | None = None,
    *,
    company: str = "",
    book: PriceBook | None = None,
) -> RehearsalReport:
    """Write a rehearsal's report.

    Parameters
    ----------
    differences : Differences or None
        From what was approved, if the rehearsal is a close's own.
    book : PriceBook or None
        What the drafts were priced with: it names the entries.
    """
    entries = BookEntries.of(book, rehearsal.period) if book else NO_BOOK
    approval = rehearsal.approval
    return {
        "period": str(rehearsal.period),
        "rehearsal": rehearsal.number,
        "status": rehearsal.status.value,
        "run": rehearsal.run,
        "waiting": bool(rehearsal.task_token) and not rehearsal.approved,
        "company": company,
        "last_period": None if rehearsal.last_period is None else str(rehearsal.last_period),
        "started_at": rehearsal.started_at.isoformat(),
        "completed_at": rehearsal.completed_at.isoformat() if rehearsal.completed_at else None,
        "so_far": rehearsal.so_far,
        "undrafted": rehearsal.undrafted,
        "price_book": rehearsal.price_book,
        "tax_table": rehearsal.tax_table,
        "customers": dict(comparison.now),
        "customers_last": dict(comparison.last),
        "parked": {reason: group.customers for reason, group in comparison.parked()},
        "parked_last": dict(comparison.parked_last),
        "money": {code: _money(comparison, code) for code in comparison.currencies},
        "movers": {code: _movers(comparison, code) for code in comparison.currencies},
        "entries": {code: _uses(comparison, code, entries) for code in comparison.entries},
        "entries_in_all": {code: len(found.by_key) for code, found in comparison.entries.items()},
        "findings": [finding.to_json() for finding in findings],
        "differences": list(_differences(differences)) if differences else [],
        "approval": {
            "rehearsal": approval.number,
            "by": approval.by,
            "time": approval.time.isoformat(),
            "note": approval.note,
        }
        if approval
        else None,
    }


def can_be_approved(report: RehearsalReport) -> bool:
    """Whether there is something to approve."""
    approval = report["approval"]
    approved = approval is not None and approval["rehearsal"] == report["rehearsal"]
    return report["status"] == RehearsalStatus.COMPLETED and not report["so_far"] and not approved


def _money(comparison: Comparison, currency: str) -> MoneyEntry:
    money = comparison.money(currency)
    return {
        "now_minor": money.now_minor,
        "last_minor": money.last_minor,
        "difference_minor": money.difference_minor,
        "customers": comparison.there_now(currency),
        "last_customers": comparison.there_last(currency),
        "groups": [
            {
                "group": name,
                "customers": group.customers,
                "now_minor": group.now_minor,
                "last_minor": group.last_minor,
            }
            for name, group in _groups(comparison, currency)
        ],
    }


def _groups(comparison: Comparison, currency: str) -> Iterator[tuple[str, Group]]:
    order = list(GROUPS_IN_WORDS)
    for name in sorted(comparison.groups, key=lambda name: (order.index(name) if name in order else len(order), name)):
        if currency in comparison.groups[name]:
            yield name, comparison.groups[name][currency]


def _movers(comparison: Comparison, currency: str) -> list[MoverEntry]:
    """List the customers whose invoice has moved most, whichever group they are in."""
    named: list[tuple[str, Movement]] = [
        (name, movement) for name, group in _groups(comparison, currency) for movement in group.top
    ]
    moved = [(name, movement) for name, movement in named if movement.difference_minor]
    moved.sort(key=lambda one: (-abs(one[1].difference_minor), one[1].customer_id))
    return [
        {
            "customer_id": movement.customer_id,
            "group": name,
            "now_minor": movement.now_minor,
            "last_minor": movement.last_minor,
        }
        for name, movement in moved[:_MOST_MOVERS]
    ]


def _uses(comparison: Comparison, currency: str, entries: BookEntries) -> list[BookEntryUse]:
    """List the entries whose sum has moved most."""
    used = sorted(
        comparison.entries[currency].by_key.items(), key=lambda one: (-abs(one[1].minor - one[1].last_minor), one[0])
    )
    return [
        {
            "key": key,
            "name": describe(key, entries),
            "customers": use.customers,
            "last_customers": use.last_customers,
            "minor": use.minor,
            "last_minor": use.last_minor,
        }
        for key, use in used[:_MOST_ENTRIES]
    ]


def _differences(differences: Differences) -> Iterator[DifferenceEntry]:
    for reason, by in differences.groups.items():
        for currency, group in by.items():
            yield {
                "reason": reason,
                "why": why_in_words(reason),
                "currency": currency,
                "customers": group.customers,
                "now_minor": group.now_minor,
                "approved_minor": group.last_minor,
                "top": [
                    {"customer_id": m.customer_id, "now_minor": m.now_minor, "approved_minor": m.last_minor}
                    for m in group.top
                ],
            }


GROUPS_IN_WORDS: Mapping[str, str] = {
    "up": "billed more",
    "down": "billed less",
    "same": "billed the same",
    "new": "new",
    "unparked": "parked last month",
    "to_currency": "in another currency last month",
    "gone": "gone",
    "from_currency": "in another currency now",
}
"""What the customers of each group are, in the order of the page; those who are parked come last."""


def group_in_words(name: str) -> str:
    """Say what the customers of a group are."""
    if name.startswith(PARKED):
        return f"parked: {name.removeprefix(PARKED)}"
    return GROUPS_IN_WORDS[name]
