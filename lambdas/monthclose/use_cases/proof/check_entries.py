"""What a check found, as the report's JSON has it and `monthclose prove` prints it."""

from collections.abc import Mapping
from datetime import datetime

from monthclose.domain.closes.checks import TEXTS, Check, CheckResult, Failure, Row, State
from monthclose.use_cases.proof.report import CheckEntry, CheckSides


def entry_of(result: CheckResult) -> CheckEntry:
    """Put a result into JSON; amounts in minor units."""
    text = TEXTS[result.check]
    entry: CheckEntry = {
        "check": result.check.value,
        "subject": result.subject,
        "title": result.title,
        "state": result.state.value,
        "why": result.why,
        "checked_at": result.checked_at.isoformat(),
        "sides": [text.left, text.right],
        "rows": [_sides_of(row) for row in result.rows],
        "failures": [{"customer_id": one.customer_id, "detail": one.detail} for one in result.failures],
        "failures_in_all": result.failures_in_all,
    }
    if result.parts is not None:
        entry["parts"] = result.parts
    return entry


def _sides_of(row: Row) -> CheckSides:
    sides: CheckSides = {"what": row.what, "left": row.left, "right": row.right, "difference": row.difference}
    return {**sides, "currency": row.currency} if row.currency else sides


def result_of(entry: CheckEntry) -> CheckResult | None:
    """Read a result from JSON; None if it is of a check that this release does not know."""
    if entry["check"] not in set(Check):
        return None
    parts: Mapping[str, Mapping[str, int]] | None = entry.get("parts")
    return CheckResult(
        Check(entry["check"]),
        State(entry["state"]),
        datetime.fromisoformat(entry["checked_at"]),
        subject=entry["subject"],
        rows=tuple(Row(row["what"], row.get("currency", ""), row["left"], row["right"]) for row in entry["rows"]),
        parts=parts,
        failures=tuple(Failure(one["customer_id"], one["detail"]) for one in entry["failures"]),
        failures_in_all=entry["failures_in_all"],
        why=entry["why"],
    )
