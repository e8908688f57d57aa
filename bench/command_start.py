"""What starting the command costs: modules imported and the time they take, for each of its ways to be called.

`python -m bench.command_start` measures this checkout; `--beside FOLDER` measures another one, with its own `.venv`,
in the same run: only such times can be compared.
"""

import argparse
import statistics
import subprocess
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "--version",
    "--help",
    "close --help",
    "status --help",
    "customer --help",
    "pay --help",
    "import usage --help",
    "invoice show --help",
    "providers --help",
    "local status --help",
    "closes",
)
"""`closes` connects, with no AWS there: what a command that works imports, up to its first request."""
_NOWHERE = "http://127.0.0.1:9"
_CODE = "from cli.main import main; main()"
_HERE = Path(__file__).resolve().parent.parent


class Start(NamedTuple):
    modules: int
    microseconds: int


def measure(checkout: Path, call: str, runs: int) -> Start:
    """Import counts are the same in each run; times are the median of the sums of each module's own."""
    found = [_once(checkout, call) for _ in range(runs)]
    return Start(found[0].modules, round(statistics.median(start.microseconds for start in found)))


def _once(checkout: Path, call: str) -> Start:
    arguments = ["--endpoint-url", _NOWHERE, call] if call == "closes" else call.split()
    done = subprocess.run(
        [checkout / ".venv" / "bin" / "python", "-X", "importtime", "-c", _CODE, *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:") and "self" not in line]
    own = [int(line.removeprefix("import time:").split("|")[0]) for line in lines]
    return Start(len(own), sum(own))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    print(
        f"{'monthclose …':<24}{'modules':>9}{'ms':>8}"
        + (f"{'beside':>10}{'ms':>8}{'ratio':>8}" if chosen.beside else "")
    )
    for call in CALLS:
        here = measure(_HERE, call, chosen.runs)
        line = f"{call:<24}{here.modules:>9}{here.microseconds / 1000:>8.0f}"
        if chosen.beside:
            other = measure(chosen.beside, call, chosen.runs)
            ratio = here.microseconds / other.microseconds
            line += f"{other.modules:>10}{other.microseconds / 1000:>8.0f}{ratio:>8.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
