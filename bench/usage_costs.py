"""What importing usage and reading it costs: DynamoDB's units and requests, dollars and CPU for each event.

Files are dropped and imported by the functions' own handlers, on an emulator of AWS in this process. `--beside FOLDER`
counts another checkout, which has its own `.venv`, in the same run. Counts don't drift; CPU does.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.costs.beside import HERE, output_of
from bench.costs.prices import cost_by_service
from bench.costs.usage_files import UsageFiles

_MILLION = 1_000_000
_MOST_BESIDE = 50_000
"""Most events of one customer that the other checkout imports: a store of one item an event costs the same each."""


class Case(NamedTuple):
    """What is imported."""

    what: str
    files: UsageFiles
    large: bool = False
    """Whether it takes minutes."""


def cases(customers: int) -> list[Case]:
    """List what is imported."""
    return [
        Case("50 events, one file, by customer", UsageFiles(customers, 50)),
        Case("50 events, one file, by time", UsageFiles(customers, 50, by_time=True)),
        Case("50 events, one file, by time, UUIDs", UsageFiles(customers, 50, ids="uuid", by_time=True)),
        Case("50 events, one file, by time, no ids", UsageFiles(customers, 50, ids="none", by_time=True)),
        Case("50 events a day, 30 daily files", UsageFiles(customers // 10, 1500, 30, by_time=True)),
        Case("50 events, 30 daily files", UsageFiles(customers // 4, 50, 30, by_time=True)),
        Case("10,000 events, one file, by customer", UsageFiles(5, 10_000)),
        Case("10,000 events, one file, by time", UsageFiles(5, 10_000, by_time=True)),
        Case("10,000 events, one file, by time, UUIDs", UsageFiles(5, 10_000, ids="uuid", by_time=True)),
        Case("10,000 events, 30 daily files", UsageFiles(5, 10_000, 30, by_time=True)),
        Case("one customer, 1,000,000 events, one file", UsageFiles(1, _MILLION), large=True),
    ]


class Counted(NamedTuple):
    """What one event costs; `month_reads` are the read units of one customer's month."""

    writes: float
    reads: float
    requests: float
    """To DynamoDB."""
    dollars: float
    """For a million events: DynamoDB and S3."""
    cpu_us: float
    month_reads: float
    month_requests: float


def count(checkout: Path, files: UsageFiles) -> Counted:
    """Import files with a checkout's code, and read a month."""
    order = "time" if files.by_time else "customer"
    arguments = [str(files.customers), str(files.each), str(files.files), files.ids, order]
    counts = json.loads(output_of(checkout, "bench.costs.usage_imports", arguments))
    imported, read = counts["import"], counts["read"]
    asked = sum(number for name, number in imported.items() if name.startswith("request:DynamoDB"))
    stored: Mapping[str, Any] = {name: n for name, n in imported.items() if name.startswith(("write:", "read:", "s3"))}
    return Counted(
        _units("write:", imported) / files.events,
        _units("read:", imported) / files.events,
        asked / files.events,
        sum(cost_by_service(stored).values()) / files.events * _MILLION,
        imported["cpu ms"] * 1000 / files.events,
        _units("read:", read),
        sum(number for name, number in read.items() if name.startswith("request:DynamoDB")),
    )


def _units(kind: str, counts: Mapping[str, float]) -> float:
    return sum(number for name, number in counts.items() if name.startswith(f"{kind}usage"))


_HEAD = ("write units", "read units", "requests", "$ a million", "CPU µs", "read units of a month", "its requests")


def cells(counted: Counted) -> list[str]:
    """Write what was counted."""
    return [
        f"{counted.writes:.3f}",
        f"{counted.reads:.3f}",
        f"{counted.requests:.3f}",
        f"{counted.dollars:.3f}",
        f"{counted.cpu_us:.0f}",
        f"{counted.month_reads:,.1f}",
        f"{counted.month_requests:,.0f}",
    ]


def show(chosen: Sequence[Case], beside: Path | None) -> None:
    """Count, and print a line as soon as it is known: a table in Markdown."""
    head = ("an event of", *(("which",) if beside else ()), *_HEAD)
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for case in chosen:
        if beside:
            files = case.files
            if case.large:
                files = UsageFiles(1, _MOST_BESIDE, files.files, files.ids, files.by_time)
            before = f"before{f', {files.each:,} events' if case.large else ''}"
            print("| " + " | ".join([case.what, before, *cells(count(beside, files))]) + " |", flush=True)
        now = ("now",) if beside else ()
        print("| " + " | ".join([case.what, *now, *cells(count(HERE, case.files))]) + " |", flush=True)


def main() -> None:
    """Count the cases that were chosen."""
    parser = argparse.ArgumentParser(prog="python -m bench.usage_costs", description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--customers", type=int, default=600, help="with 50 events each")
    parser.add_argument("--only", default="", metavar="WORDS", help="only cases whose name has these words")
    parser.add_argument("--large", action="store_true", help="a customer with 1,000,000 events, too (minutes)")
    options = parser.parse_args()
    chosen = [case for case in cases(options.customers) if options.only in case.what]
    show([case for case in chosen if options.large or not case.large], options.beside)


if __name__ == "__main__":
    main()
