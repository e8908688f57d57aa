"""The report as a page for finance: one HTML file that needs nothing else, on a screen or on paper.

The template is `templates/report.html.j2`; this module turns the report's numbers into what the page says.
"""

from collections.abc import Iterable
from datetime import datetime

from monthclose.domain.closes.checks import State
from monthclose.domain.period import Period, period_in_words
from monthclose.domain.words import count
from monthclose.templates import environment
from monthclose.use_cases.proof.approved import approved_lines
from monthclose.use_cases.proof.page_parts import Section
from monthclose.use_cases.proof.report import ProofEntry, Report
from monthclose.use_cases.proof.report_cards import cards
from monthclose.use_cases.proof.report_checks import page_checks
from monthclose.use_cases.proof.report_figures import figure_sections, figures_as_of
from monthclose.use_cases.proof.report_last_month import against_last_month
from monthclose.use_cases.proof.report_ledger import ledger_table
from monthclose.use_cases.proof.report_money import currencies, parts_legend
from monthclose.use_cases.proof.report_pack import pack_warnings
from monthclose.use_cases.proof.report_people import loose_ends, people, utc, words

_MAX_FINDINGS = 200
"""Most findings that the page lists: nobody reads thousands."""

_NOT_COMPARED = "The books tie within, but have not been compared with all providers' records yet"


def render_report(report: Report, figures_of: datetime | None = None) -> bytes:
    """Render the report's JSON as a self-contained HTML page, UTF-8.

    Parameters
    ----------
    report : Report
        As it was stored: one of an earlier release may lack entries.
    figures_of : datetime or None
        The time that its figures are of, where they are newer than its pack.
    """
    proof, figures, ledger = (
        report.get("proof"),
        figure_sections(report, figures_of),
        ledger_table(report.get("ledger", {})),
    )
    findings = proof["findings"][:_MAX_FINDINGS] if proof else []
    first, then = [*against_last_month(report), *figures.money], [*people(report), *figures.books]
    page = {
        "company": report.get("company", ""),
        "period": report["period"],
        "month": period_in_words(Period.parse(report["period"])),
        "verdict": _verdict(report),
        "checks": page_checks(proof.get("checks", ())) if proof else [],
        "all_passed": not proof or all(entry["state"] == State.PASSED for entry in proof.get("checks", ())),
        "findings": findings,
        "findings_left_out": (_count_findings(proof) if proof else 0) - len(findings),
        "warnings": [*report.get("warnings", []), *_of_pack(report)],
        "legend": parts_legend(),
        "taxed": bool(report.get("tax_table")),
        "lost": any(sums.get("lost") for sums in report.get("money", {}).values()),
        "currencies": currencies(report),
        "first": first,
        "then": then,
        "contents": _contents(first, then, ledger=bool(ledger["rows"]), proof=bool(proof and proof.get("checks"))),
        "cards": cards(report),
        "ledger": ledger,
        "facts": _facts(report),
    }
    return environment().get_template("report.html.j2").render(page).encode()


def _of_pack(report: Report) -> list[str]:
    """Say what the figures of the report pack lack, and that the last pack could not be made, if so."""
    pack, failure = report.get("pack"), report.get("pack_failure")
    said = pack_warnings(pack.get("unreadable_in_all", 0), pack.get("remarks", ())) if pack else []
    if failure:
        said.append(f"the report pack of {utc(failure['time'])} could not be made: {failure['why']}")
    return said


def _contents(first: Iterable[Section], then: Iterable[Section], *, ledger: bool, proof: bool) -> list[tuple[str, str]]:
    """Name the parts that links at the top lead to, with their anchors."""
    before, after = ([(one.anchor, one.title) for one in sections if one.anchor] for sections in (first, then))
    last = [("ledger", "Ledger")] * ledger + [("proof", "Proof")] * proof
    return [("money", "Money"), *before, ("customers", "Customers"), *after, *last]


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
        left = [f"{ends['in_all']:,} {kind}" for kind, ends in loose_ends(report)]
        headline = ", ".join(("The books tie", *left))
        return {"tone": "good", "mark": "✓", "headline": headline, "detail": f"{detail}."}
    if report.get("status") == "not_compared":
        return {"tone": "wait", "mark": "…", "headline": _NOT_COMPARED, "detail": f"{detail}."}
    headline = f"The books do not tie: {count(findings, 'finding')}" if findings else "The books do not tie"
    return {"tone": "bad", "mark": "!", "headline": headline, "detail": f"{detail}."}


def _count_findings(proof: ProofEntry) -> int:
    """Count all findings; the report lists only the first ones."""
    return proof.get("findings_in_all", len(proof["findings"]))


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = (
        ("Opened", utc(report.get("opened_at"))),
        ("Completed", utc(report.get("completed_at"))),
        ("Duration", _duration(report.get("duration_seconds"))),
        ("Run", str(report.get("run", ""))),
        ("Rounds", str(report.get("rounds", ""))),
        ("Price book", report.get("price_book") or "none"),
        ("Tax table", report.get("tax_table", "")),
        ("Report pack", f"{pack['files']} files, {figures_as_of(report)}" if (pack := report.get("pack")) else ""),
        ("Approved", "; ".join(approved_lines(report.get("approved")))),
        ("Status", words(report.get("status", ""))),
    )
    return [(label, value) for label, value in facts if value]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
