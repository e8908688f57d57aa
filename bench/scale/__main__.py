"""A month of any number of customers, simulated: `python -m bench.scale run --customers 1000000`."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.scale.close import simulate
from bench.scale.compare import compare, record
from bench.scale.scenario import AFTER, BEFORE, Fixes, Quotas, Scenario
from bench.scale.summary import rows, summary

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_KINDS = {"before": BEFORE, "after": AFTER}


def main() -> None:
    """Run or compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run", help="simulate closes, and print what came of them")
    run.add_argument("--customers", type=int, nargs="*", default=list(SIZES))
    run.add_argument("--which", choices=(*_KINDS, "both"), default="after", help="with the fixes, or without")
    run.add_argument(
        "--quotas", choices=("default", "asked"), default="asked", help="a new account's, or docs/scale.md's"
    )
    run.add_argument("--without", nargs="*", default=[], choices=list(Fixes.__dataclass_fields__), metavar="FIX")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--json", action="store_true")
    against = parts.add_parser("compare", help="hold the model against a recorded real run")
    against.add_argument("--json", action="store_true")
    kept = parts.add_parser("record", help="keep what the last close on a local AWS took, for compare")
    kept.add_argument("endpoint", help="address of the local AWS")
    kept.add_argument("sandbox", help="address of the fake providers")
    kept.add_argument("--rate", type=float, default=25, help="requests a second that they allow on an endpoint")
    options = parser.parse_args()
    if options.part == "compare":
        compare(in_json=options.json)
        return
    if options.part == "record":
        record(options.endpoint, options.sandbox, options.rate)
        return
    kinds = list(_KINDS) if options.which == "both" else [options.which]
    found = [_one(number, kind, options) for kind in kinds for number in options.customers]
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _show(found)


def _one(customers: int, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    quotas = Quotas.documented()
    if kind == "after" and options.quotas == "asked":
        quotas = quotas.asked_for(customers)
    fixes = _KINDS[kind]
    for name in options.without:
        fixes = fixes.without(name)
    run = simulate(Scenario(customers, fixes, quotas, options.seed))
    return {"which": kind, **summary(run)}


def _show(found: list[dict[str, Any]]) -> None:
    columns = [rows(one) for one in found]
    names = dict.fromkeys(name for column in columns for name in column)
    table = Table("", *(f"{one['customers']:,} {one['which']}" for one in found))
    for name in names:
        table.add_row(name, *(column.get(name, "") for column in columns))
    console = Console(width=None if sys.stdout.isatty() else 60 + 34 * len(found))
    console.print(table)


if __name__ == "__main__":
    main()
