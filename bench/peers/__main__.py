"""`make bench-peers`: one month, billed by a plain program, by what a team would write today, and by Month close.

The same customers, the same fake Stripe with its limit enforced, the same machine, one run. First a round in which
nothing goes wrong, which is measured; then one in which everything does, which is judged. README.md says how to read
the tables.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from bench.peers.contestant import Contestant
from bench.peers.rounds import Options, calm_round, faults_round
from bench.peers.table import as_markdown

_CONTESTANTS = {
    "one_process": "bench.peers.one_process.contestant:OneProcess",
    "celery_app": "bench.peers.celery_app.contestant:CeleryApp",
    "month_close": "bench.peers.month_close.contestant:MonthClose",
}
_FOLDER = Path(__file__).parent


def main() -> int:
    """Run it; print the tables, and store them if asked to."""
    options = _read_options()
    calm = Options(options.customers, options.rate, options.seed, options.logs)
    faults = Options(options.faults_customers, options.faults_rate, options.seed, options.logs)
    results: dict[str, Any] = {
        "machine": {"processors": os.cpu_count(), "python": platform.python_version()},
        "calm": {"customers": calm.customers, "rate": calm.rate, "contestants": {}},
        "faults": {"customers": faults.customers, "rate": faults.rate, "contestants": {}},
    }
    rounds: Mapping[str, tuple[Callable[..., Any], Options]] = {
        "calm": (calm_round, calm),
        "faults": (faults_round, faults),
    }
    for kind in options.rounds:
        run, chosen = rounds[kind]
        for name in options.contestants:
            make = _maker(name)
            print(f"{kind}: {make().name}", file=sys.stderr)
            found = run(make, chosen)
            print(f"    {json.dumps(found)}", file=sys.stderr)
            results[kind]["contestants"][make().name] = found
    Console().print(Markdown(as_markdown(results)))
    if options.write:
        (_FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n")
        (_FOLDER / "results.md").write_text(as_markdown(results))
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--customers", type=int, default=1000, help="of the measured round (%(default)s)")
    parser.add_argument(
        "--rate", type=int, default=25, help="the provider's limit, per endpoint (%(default)s a second)"
    )
    parser.add_argument("--faults-customers", type=int, default=500, help="of the other round (%(default)s)")
    parser.add_argument(
        "--faults-rate",
        type=int,
        default=5,
        help="the provider's limit there (%(default)s a second: it lasts long enough for things to go wrong)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the customers and of what goes wrong (1)")
    parser.add_argument("--rounds", nargs="+", choices=("calm", "faults"), default=["calm", "faults"], help="(both)")
    parser.add_argument("--contestants", nargs="+", choices=_CONTESTANTS, default=list(_CONTESTANTS), help="(all)")
    parser.add_argument("--logs", type=Path, help="a folder to leave everybody's logs in")
    parser.add_argument("--write", action="store_true", help="store the results beside this program")
    return parser.parse_args()


def _maker(name: str) -> Callable[[], Contestant]:
    module, _, made = _CONTESTANTS[name].partition(":")
    return getattr(import_module(module), made)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main())
