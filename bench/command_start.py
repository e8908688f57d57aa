"""What starting the command costs: modules imported and the time they take, for each of its ways to be called.

`python -m bench.command_start` measures this checkout; `--beside FOLDER` measures another one, with its own `.venv`,
in the same run: only such times can be compared. `--aws URL` is a local AWS to connect to, with a closed month; without
it, commands that connect end where nothing answers.
"""

import argparse
import os
import resource
import subprocess
import tempfile
from collections.abc import Sequence
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
    *(CONNECT := ("status", "closes", "providers", "customer cust-0000001")),
)
"""The last ones connect."""
_NOWHERE = "http://127.0.0.1:9"
_CODE = "from cli.main import main; main()"
_HERE = Path(__file__).resolve().parent.parent


class Start(NamedTuple):
    modules: int
    cpu_milliseconds: float
    """Of the process, from its start to its end: unlike the time on the clock, it depends little on other work."""


def measure(checkout: Path, call: str, runs: int, aws: str, compiled: str) -> Start:
    """Count the modules, which are the same in each run, and take the least of the times."""
    arguments = ["--endpoint-url", aws, *call.split()] if call in CONNECT else call.split()
    said = _run(checkout, arguments, compiled, "-X", "importtime")  # from now on, there is bytecode of all of it
    modules = sum(line.startswith("import time:") for line in said.splitlines()) - 1
    return Start(modules, min(_cpu(checkout, arguments, compiled) for _ in range(runs)))


def _cpu(checkout: Path, arguments: Sequence[str], compiled: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(checkout, arguments, compiled)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _run(checkout: Path, arguments: Sequence[str], compiled: str, *options: str) -> str:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}  # an installed command is compiled, too
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [checkout / ".venv" / "bin" / "python", *options, "-c", _CODE, *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.command_start", description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--aws", default=_NOWHERE, metavar="URL", help="a local AWS")
    parser.add_argument("--runs", type=int, default=5, help="of each command (5)")
    chosen = parser.parse_args()
    columns = f"{'modules':>9}{'CPU ms':>8}"
    print(f"{'monthclose …':<24}{columns}" + (f"{columns}{'ratio':>7}" if chosen.beside else ""), flush=True)
    with tempfile.TemporaryDirectory() as compiled:
        for call in CALLS:
            here = measure(_HERE, call, chosen.runs, chosen.aws, compiled)
            line = f"{call:<24}{_columns(here)}"
            if chosen.beside:
                other = measure(chosen.beside, call, chosen.runs, chosen.aws, compiled)
                line += f"{_columns(other)}{here.cpu_milliseconds / other.cpu_milliseconds:>7.2f}"
            print(line, flush=True)


def _columns(start: Start) -> str:
    return f"{start.modules:>9}{start.cpu_milliseconds:>8.0f}"


if __name__ == "__main__":
    main()
