"""A rehearsal as a page: one HTML file that needs nothing else, on a screen or on paper.

The template is `templates/rehearsal.html.j2`; this module turns the report's numbers into what the page says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monthclose.charts import Chart, Key, Part, legend, parts_bar
from monthclose.domain.money import Money
from monthclose.domain.period import Period, period_in_words
from monthclose.domain.rehearsals.finding import percent, signed
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.domain.words import count
from monthclose.templates import environment
from monthclose.use_cases.rehearsals.rehearsal_report import (
    BookEntryUse,
    DifferenceEntry,
    MoneyEntry,
    MoverEntry,
    RehearsalReport,
    group_in_words,
)

_MOST_ENTRIES = 40
_MOST_NAMED = 3
_TONES: Mapping[str, str] = {
    "same": "written_off",
    "down": "credited",
    "up": "pending",
    "new": "collected",
    "unparked": "collected",
    "to_currency": "collected",
}
"""The colours of the parts of a currency's bar, in its order: what this month's total is made of."""


def render_rehearsal(report: RehearsalReport) -> bytes:
    """Render a rehearsal's report as a self-contained HTML page, UTF-8."""
    month = Period.parse(report["period"])
    page = {
        "company": report["company"],
        "period": report["period"],
        "month": period_in_words(month),
        "last": period_in_words(Period.parse(report["last_period"])) if report["last_period"] else "",
        "verdict": _verdict(report),
        "findings": [_finding(finding) for finding in report["findings"]],
        "differences": [_difference(one) for one in report["differences"]],
        "currencies": [_currency(code, money) for code, money in report["money"].items()],
        "legend": legend(_LEGEND),
        "reasons": _reasons(report),
        "entries": [use for code in report["entries"] for use in _entries(code, report)],
        "entries_left_out": sum(report["entries_in_all"].values()) - _listed(report),
        "movers": [_mover(code, mover) for code, movers in report["movers"].items() for mover in movers],
        "facts": _facts(report),
    }
    return environment().get_template("rehearsal.html.j2").render(page).encode()


_LEGEND: Sequence[Key] = (
    Key("billed the same as last month", "written_off"),
    Key("billed less", "credited"),
    Key("billed more", "pending"),
    Key("not billed last month", "collected"),
)


def _verdict(report: RehearsalReport) -> dict[str, str]:
    """Say what matters most: is there something to accept."""
    findings, approval = len(report["findings"]), report["approval"]
    detail = f"{', '.join(_outcomes(report))}. Nobody was charged or mailed."
    if report["status"] == RehearsalStatus.INCOMPLETE:
        what = f"Incomplete: {count(report['undrafted'], 'batch', 'batches')} could not be drafted"
        return {"tone": "bad", "mark": "!", "headline": what, "detail": detail}
    if approval and approval["rehearsal"] == report["rehearsal"]:
        noted = f" Note: {approval['note']}." if approval["note"] else ""
        said = f"{detail}{noted}"
        return {"tone": "good", "mark": "✓", "headline": f"Approved by {approval['by']}", "detail": said}
    if report["so_far"]:
        return {"tone": "wait", "mark": "…", "headline": "The month is not over: the usage so far", "detail": detail}
    if findings:
        headline = f"{count(findings, 'finding')} to accept before a close may charge"
        return {"tone": "bad", "mark": "!", "headline": headline, "detail": detail}
    return {"tone": "good", "mark": "✓", "headline": "No rule of the gate finds anything", "detail": detail}


def _outcomes(report: RehearsalReport) -> list[str]:
    customers = report["customers"]
    billed = f"{customers.get('invoiced', 0):,} of {count(sum(customers.values()), 'customer')} would be invoiced"
    rest = (
        (customers.get("nothing_to_bill", 0), "have nothing to bill"),
        (customers.get("carried", 0), "are carried to the next month"),
        (customers.get("parked", 0), "are parked"),
    )
    return [billed, *(f"{number:,} {said}" for number, said in rest if number)]


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out a finding, with the customers that it names; those who are parked may have no currency."""
    code, named = finding["figures"].get("currency", ""), finding["customers"]
    who = [
        f"{one['customer_id']} {Money(one['now_minor'], code).figures} (last month "
        f"{Money(one['last_minor'], code).figures})"
        if code
        else one["customer_id"]
        for one in named
    ]
    return {"rule": finding["rule"], "text": finding["text"], "who": who if len(who) > _MOST_NAMED else []}


def _currency(code: str, money: MoneyEntry) -> dict[str, Any]:
    last, moved = money["last_minor"], money["difference_minor"]
    return {
        "code": code,
        "now": Money(money["now_minor"], code).figures,
        "last": Money(last, code).figures,
        "moved": signed(moved, code),
        "share": f"{'+' if moved > 0 else ''}{percent(moved, abs(last))}" if last else "",
        "customers": f"{money['customers']:,}",
        "last_customers": f"{money['last_customers']:,}",
        "bar": _bar(code, money),
        "groups": [
            {
                "what": group_in_words(group["group"]),
                "code": code,
                "customers": f"{group['customers']:,}",
                "now": Money(group["now_minor"], code).figures,
                "last": Money(group["last_minor"], code).figures,
                "moved": signed(group["now_minor"] - group["last_minor"], code),
            }
            for group in money["groups"]
        ],
    }


def _bar(code: str, money: MoneyEntry) -> Chart:
    """Cut this month's total into what its customers paid last month: who is new, who pays more."""
    minor = {group["group"]: group["now_minor"] for group in money["groups"]}
    parts = [
        Part(f"{group_in_words(name)}:", minor.get(name, 0), str(Money(minor.get(name, 0), code)), tone)
        for name, tone in _TONES.items()
    ]
    return parts_bar(parts, empty=f"nothing billed in {code}")


def _reasons(report: RehearsalReport) -> list[dict[str, str]]:
    now, last = report["parked"], report["parked_last"]
    return [
        {"reason": reason, "now": f"{now.get(reason, 0):,}", "last": f"{last.get(reason, 0):,}"}
        for reason in sorted({*now, *last}, key=lambda reason: (-now.get(reason, 0), reason))
    ]


def _entries(code: str, report: RehearsalReport) -> list[dict[str, str]]:
    return [_use(code, use) for use in report["entries"][code][:_MOST_ENTRIES]]


def _listed(report: RehearsalReport) -> int:
    return sum(min(len(uses), _MOST_ENTRIES) for uses in report["entries"].values())


def _use(code: str, use: BookEntryUse) -> dict[str, str]:
    return {
        "name": use["name"],
        "code": code,
        "customers": f"{use['customers']:,}",
        "last_customers": f"{use['last_customers']:,}",
        "now": Money(use["minor"], code).figures,
        "last": Money(use["last_minor"], code).figures,
        "moved": signed(use["minor"] - use["last_minor"], code),
    }


def _mover(code: str, mover: MoverEntry) -> dict[str, str]:
    return {
        "customer_id": mover["customer_id"],
        "code": code,
        "what": group_in_words(mover["group"]),
        "now": Money(mover["now_minor"], code).figures,
        "last": Money(mover["last_minor"], code).figures,
        "moved": signed(mover["now_minor"] - mover["last_minor"], code),
    }


def _difference(one: DifferenceEntry) -> dict[str, str]:
    code = one["currency"]
    named = [who["customer_id"] for who in one["top"][:_MOST_NAMED]]
    more = one["customers"] - len(named)
    return {
        "why": one["why"],
        "code": code,
        "customers": f"{one['customers']:,}",
        "now": Money(one["now_minor"], code).figures,
        "approved": Money(one["approved_minor"], code).figures,
        "moved": signed(one["now_minor"] - one["approved_minor"], code),
        "named": ", ".join(named) + (f", and {more:,} more" if more else ""),
    }


def _facts(report: RehearsalReport) -> list[tuple[str, str]]:
    facts = (
        ("Rehearsal", str(report["rehearsal"])),
        ("Compared with", report["last_period"] or "no earlier month"),
        ("Usage until", _time(report["started_at"])),
        ("Completed", _time(report["completed_at"])),
        ("Price book", report["price_book"] or "none"),
        ("Tax table", report["tax_table"]),
    )
    return [(label, value) for label, value in facts if value]


def _time(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if iso else ""
