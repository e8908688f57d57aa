"""What came in of a month, by currency: a bar with its parts, the equation in figures, and how last month stood."""

from collections.abc import Mapping
from typing import Any

from monthclose.charts import Chart, Key, Part, legend, parts_bar
from monthclose.domain.money import Money
from monthclose.use_cases.proof.report import Report

PARTS: Mapping[str, str] = {
    "collected": "Collected",
    "credited": "Credited",
    "written_off": "Written off",
    "open": "Open",
}
"""The parts of what was invoiced, in the order of the equation. *Open* is all that is still owed, everywhere."""
_PENDING = "pending"
_SUMS = ("invoiced", *PARTS, _PENDING, "lost", "credit_granted", "tax")


def parts_legend() -> Chart:
    """Name the colours of the bars; what is pending is a piece of what is open."""
    return legend([*(Key(label, name) for name, label in PARTS.items()), Key("of which pending", _PENDING)])


def currencies(report: Report) -> list[dict[str, Any]]:
    """Lay out each currency: its numbers, its bar, and whether they tie."""
    return [_currency(code, sums) for code, sums in sorted(report.get("money", {}).items())]


def _currency(code: str, sums: Mapping[str, int]) -> dict[str, Any]:
    minor = {name: sums.get(name, 0) for name in _SUMS}
    difference = minor["invoiced"] - sum(minor[name] for name in PARTS)
    return {
        "code": code,
        **{name: Money(minor[name], code).figures for name in _SUMS},
        "ties": not difference,
        "difference": Money(difference, code).figures,
        "rate": f"{collected} collected" if (collected := share(minor["collected"], minor["invoiced"])) else "",
        "bar": _bar(code, minor),
    }


def _bar(code: str, minor: Mapping[str, int]) -> Chart:
    pending = Part("Pending", minor[_PENDING], str(Money(minor[_PENDING], code)), _PENDING)
    parts = [
        Part(label, minor[name], str(Money(minor[name], code)), name, pending if name == "open" else None)
        for name, label in PARTS.items()
    ]
    return parts_bar(parts, empty=f"nothing invoiced in {code}", whole=minor["invoiced"])


def share(part: int, whole: int) -> str:
    """Write a share, rounded down: 100% means everything; nothing if there is no whole."""
    if whole <= 0:
        return ""
    per_mille = 1000 * abs(part) // whole
    written = f"{per_mille // 10}.{per_mille % 10}%" if per_mille != 1000 else "100%"
    return f"-{written}" if part < 0 and per_mille else written
