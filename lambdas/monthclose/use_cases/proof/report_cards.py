"""The small tables of the report's page: counts with their share."""

from collections.abc import Mapping
from typing import Any

from monthclose.charts import share_bar
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_people import words

_PAYMENTS: Mapping[str, tuple[str, str]] = {
    "paid": ("Paid", "collected"),
    "nothing_due": ("Nothing due", "credited"),
    "pending": ("Being collected", "pending"),
    "unknown": ("Outcome not known yet", "pending"),
    "charging": ("Being charged", "pending"),
    "ready": ("Not charged yet", "pending"),
    "declined": ("Declined", "open"),
    "action_required": ("Customer must confirm", "open"),
    "reversed": ("Reversed by the bank", "open"),
    "no_payment_method": ("No payment method", "open"),
    "no_adapter": ("Provider not connected", "open"),
}
"""Label and colour of each payment state, in the order of the page."""


def cards(report: Report) -> list[dict[str, Any]]:
    """Make the tables: payments, customers, parked, notices, holds."""
    customers, snapshot = report.get("customers", {}), report.get("customers", {}).get("snapshot", 0)
    parked = customers.get("parked", 0)
    outcomes = [
        _row("Invoiced", customers.get("invoiced", 0), "collected"),
        _row("Nothing to bill", customers.get("nothing_to_bill", 0)),
        *([_row("Carried to the next month", customers["carried"])] if customers.get("carried") else []),
        # Who is parked with an invoice is among those invoiced: beside their reasons, 0 would contradict.
        *([_row("Parked", parked, "open")] if parked or not report.get("parked") else []),
    ]
    payments = report.get("payments", {})
    paying = _payment_rows(payments, report.get("declines", {}))
    return [
        _card("Payments", paying, "No customer was charged.", ("Total", sum(payments.values()))),
        _card("Customers", outcomes if snapshot else [], "There were no customers.", ("In the snapshot", snapshot)),
        _card("Parked, by reason", _by_count(report.get("parked", {}), "open"), "No customer is parked."),
        _card("Notices", _by_count(report.get("notices", {})), "No notice was due."),
        _card("Holds", _by_count(report.get("holds", {})), "No hold changed."),
    ]


def _card(title: str, rows: list[dict[str, Any]], empty: str, total: tuple[str, int] | None = None) -> dict[str, Any]:
    """Make a small table; each row's bar is its share of all rows."""
    whole = max(sum(row["number"] for row in rows if not row["sub"]), 1)
    return {
        "title": title,
        "rows": [row | {"bar": share_bar(row["number"], whole, row["tone"])} for row in rows],
        "total": {"label": total[0], "count": f"{total[1]:,}"} if total else None,
        "empty": empty,
    }


def _row(label: str, number: int, tone: str = "count", *, sub: bool = False) -> dict[str, Any]:
    return {"label": label, "number": number, "count": f"{number:,}", "tone": tone, "sub": sub}


def _payment_rows(payments: Mapping[str, int], declines: Mapping[str, int]) -> list[dict[str, Any]]:
    """List the payments' states that occur, and why the declined ones were declined."""
    rows = []
    for state in [*_PAYMENTS, *sorted(payments.keys() - _PAYMENTS.keys())]:
        if not payments.get(state):
            continue
        label, tone = _PAYMENTS.get(state, (words(state), "count"))
        rows.append(_row(label, payments[state], tone))
        if state == "declined":
            rows += [row | {"sub": True} for row in _by_count(declines, "open")]
    return rows


def _by_count(counts: Mapping[str, int], tone: str = "count") -> list[dict[str, Any]]:
    """List counts by name, the largest first."""
    return [_row(words(name), number, tone) for name, number in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
