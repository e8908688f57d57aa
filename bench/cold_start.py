"""What starting a function costs: the CPU time until it can ask AWS, from the files that are deployed.

`python -m bench.cold_start` bundles the code and the layer as a deployment does, for this machine. In a process of its
own, from folders that Python may not write to, as on Lambda, each function's handler is imported, and the clients for
DynamoDB and S3 are made, which nearly all use: with the bytecode that is deployed, and without it. `--beside FOLDER`
measures another checkout, with its own `.venv`, in turn with this one.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.costs.beside import HERE

_BUNDLE = """if True:
    import sys
    from pathlib import Path
    from stacks.functions.bundling import CompiledCode
    from stacks.functions.layer import UvBundling

    CompiledCode(Path("lambdas")).try_bundle(sys.argv[1] + "/code")
    UvBundling(("--python", sys.executable)).try_bundle(sys.argv[1] + "/layer")
"""
_START = """if True:
    import sys, time, monthclose.handlers.{}
    modules = len(sys.modules)
    import boto3
    boto3.client("dynamodb"), boto3.client("s3")
    print(modules, time.process_time())
"""
"""The time is the process's since its start: Python's own is in it."""
_OF_A_CLOSE = ("generate_invoices", "charge_customers", "send_notices", "apply_webhook", "apply_holds", "report_close")


class Start(NamedTuple):
    modules: int
    cpu_milliseconds: float


def bundle(checkout: Path, folder: Path) -> Path:
    """Make the files of a checkout, as its deployment does."""
    folder.mkdir()
    python = checkout / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", _BUNDLE, str(folder)], cwd=checkout, check=True)
    return folder


def start(files: Path, function: str) -> Start:
    """Start a function in a process of its own, with nothing but what Lambda gives it."""
    environment = {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(files / "code"),
        "PYTHONPATH": os.pathsep.join((str(files / "code"), str(files / "layer" / "python"))),
    }
    command = [sys.executable, "-S", "-B", "-c", _START.format(function)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    modules, seconds = said.split()
    return Start(int(modules), 1000 * float(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--functions", nargs="+", default=_OF_A_CLOSE, help="by default, those that a close waits for")
    parser.add_argument("--times", type=int, default=5, help="the least of so many counts")
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        compiled, plain = bundle(HERE, Path(folder) / "compiled"), Path(folder) / "plain"
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        others = {"without bytecode": plain}
        if options.beside:
            others = {options.beside.resolve().name: bundle(options.beside.resolve(), Path(folder) / "beside")}
        [(name, other)] = others.items()
        print(
            f"{'function':<24}{'modules':>9}{'CPU ms':>8}{name + ': modules':>28}{'CPU ms':>8}{'ratio':>7}", flush=True
        )
        for function in options.functions:
            tries = [[start(files, function) for files in (compiled, other)] for _ in range(options.times)]
            best, beside = (min(found, key=lambda each: each.cpu_milliseconds) for found in zip(*tries, strict=True))
            print(
                f"{function:<24}{best.modules:>9}{best.cpu_milliseconds:>8.0f}{beside.modules:>28}"
                f"{beside.cpu_milliseconds:>8.0f}{best.cpu_milliseconds / beside.cpu_milliseconds:>7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
