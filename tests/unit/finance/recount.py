"""Counts a month's figures again from raw records: stored JSON, the ledger's legs, and nothing of the product's rules.

It is written from docs/finance.md alone. What it is given are plain values, so that no code is shared with what it
checks: documents as parsed JSON, entries as tuples.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

type Document = Mapping[str, Any]


class RawEntry(NamedTuple):
    customer_id: str
    period: str
    entry_id: str
    time: datetime
    currency: str
    legs: tuple[tuple[str, int], ...]


class Ledger(NamedTuple):
    """All that was booked until a time, and all documents by number."""

    entries: tuple[RawEntry, ...]
    documents: Mapping[str, Document]

    def until(self, at: datetime) -> "Ledger":
        return Ledger(tuple(entry for entry in self.entries if entry.time <= at), self.documents)


def posted_on(entry: RawEntry) -> date:
    """An invoice of a close: the last day of its month, if booked within ten days after it. All else: that day."""
    year, month = map(int, entry.period.split("-"))
    last = date(year, month, monthrange(year, month)[1])
    after = datetime(last.year, last.month, last.day, tzinfo=entry.time.tzinfo) + timedelta(days=11)
    return last if entry.entry_id == "invoice" and entry.time < after else entry.time.date()


def in_month(entry: RawEntry, month: str) -> bool:
    return posted_on(entry).isoformat().startswith(month)


def documents_of(ledger: Ledger, month: str) -> Iterator[Document]:
    """The documents that a month's journal books."""
    for entry in ledger.entries:
        kind, _, number = entry.entry_id.partition("/")
        if not in_month(entry, month) or kind not in ("invoice", "credit_note"):
            continue
        found = [d for d in ledger.documents.values() if _is_of(d, entry, kind, number)]
        assert len(found) == 1, entry
        yield found[0]


def _is_of(document: Document, entry: RawEntry, kind: str, number: str) -> bool:
    if number:
        return bool(document["number"] == number)
    first = not document.get("replaces") and document.get("kind", "invoice") == kind
    return first and (document["customer"]["customer_id"], document["period"]) == (entry.customer_id, entry.period)


def net_of_lines(document: Document) -> list[int]:
    """What of each line is not tax: exact shares, rounded down, and what is missing to the largest remainders."""
    amounts = [line["amount_minor"] for line in document["lines"]]
    amounts += [discount["amount_minor"] for discount in document.get("discounts", [])]
    if not document.get("prices_include_tax"):
        return amounts
    percent = sum((Fraction(tax["percent"]) for tax in document["taxes"]), Fraction(100))
    exact = [Fraction(amount * 100) / percent for amount in amounts]
    floors = [share.numerator // share.denominator for share in exact]
    net = document["total_minor"] - sum(tax["amount_minor"] for tax in document["taxes"])
    order = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
    for place in order[: net - sum(floors)]:
        floors[place] += 1
    assert sum(floors) == net
    return floors


def revenue(ledger: Ledger, month: str) -> Counter[tuple[str, str, str, str]]:
    """By customer, currency, month of service and SKU."""
    sums = Counter[tuple[str, str, str, str]]()
    for document in documents_of(ledger, month):
        lines = [*document["lines"], *({"sku": ""} for _ in document.get("discounts", []))]
        for line, minor in zip(lines, net_of_lines(document), strict=True):
            served = line.get("period") or document["period"]
            sums[document["customer"]["customer_id"], document["currency"], served, line["sku"]] += minor
    return without_zeros(sums)


def taxes(ledger: Ledger, month: str) -> Counter[tuple[str, str, str, str]]:
    """By currency, place, name and rate."""
    sums = Counter[tuple[str, str, str, str]]()
    for document in documents_of(ledger, month):
        buyer = document["customer"]
        place = "-".join(filter(None, (buyer["country"], buyer.get("region", ""))))
        for tax in document.get("taxes", []):
            sums[document["currency"], place, tax["name"], tax["percent"]] += tax["amount_minor"]
    return without_zeros(sums)


def aging(ledger: Ledger, at: datetime) -> Counter[tuple[str, str, str]]:
    """By customer, currency and bucket."""
    open_minor = Counter[tuple[str, str]]()
    for entry in ledger.entries:
        open_minor[entry.customer_id, entry.period] += sum(m for account, m in entry.legs if account == "receivable")
    sums = Counter[tuple[str, str, str]]()
    for (customer_id, period), minor in open_minor.items():
        if minor:
            latest = _in_force(ledger, customer_id, period)
            late = (at.date() - date.fromisoformat(latest["due_on"])).days
            bucket = "not_due" if late <= 0 else "1-30" if late <= 30 else "31-60" if late <= 60 else "61-90"
            sums[customer_id, latest["currency"], bucket if late <= 90 else "over_90"] += minor
    return sums


def _in_force(ledger: Ledger, customer_id: str, period: str) -> Document:
    booked = [e for e in ledger.entries if (e.customer_id, e.period) == (customer_id, period)]
    booked = [e for e in booked if e.entry_id.partition("/")[0] == "invoice"]
    last = max(booked, key=lambda entry: entry.time)
    return next(d for d in ledger.documents.values() if _is_of(d, last, "invoice", last.entry_id.partition("/")[2]))


def accounts(ledger: Ledger, month: str) -> Counter[tuple[str, str, str]]:
    """What is posted in a month, by day, the ledger's account and currency; debits positive."""
    sums = Counter[tuple[str, str, str]]()
    for entry in ledger.entries:
        if in_month(entry, month):
            for account, minor in entry.legs:
                sums[posted_on(entry).isoformat(), account, entry.currency] += minor
    return without_zeros(sums)


def without_zeros[K](sums: Counter[K]) -> Counter[K]:
    return Counter({key: minor for key, minor in sums.items() if minor})
