"""How fast usage is imported on the local AWS: rows a second of the command and of the drop, before and after.

`python -m bench.import_speed --beside FOLDER` deploys this checkout and another one, which has its own `.venv`, each on
a local AWS of its own, and imports a file with one, then with the other, then the next file: seconds drift on a machine
that does other work, so only the ratio within a round says something. CPU and requests drift less: they stand beside.
"""

import argparse
import json
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from bench.costs.beside import HERE, program
from bench.costs.usage_files import UsageFiles, name_of
from bench.processes import processes
from monthclose.domain.period import Period

_FIRST = Period(2026, 9)
"""The month of the first round; each further round has the month before."""


class Import(NamedTuple):
    """What an import took."""

    rows_per_second: float
    our_cpu_us: float
    """Of a row: the command's, or the functions'."""
    emulator_cpu_us: float
    requests: float
    """Of the command to DynamoDB, for each row; 0 for the drop, whose functions nobody counts."""


@dataclass
class Deployment:
    """A checkout's product on a local AWS."""

    name: str
    checkout: Path
    folder: Path
    where: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        environment = self.where["environment"]
        make: Any = boto3.client  # its types ask for a literal name
        return make(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def command(self, arguments: Sequence[str]) -> dict[str, int]:
        """Run `monthclose`, and return how often it asked for what."""
        counts = self.folder / "counts.json"
        with program(self.checkout, "bench.costs.counted_command") as (command, folder, environment):
            here = self.where["environment"] | {"MONTHCLOSE_HOME": str(self.folder / "home")}
            done = subprocess.run(
                [*command, str(counts), *arguments],
                cwd=folder,
                env=environment | here,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"monthclose {' '.join(arguments)} of {self.name}:\n{done.stderr[-2000:]}")
        counted: dict[str, int] = json.loads(counts.read_text())
        return counted

    def by_command(self, file: Path, rows: int) -> Import:
        """Import a file with the command."""
        began, ours, emulator = time.monotonic(), _children(), _cpu(self.where["pid"])
        counts = self.command(["import", "usage", str(file), "--by", "bench"])
        spent = time.monotonic() - began
        return Import(
            rows / spent,
            (_children() - ours) / rows * 1e6,
            (_cpu(self.where["pid"]).emulator - emulator.emulator) / rows * 1e6,
            sum(number for name, number in counts.items() if name.startswith("DynamoDB")) / rows,
        )

    def by_drop(self, file: Path, rows: int) -> Import:
        """Drop a file, and wait until its execution has ended."""
        steps, before = self.client("stepfunctions"), _cpu(self.where["pid"])
        known, began = self._executions(steps), time.monotonic()
        self.client("s3").upload_file(str(file), self.where["bucket"], f"usage/{file.name}")
        pause = threading.Event()
        while not (ended := self._executions(steps) - known):
            if time.monotonic() - began > 600:
                raise RuntimeError(f"{file.name} of {self.name} is not imported after ten minutes")
            pause.wait(0.1)
        spent, after = time.monotonic() - began, _cpu(self.where["pid"])
        [execution] = ended
        output = json.loads(steps.describe_execution(executionArn=execution)["output"])
        taken = output["received"]["outcome"]["taken"] if "received" in output else rows
        assert taken == rows, output
        ours, emulator = after.functions - before.functions, after.emulator - before.emulator
        return Import(rows / spent, ours / rows * 1e6, emulator / rows * 1e6, 0)

    def _executions(self, steps: Any) -> set[str]:
        found = steps.list_executions(stateMachineArn=self.where["machine"], statusFilter="SUCCEEDED")["executions"]
        return {execution["executionArn"] for execution in found}


class Cpu(NamedTuple):
    """CPU seconds so far."""

    emulator: float
    functions: float


def _cpu(pid: int) -> Cpu:
    """Add up the CPU of an emulator and of the functions, its children, of which some have ended."""
    own = functions = 0.0
    for each in processes():
        if each.pid == pid:
            own, functions = each.cpu_seconds, functions + each.of_children
        elif each.session == pid:
            functions += each.cpu_seconds + each.of_children
    return Cpu(own, functions)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def deployments(checkouts: Sequence[tuple[str, Path]], folder: Path) -> Iterator[list[Deployment]]:
    """Have the checkouts deployed, all at once, and everything ended afterwards."""
    made = [Deployment(name, checkout, folder / name) for name, checkout in checkouts]
    with ExitStack() as stack:
        running = []
        for deployment in made:
            (deployment.folder / "home").mkdir(parents=True)
            place = program(deployment.checkout, "bench.costs.local_deployment")
            command, empty, environment = stack.enter_context(place)
            process = subprocess.Popen(
                [*command, str(deployment.folder / "home")],
                cwd=empty,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, process)
            running.append(process)
        for deployment, process in zip(made, running, strict=True):
            assert process.stdout
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"{deployment.name} is not deployed")
            deployment.where = json.loads(said)
        yield made


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.close()  # it takes its local AWS down
    process.wait(timeout=60)


_HEAD = ("round", "by", "which", "rows/s", "its CPU, µs a row", "emulator's CPU, µs a row", "requests a row")


def measure(made: Sequence[Deployment], files: UsageFiles, rounds: int, folder: Path) -> None:
    """Import a file a round, one deployment after the other, and print what each took: a table in Markdown."""
    customers = folder / "customers.csv"
    profiles = [f"{name_of(n)},C,c@example.com,USD,stripe,pm_card_visa" for n in range(files.customers)]
    customers.write_text(
        "\n".join(["customer_id,name,email,currency,payment_provider,payment_method", *profiles]) + "\n"
    )
    for deployment in made:
        deployment.command(["import", "customers", str(customers), "--by", "bench"])
    print("| " + " | ".join(_HEAD) + " |\n|" + "---|" * len(_HEAD), flush=True)
    took: dict[tuple[str, str], list[Import]] = {}
    period = _FIRST
    for number in range(1, rounds + 1):
        for by, importing in (("command", Deployment.by_command), ("drop", Deployment.by_drop)):
            file = folder / f"{by}-{number}.csv"
            file.write_bytes(b"".join(replace(files, period=period).lines(0)))
            period = period.previous
            for deployment in made:
                found = importing(deployment, file, files.events)
                took.setdefault((by, deployment.name), []).append(found)
                _print(str(number), by, deployment.name, found)
    for (by, name), all_found in took.items():
        middle = Import(*(statistics.median(values) for values in zip(*all_found, strict=True)))
        _print("median", by, name, middle)
    if len(made) > 1:
        before, after = (deployment.name for deployment in made)
        for by in ("command", "drop"):
            pairs = zip(took[by, before], took[by, after], strict=True)
            ratios = [new.rows_per_second / old.rows_per_second for old, new in pairs]
            print(f"{by}: {statistics.median(ratios):.2f} times as fast ({', '.join(f'{r:.2f}' for r in ratios)})")


def _print(number: str, by: str, name: str, found: Import) -> None:
    cpu = f"{found.our_cpu_us:,.0f} | {found.emulator_cpu_us:,.0f}"
    asked = f"{found.requests:.3f}" if found.requests else ""
    print(f"| {number} | {by} | {name} | {found.rows_per_second:,.0f} | {cpu} | {asked} |", flush=True)


def main() -> None:
    """Deploy, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.import_speed", description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--customers", type=int, default=400, help="with 50 events each in a file")
    parser.add_argument("--rounds", type=int, default=3, help="each imports every file once (3)")
    parser.add_argument("--by-customer", action="store_true", help="rows in the customers' order, not in that of time")
    options = parser.parse_args()
    checkouts = [*([("before", options.beside.resolve())] if options.beside else []), ("now", HERE)]
    with tempfile.TemporaryDirectory(prefix="monthclose-bench-") as name, deployments(checkouts, Path(name)) as made:
        files = UsageFiles(options.customers, 50, by_time=not options.by_customer)
        measure(made, files, options.rounds, Path(name))


if __name__ == "__main__":
    main()
