"""The report as a page for finance: one HTML file that needs nothing else, on a screen or on paper.

The template is `templates/report.html.j2`; this module turns the report's numbers into what the page says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monthclose.domain.closes.checks import State
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.templates import environment
from monthclose.use_cases.proof.approved import approved_lines
from monthclose.use_cases.proof.report import MOST_NAMES, LooseEndEntry, LooseEndList, LooseEndName, ProofEntry, Report
from monthclose.use_cases.proof.report_checks import page_checks
from monthclose.use_cases.proof.report_ledger import ledger_table

_MAX_FINDINGS = 200
"""Most findings that the page lists: nobody reads thousands."""

_PARTS: Mapping[str, str] = {
    "collected": "Collected",
    "credited": "Credited",
    "pending": "Pending",
    "open": "Open",
    "written_off": "Written off",
}
"""The parts of a currency's bar, in order; `open` excludes what is pending here."""
_NOT_COMPARED = "The books tie within, but have not been compared with all providers' records yet"
_SUMS = ("invoiced", "collected", "credited", "written_off", "open", "pending", "lost", "credit_granted", "tax")

_LOOSE_ENDS: Sequence[LooseEndName] = ("unfinished", "waiting", "unreached")
"""Customers whom the close has not finished, who wait for something that takes days, or whose e-mail failed."""
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


def render_report(report: Report) -> bytes:
    """Render the report's JSON as a self-contained HTML page, UTF-8.

    Parameters
    ----------
    report : Report
        As it was stored: one of an earlier release may lack entries.
    """
    proof = report.get("proof")
    findings = proof["findings"][:_MAX_FINDINGS] if proof else []
    page = {
        "company": report.get("company", ""),
        "period": report["period"],
        "month": f"{Period.parse(report['period']).start:%B %Y}",
        "verdict": _verdict(report),
        "checks": page_checks(proof.get("checks", ())) if proof else [],
        "all_passed": not proof or all(entry["state"] == State.PASSED for entry in proof.get("checks", ())),
        "findings": findings,
        "findings_left_out": (_count_findings(proof) if proof else 0) - len(findings),
        "left": [
            _loose_end_table(kind, ends, report["period"]) for kind, ends in (*_loose_ends(report), *_names(report))
        ],
        "warnings": report.get("warnings", []),
        "parts": [{"key": key, "label": label} for key, label in _PARTS.items()],
        "taxed": bool(report.get("tax_table")),
        "lost": any(sums.get("lost") for sums in report.get("money", {}).values()),
        "currencies": [_currency(code, sums) for code, sums in sorted(report.get("money", {}).items())],
        "cards": _cards(report),
        "ledger": ledger_table(report.get("ledger", {})),
        "facts": _facts(report),
    }
    return environment().get_template("report.html.j2").render(page).encode()


def _verdict(report: Report) -> dict[str, str]:
    """Say what matters most: do the books tie, and does anything wait for a person."""
    customers = report.get("customers", {})
    waiting = sum(report.get("parked", {}).values())
    detail = ", ".join(
        (
            f"{customers.get('invoiced', 0):,} of {count(customers.get('snapshot', 0), 'customer')} invoiced",
            f"{customers.get('nothing_to_bill', 0):,} had nothing to bill",
            f"{waiting:,} parked for somebody to resolve" if waiting else "none parked",
        )
    )
    proof = report.get("proof")
    if report.get("partial"):
        why = "; ".join(f"stopped: {stop['reason'] or 'no reason given'}" for stop in report["stops"][-1:])
        headline = f"Partial: the close was {report['status']}"
        return {
            "tone": "wait",
            "mark": "…",
            "headline": headline,
            "detail": f"{'; '.join(filter(None, (detail, why)))}.",
        }
    if proof is None or report.get("status") == "running":
        return {"tone": "wait", "mark": "…", "headline": "The close is still running", "detail": f"{detail}."}
    findings = _count_findings(proof)
    if proof.get("ties") and not findings:
        left = [f"{ends['in_all']:,} {kind}" for kind, ends in _loose_ends(report)]
        headline = ", ".join(("The books tie", *left))
        return {"tone": "good", "mark": "✓", "headline": headline, "detail": f"{detail}."}
    if report.get("status") == "not_compared":
        return {"tone": "wait", "mark": "…", "headline": _NOT_COMPARED, "detail": f"{detail}."}
    headline = f"The books do not tie: {count(findings, 'finding')}" if findings else "The books do not tie"
    return {"tone": "bad", "mark": "!", "headline": headline, "detail": f"{detail}."}


def _loose_ends(report: Report) -> list[tuple[LooseEndName, LooseEndList]]:
    """Find the kinds of loose ends that the close has."""
    found = [(kind, report.get(kind)) for kind in _LOOSE_ENDS]
    return [(kind, ends) for kind, ends in found if ends and ends["in_all"]]


def _names(report: Report) -> list[tuple[str, LooseEndList]]:
    """Find the kinds of customers whom the report names beside its loose ends."""
    return list(report.get("names", {}).items())


def _loose_end_table(kind: str, ends: LooseEndList, period: str) -> dict[str, Any]:
    """List the customers of one kind, and say which command lists the rest."""
    in_all = ends["in_all"]
    rows = [{**end, "what": _what(end), "since": _time(end["since"])} for end in ends["customers"][:MOST_NAMES]]
    return {
        "title": f"{_words(kind)}: {count(in_all, 'customer')}",
        "rows": rows,
        "left_out": in_all - len(rows),
        "command": f"monthclose list {kind} {period}",
    }


def _what(end: LooseEndEntry) -> str:
    if "invoice" not in end:
        return end["what"]
    currency = end["currency"]
    invoiced, still_open = Money(end["invoiced_minor"], currency), Money(end["open_minor"], currency)
    return f"{end['what']} ({end['invoice']}: {invoiced}, open {still_open})"


def _count_findings(proof: ProofEntry) -> int:
    """Count all findings; the report lists only the first ones."""
    return proof.get("findings_in_all", len(proof["findings"]))


def _currency(code: str, sums: Mapping[str, int]) -> dict[str, Any]:
    """Lay out one currency: its numbers, its bar, and whether they tie."""
    minor = {name: sums.get(name, 0) for name in _SUMS}
    difference = minor["invoiced"] - sum(minor[n] for n in ("collected", "credited", "written_off", "open"))
    bars = _bars(code, minor)
    return {
        "code": code,
        **{name: Money(minor[name], code).figures for name in _SUMS},
        "ties": not difference,
        "difference": Money(difference, code).figures,
        "rate": _rate(minor["collected"], minor["invoiced"]),
        "bars": bars,
        "described": "; ".join(bar["title"] for bar in bars) or f"nothing invoiced in {code}",
    }


def _bars(code: str, minor: Mapping[str, int]) -> list[dict[str, Any]]:
    parts = {name: minor[name] for name in _PARTS} | {"open": minor["open"] - minor["pending"]}
    parts = {name: max(part, 0) for name, part in parts.items()}
    whole = max(sum(parts.values()), minor["invoiced"], 1)
    bars, begin = [], 0
    for name, part in parts.items():
        if part:
            title = f"{_PARTS[name]} {Money(part, code)}"
            bars.append({"key": name, "x": _percent(begin, whole), "width": _percent(part, whole), "title": title})
        begin += part
    return bars


def _cards(report: Report) -> list[dict[str, Any]]:
    customers, snapshot = report.get("customers", {}), report.get("customers", {}).get("snapshot", 0)
    outcomes = [
        _row("Invoiced", customers.get("invoiced", 0), "collected"),
        _row("Nothing to bill", customers.get("nothing_to_bill", 0)),
        *([_row("Carried to the next month", customers["carried"])] if customers.get("carried") else []),
        _row("Parked", customers.get("parked", 0), "open"),
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
        "rows": [row | {"share": _percent(row["number"], whole)} for row in rows],
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
        label, tone = _PAYMENTS.get(state, (_words(state), "count"))
        rows.append(_row(label, payments[state], tone))
        if state == "declined":
            rows += [row | {"sub": True} for row in _by_count(declines, "open")]
    return rows


def _by_count(counts: Mapping[str, int], tone: str = "count") -> list[dict[str, Any]]:
    """List counts by name, the largest first."""
    return [_row(_words(name), number, tone) for name, number in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = (
        ("Opened", _time(report.get("opened_at"))),
        ("Completed", _time(report.get("completed_at"))),
        ("Duration", _duration(report.get("duration_seconds"))),
        ("Run", str(report.get("run", ""))),
        ("Rounds", str(report.get("rounds", ""))),
        ("Price book", report.get("price_book") or "none"),
        ("Tax table", report.get("tax_table", "")),
        ("Approved", "; ".join(approved_lines(report.get("approved")))),
        ("Status", _words(report.get("status", ""))),
    )
    return [(label, value) for label, value in facts if value]


def _rate(collected: int, invoiced: int) -> str:
    """Say how much is collected, rounded down: 100% means everything."""
    if invoiced <= 0:
        return ""
    per_mille = 1000 * collected // invoiced
    return f"{per_mille // 10}.{per_mille % 10}% collected" if per_mille != 1000 else "100% collected"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3)


def _words(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _time(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if iso else ""


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
