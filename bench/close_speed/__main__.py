"""How fast a close is on the local AWS, and what it asks for: `python -m bench.close_speed [--beside FOLDER]`.

`--beside FOLDER` closes the same month on another checkout, with its own `.venv`, in the same run: one after the other,
each on a local AWS of its own, `--times` over. The providers' and SES's limits are out of the way, so that a close
waits for nothing but this machine. Seconds on the clock depend on what else runs there: compare them within a run. CPU
seconds do less so, and requests not at all.

`--customers 500 2000` closes both, and says what each further customer took: neither the functions' starts, of which
there are some forty whatever the number of customers, nor what a close does once.

`--profile FOLDER` has this checkout's functions sample themselves (see `bench.profiles`), which costs CPU itself.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.costs.beside import HERE, output_of

NOT_OURS = ("the emulator", "the sandbox")
"""Processes that are no functions."""
_KINDS = (
    ("generate invoices", "GenerateInvoices"),
    ("charge customers", "ChargeCustomers"),
    ("send notices", "SendNotices"),
    ("apply holds", "ApplyHolds"),
    ("take and apply webhooks", "Webhooks"),
    ("prove and report", "PlanComparison ComparePart ReportClose"),
    ("make the report pack", "PlanPack ReadPackPart WritePackTable FinishPack"),
)
"""What functions do, and words of their names."""
_OTHERS = "open, plan, publish"


def close(checkout: Path, customers: int, events: int, profile: Path | None = None) -> dict[str, Any]:
    """Close a month on a checkout's local AWS, in its own environment; see `one_close.measure`."""
    arguments = [str(customers), str(events), *([str(profile.resolve())] if profile else [])]
    found: dict[str, Any] = json.loads(output_of(checkout, "bench.close_speed.one_close", arguments).splitlines()[-1])
    return found


def kind_of(function: str) -> str:
    """Say what a function does."""
    return next((kind for kind, words in _KINDS if any(word in function for word in words.split())), _OTHERS)


def totals(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Take the mean of some closes: seconds, milliseconds of CPU, processes and requests."""
    cpu = {"our functions": 0.0, **{f"  {kind}": 0.0 for kind in [name for name, _ in _KINDS] + [_OTHERS]}}
    cpu |= dict.fromkeys(NOT_OURS, 0.0)
    for run in runs:
        for function, seconds in run["cpu"].items():
            for name in (function,) if function in NOT_OURS else ("our functions", f"  {kind_of(function)}"):
                cpu[name] += seconds * 1000 / len(runs)
    processes = sum(n for run in runs for kind, n in run["processes"].items() if kind not in NOT_OURS)
    return {
        "seconds": sum(run["seconds"] for run in runs) / len(runs),
        "functions' processes started": processes / len(runs),
        **{f"CPU ms per customer: {name}" if not name.startswith(" ") else name: ms for name, ms in cpu.items()},
        "requests to AWS per customer": sum(n for run in runs for n in run["requests"].values()) / len(runs),
    }


def per_customer(found: Mapping[str, float], customers: int) -> dict[str, float]:
    """Divide what depends on the number of customers by it."""
    whole = ("seconds", "functions' processes started")
    return {name: number if name in whole else number / customers for name, number in found.items()}


def table(title: str, names: Sequence[str], columns: Sequence[Mapping[str, float]]) -> Table:
    """Lay figures out, with the ratio of the first column to the second."""
    rows = Table(title, *names, *(["ratio"] if len(columns) > 1 else []))
    for name in columns[0]:
        values = [column[name] for column in columns]
        ratio = [f"{values[0] / values[1]:.2f}" if values[1] else ""] if len(values) > 1 else []
        rows.add_row(name, *(f"{value:.1f}" for value in values), *ratio)
    return rows


def main() -> None:
    """Close, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.close_speed", description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    several = "one number, or a small and a large (2,000)"
    parser.add_argument("--customers", type=int, nargs="+", default=[2000], help=several)
    parser.add_argument("--events", type=int, default=20, help="usage events of each")
    parser.add_argument("--times", type=int, default=1, help="how often each is closed (1)")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="where this checkout's functions keep samples")
    options = parser.parse_args()
    if options.profile:
        options.profile.mkdir(parents=True, exist_ok=True)
    checkouts = {"this checkout": HERE} | ({str(options.beside): options.beside.resolve()} if options.beside else {})
    console, found = Console(width=120), dict[int, list[dict[str, float]]]()
    for customers in options.customers:
        runs: dict[str, list[Mapping[str, Any]]] = {name: [] for name in checkouts}
        for number in range(options.times):
            for name in list(checkouts)[:: -1 if number % 2 else 1]:
                profile = options.profile if checkouts[name] == HERE else None
                run = close(checkouts[name], customers, options.events, profile)
                console.print(f"{name}: {customers:,} customers in {run['seconds']:.0f} s")
                runs[name].append(run)
        found[customers] = [totals(each) for each in runs.values()]
        columns = [per_customer(each, customers) for each in found[customers]]
        console.print(table(f"{customers:,} customers", list(checkouts), columns))
    if len(found) > 1:
        (small, before), *_, (large, after) = sorted(found.items())
        more = [{name: ends[name] - begins[name] for name in ends} for begins, ends in zip(before, after, strict=True)]
        columns = [per_customer(each, large - small) for each in more]
        console.print(table(f"{large - small:,} further customers", list(checkouts), columns))


if __name__ == "__main__":
    main()
