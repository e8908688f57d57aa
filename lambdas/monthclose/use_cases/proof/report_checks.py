"""The table of checks on the report's page: each with both sides and the difference, the failed ones first."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monthclose.domain.closes.checks import Check, State
from monthclose.domain.money import EXPONENT_BY_CURRENCY, Money
from monthclose.use_cases.proof.report import CheckEntry, CheckSides

_TONES: Mapping[str, tuple[str, str]] = {
    State.FAILED: ("bad", "✗"),
    State.NOT_CHECKED: ("wait", "?"),
    State.PASSED: ("good", "✓"),
}
_PARTS: Mapping[str, str] = {
    "opening": "",
    "invoiced": " + ",
    "credited": " - ",
    "collected": " - ",
    "written_off": " - ",
}
"""What the equation's left side is made of, and with which sign."""


def page_checks(entries: Sequence[CheckEntry]) -> list[dict[str, Any]]:
    """Lay checks out for the page."""
    return [_check(entry) for entry in entries]


def remarks_on(entry: CheckEntry) -> Iterator[str]:
    """Say what a side is made of, when it was compared with a provider, and what was not checked."""
    for currency, parts in entry.get("parts", {}).items():
        terms = (
            f"{sign}{name.replace('_', ' ')} {Money(parts.get(name, 0), currency).figures}"
            for name, sign in _PARTS.items()
        )
        closing = sum(-parts.get(name, 0) if "-" in sign else parts.get(name, 0) for name, sign in _PARTS.items())
        yield f"{currency}: {''.join(terms)} = {Money(closing, currency).figures}"
    if entry["check"] == Check.PROVIDER and entry["rows"]:
        yield f"compared {datetime.fromisoformat(entry['checked_at']).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if entry["why"]:
        yield entry["why"]


def sides_shown(entry: CheckEntry) -> Sequence[CheckSides]:
    """Choose the sides that are shown: of the status's dozens of sums those that differ."""
    if entry["check"] != Check.STATUS:
        return entry["rows"]
    return [row for row in entry["rows"] if row["difference"]]


def compared(entry: CheckEntry, row: CheckSides | None = None) -> str:
    """Say what is compared with what."""
    of = " ".join(filter(None, (row["what"], row.get("currency", "")))) if row else ""
    sides = " / ".join(entry["sides"])
    return f"{of}: {sides}" if of else sides


def figure(row: CheckSides, minor: int) -> str:
    """Write an amount without its currency, or a count; amounts of a currency that nobody knows have no decimals."""
    currency = row.get("currency")
    return Money(minor, currency).figures if currency in EXPONENT_BY_CURRENCY else f"{minor:,}"


def _check(entry: CheckEntry) -> dict[str, Any]:
    tone, mark = _TONES[entry["state"]]
    rows = [
        {
            "compared": compared(entry, row),
            **{side: figure(row, minor) for side, minor in _figures(row)},
            "differs": bool(row["difference"]),
        }
        for row in sides_shown(entry)
    ]
    empty = {"compared": compared(entry), "left": "", "right": "", "difference": "", "differs": False}
    return {
        "title": entry["title"],
        "tone": tone,
        "mark": mark,
        "rows": rows or [empty],
        "remarks": [*remarks_on(entry)],
    }


def _figures(row: CheckSides) -> Iterator[tuple[str, int]]:
    yield from (("left", row["left"]), ("right", row["right"]), ("difference", row["difference"]))
