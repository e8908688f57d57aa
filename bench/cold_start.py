"""What starting a function costs: the CPU time of importing its handler from the files that are deployed.

`python -m bench.cold_start` bundles the code and the layer as a deployment does, for this machine, and imports the
handlers from folders that Python may not write to, as on Lambda: with the bytecode that is deployed, and without it.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stacks.functions.bundling import CompiledCode
from stacks.functions.layer import UvBundling

_CODE = Path(__file__).resolve().parents[1] / "lambdas"
_IMPORT = "import sys, time, monthclose.handlers.{}; print(len(sys.modules), time.process_time())"
"""The time is the process's since its start: Python's own is in it."""
_OF_A_CLOSE = ("generate_invoices", "charge_customers", "send_notices", "apply_webhook", "apply_holds", "report_close")


class Start(NamedTuple):
    modules: int
    cpu_milliseconds: float


def start(code: Path, layer: Path, function: str) -> Start:
    """Import a handler in a process of its own, with nothing but what Lambda gives it."""
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(code),
        "PYTHONPATH": os.pathsep.join((str(code), str(layer / "python"))),
    }
    command = [sys.executable, "-S", "-B", "-c", _IMPORT.format(function)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    modules, seconds = said.split()
    return Start(int(modules), 1000 * float(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--functions", nargs="+", default=_OF_A_CLOSE, help="by default, those that a close waits for")
    parser.add_argument("--times", type=int, default=5, help="the least of so many counts")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        compiled, plain = Path(folder) / "compiled", Path(folder) / "plain"
        CompiledCode(_CODE).try_bundle(str(compiled / "code"))
        UvBundling(("--python", sys.executable)).try_bundle(str(compiled / "layer"))
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        print(f"{'function':<24}{'modules':>9}{'CPU ms':>8}{'without bytecode':>18}{'ratio':>7}", flush=True)
        for function in options.functions:
            tries = [[start(files / "code", files / "layer", function) for files in (compiled, plain)]
                     for _ in range(options.times)]  # fmt: skip
            best, without = (min(found) for found in zip(*tries, strict=True))
            print(
                f"{function:<24}{best.modules:>9}{best.cpu_milliseconds:>8.0f}{without.cpu_milliseconds:>18.0f}"
                f"{best.cpu_milliseconds / without.cpu_milliseconds:>7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
