"""The results as tables in Markdown: measured, judged, and what went wrong for whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_JUDGED = {
    "charged_twice": "charged twice",
    "stale_amount": "charged a stale amount",
    "mailed_twice": "mailed twice",
    "never_charged": "never charged",
    "not_mailed": "never written to",
    "books_differ": "books that differ from the provider's",
}


def as_markdown(results: Mapping[str, Any]) -> str:
    """Write all tables."""
    parts = []
    if results["calm"]["contestants"]:
        parts += [_heading("Nothing goes wrong", results["calm"]), _measured(results["calm"]["contestants"])]
    if results["faults"]["contestants"]:
        parts += [_heading("Everything goes wrong", results["faults"]), _judged(results["faults"]["contestants"])]
    return "\n\n".join(parts) + "\n"


def _heading(title: str, run: Mapping[str, Any]) -> str:
    return f"**{title}**: {run['customers']:,} customers, {run['rate']} requests a second on each endpoint"


def _measured(contestants: Mapping[str, Any]) -> str:
    tell: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
        "time to the last charge, of the limit's bound": lambda found: (
            f"{found['times_the_bound']:.2f} x ({found['seconds_to_last_charge']:.0f} s)"
        ),
        "requests refused (429)": lambda found: f"{found['refused_429']:,}",
        "requests to the provider, per customer": lambda found: f"{found['requests_per_customer']:.2f}",
        "CPU per customer": lambda found: _cpu(found["cpu_ms_per_customer"]),
        "peak memory": lambda found: f"{found['peak_mb']:,} MB",
        "of the machine, taken by everything else": lambda found: f"{found['others_share']:.0%}",
    }
    rows = {title: [one(found) for found in contestants.values()] for title, one in tell.items()}
    return _table(contestants, rows | _verdicts(contestants))


def _verdicts(contestants: Mapping[str, Any]) -> dict[str, list[str]]:
    return {title: [f"{found['verdict'][name]:,}" for found in contestants.values()] for name, title in _JUDGED.items()}


def _cpu(by_kind: Mapping[str, float]) -> str:
    parts = " + ".join(f"{ms:.0f} {kind}" for kind, ms in by_kind.items())
    return f"{sum(by_kind.values()):.0f} ms ({parts})"


def _judged(contestants: Mapping[str, Any]) -> str:
    rows = _verdicts(contestants)
    rows["taken too much"] = [f"{found['verdict']['overcharged_minor'] / 100:,.2f}" for found in contestants.values()]
    rows["charges that a transfer crossed"] = [f"{found['verdict']['crossed']:,}" for found in contestants.values()]
    rows["what was done to it"] = [_counts(found["done"]) for found in contestants.values()]
    rows["what the provider did"] = [_counts(found["faults"]) for found in contestants.values()]
    rows["runs until it said that it was done"] = [f"{found['runs']:,}" for found in contestants.values()]
    return _table(contestants, rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _table(columns: Iterable[str], rows: Mapping[str, Sequence[str]]) -> str:
    names = list(columns)
    lines = [["", *names], ["---"] * (len(names) + 1), *([title, *cells] for title, cells in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
