"""How the month before stands in a report, and what the page says about it."""

from collections.abc import Mapping

from monthclose.charts import bullet
from monthclose.domain.money import Money
from monthclose.domain.period import Period, period_in_words
from monthclose.domain.rehearsals.finding import percent, signed
from monthclose.use_cases.proof.page_parts import Cell, Column, Section, Table, row
from monthclose.use_cases.proof.report import LastMonthEntry, Report

_COMPARED: Mapping[str, str] = {"invoiced": "count", "collected": "collected", "open": "open"}
"""The sums that are compared, and their colours."""


def last_month_entry(report: Report | None) -> Mapping[str, LastMonthEntry]:
    """Make the entry `last_month` of the month before's report; nothing if there is none that can be read."""
    if report is None:
        return {}
    try:
        entry: LastMonthEntry = {
            "period": report["period"],
            "completed_at": report["completed_at"],
            "customers": report["customers"],
            "money": report["money"],
        }
    except (KeyError, TypeError):
        return {}
    return {"last_month": entry}


def against_last_month(report: Report) -> list[Section]:
    """Compare the month with the one before, if that was closed."""
    last = report.get("last_month")
    if not last:
        return []
    columns = [
        *(Column("", "text"), Column("Last month is the mark", "chart")),
        *(Column("This month"), Column("Last month"), Column("Change")),
    ]
    rows = [_customers(report, last)] + [
        _compared(code, name, report["money"].get(code, {}), last["money"].get(code, {}))
        for code in sorted({*report["money"], *last["money"]})
        for name in _COMPARED
    ]
    month, made = period_in_words(Period.parse(last["period"])), last["completed_at"]
    closed = f", closed on {made[:10]}," if made else ""
    return [
        Section(
            "Against last month",
            "last-month",
            tables=[Table(columns, rows)],
            note=f"{month}{closed} is as its latest report has it: with what was collected since its close.",
        )
    ]


def _customers(report: Report, last: LastMonthEntry) -> list[Cell]:
    now, before = report["customers"].get("invoiced", 0), last["customers"].get("invoiced", 0)
    more = f"{now - before:+,}" if now != before else "0"
    bar = bullet(now, before, max(now, before))
    return row(
        "Customers invoiced", bar, f"{now:,}", f"{before:,}", Cell(more, _percent(now - before, before), "beside")
    )


def _compared(code: str, name: str, sums: Mapping[str, int], earlier: Mapping[str, int]) -> list[Cell]:
    now, before = sums.get(name, 0), earlier.get(name, 0)
    whole = max(*(of.get("invoiced", 0) for of in (sums, earlier)), now, before)
    return row(
        f"{code} {name}",
        bullet(now, before, whole, _COMPARED[name]),
        Money(now, code).figures,
        Money(before, code).figures,
        Cell(signed(now - before, code), _percent(now - before, before), "beside"),
    )


def _percent(moved: int, before: int) -> str:
    return f"{'+' if moved > 0 else ''}{percent(moved, before)}" if before else ""
