"""What starting the command costs: modules imported and the time they take, for each of its ways to be called.

`python -m bench.command_start` measures this checkout; `--beside FOLDER` measures another one, with its own `.venv`,
in the same run: only such times can be compared. `--aws URL` is a local AWS to connect to, with a closed month; without
it, commands that connect end where nothing answers.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
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
    milliseconds: float
    """What the imports take, by `-X importtime`."""
    wall_milliseconds: float
    """From the start of the process to its end, without `-X importtime`."""


def measure(checkout: Path, call: str, runs: int, aws: str, compiled: str) -> Start:
    """Count the modules, which are the same in each run, and take the medians of the times."""
    arguments = ["--endpoint-url", aws, *call.split()] if call in CONNECT else call.split()
    _run(checkout, arguments, compiled)  # its bytecode is there from now on, as an installed command's is
    counts, imports, walls = zip(*(_once(checkout, arguments, compiled) for _ in range(runs)), strict=True)
    return Start(counts[0], statistics.median(imports), statistics.median(walls))


def _run(checkout: Path, arguments: Sequence[str], compiled: str, *options: str) -> str:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
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


def _once(checkout: Path, arguments: Sequence[str], compiled: str) -> Start:
    began = time.perf_counter()
    _run(checkout, arguments, compiled)
    wall = time.perf_counter() - began
    said = _run(checkout, arguments, compiled, "-X", "importtime")
    lines = [line for line in said.splitlines() if line.startswith("import time:") and "self" not in line]
    own = [int(line.removeprefix("import time:").split("|")[0]) for line in lines]
    return Start(len(own), sum(own) / 1000, wall * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--aws", default=_NOWHERE, metavar="URL", help="a local AWS")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    columns = f"{'modules':>9}{'imports ms':>12}{'wall ms':>9}"
    print(f"{'monthclose …':<24}{columns}" + (f"{columns}{'imports':>9}{'wall':>7}" if chosen.beside else ""))
    with tempfile.TemporaryDirectory() as compiled:
        for call in CALLS:
            here = measure(_HERE, call, chosen.runs, chosen.aws, compiled)
            line = f"{call:<24}{_columns(here)}"
            if chosen.beside:
                other = measure(chosen.beside, call, chosen.runs, chosen.aws, compiled)
                imports = here.milliseconds / other.milliseconds
                wall = here.wall_milliseconds / other.wall_milliseconds
                line += f"{_columns(other)}{imports:>9.2f}{wall:>7.2f}"
            print(line, flush=True)


def _columns(start: Start) -> str:
    return f"{start.modules:>9}{start.milliseconds:>12.0f}{start.wall_milliseconds:>9.0f}"


if __name__ == "__main__":
    main()
