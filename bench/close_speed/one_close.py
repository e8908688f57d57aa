"""One close on the local AWS, measured: `python -m bench.close_speed.one_close CUSTOMERS EVENTS [FOLDER]`.

The product is the one that this interpreter finds: another checkout's, too (`bench.costs.beside`).
"""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3

from bench.costs.local_deployment import outputs
from bench.processes import processes
from cli.deployment import deployed
from monthclose.adapters.dynamo.mail_quota import KeptQuota
from monthclose.bootstrap import Runtime, utc_now
from monthclose.domain.notices.sending import UNLIMITED, SendingQuota
from monthclose.domain.period import Period
from monthclose.names import Env
from monthclose.settings import Settings
from sandbox.aws import local_aws
from sandbox.aws.local_aws import LocalAws, Running
from sandbox.aws.processes import spawn_module

_HOOKS = Path(__file__).resolve().parent / "hooks"
_PERIOD = Period.of(utc_now()).previous
_SKUS = 8
_METHODS = ["pm_card_visa"] * 17 + ["pm_card_chargeDeclinedInsufficientFunds", "mandate", "mandate"]
"""Of twenty customers, one has a card that is declined, and two pay by bank debit."""
OVERRIDES = {"providers": {name: {"requests_per_second": 1000, "burst": 500} for name in ("stripe", "gocardless")}}
"""The providers' limits are out of the way: otherwise it is they that a close waits for."""
_FUNCTION = re.compile(r"ministack-lambda-(?:monthclose-)?(.+?)-[^-/]{8}/")
_MOST_SECONDS = 3600


def measure(customers: int, events: int, profile: str) -> dict[str, Any]:
    """Deploy, import, close, and take it down."""
    with tempfile.TemporaryDirectory(prefix="monthclose-speed-") as folder, _hooked(profile):
        home = Path(folder) / "home"
        with deployed(LocalAws(home), OVERRIDES) as running:
            os.environ.update(running.environment | {"MONTHCLOSE_HOME": str(home)})
            values = outputs()
            _let_mails_go(values)
            _import(Path(folder), customers, events)
            return _close(running, values) | {"customers": customers, "events": events}


@contextmanager
def _hooked(profile: str) -> Iterator[None]:
    """Have the emulator count its requests and, where a profile is wanted, its functions sample themselves."""
    environment = local_aws._ministack_environment

    def with_hooks(*args: Any, **kwargs: Any) -> dict[str, str]:
        more = {"MONTHCLOSE_PROFILE_FOLDER": profile} if profile else {}
        return environment(*args, **kwargs) | {"PYTHONPATH": str(_HOOKS), **more}

    def counted(module: Any, *args: Any) -> Any:
        return spawn_module(["counted_emulator" if part == "sandbox.aws.emulator" else part for part in module], *args)

    with (
        patch.object(local_aws, "_ministack_environment", with_hooks),
        patch.object(local_aws, "spawn_module", counted),
    ):
        yield


def _let_mails_go(values: Mapping[str, str]) -> None:
    """Have the functions know of an account that may send a thousand e-mails a second, tomorrow still."""
    quota = SendingQuota(1000, UNLIMITED, 0, datetime.now(UTC) + timedelta(days=1))
    Runtime(Settings.from_mapping(values), local_aws.REGION, _Silent())

    class Plenty:
        def quota(self) -> SendingQuota:
            return replace(quota)

        look = quota

        def used_up(self) -> None:
            raise NotImplementedError

    KeptQuota(Plenty(), utc_now).quota()


class _Silent:
    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_kwargs: None


def _import(folder: Path, customers: int, events: int) -> None:
    names = [f"cust-{number:07}" for number in range(customers)]
    profiles = [
        (name, f"{name} Ltd", f"{name}@customers.example", "USD", *_payment(number))
        for number, name in enumerate(names)
    ]
    header = ("customer_id", "name", "email", "currency", "payment_provider", "payment_method")
    _run_command("customers", _write(folder / "customers.csv", header, profiles))
    prices = [(f"sku-{n}", "USD", f"0.{n + 1}7", "hour", f"Product {n}") for n in range(_SKUS)]
    _run_command(
        "prices", _write(folder / "prices.csv", ("sku", "currency", "unit_price", "unit", "description"), prices)
    )
    usage = (
        (f"evt-{name}-{n}", name, f"sku-{n % _SKUS}", 1 + number % 97, f"{_PERIOD}-{1 + n % 28:02}T10:00:00Z")
        for number, name in enumerate(names)
        for n in range(events)
    )
    _run_command("usage", _write(folder / "usage.csv", ("event_id", "customer_id", "sku", "quantity", "time"), usage))


def _payment(number: int) -> tuple[str, str]:
    method = _METHODS[number % len(_METHODS)]
    return ("gocardless", f"MD_OK_{number}") if method == "mandate" else ("stripe", method)


def _write(path: Path, header: tuple[str, ...], rows: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _run_command(what: str, path: Path) -> None:
    command = [sys.executable, "-c", "from cli.start import main; main()", "import", what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"import {what} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def _close(running: Running, values: Mapping[str, str]) -> dict[str, Any]:
    workflow, before = boto3.client("stepfunctions"), _requests(running)
    with Watch(running) as watch:
        execution = workflow.start_execution(
            stateMachineArn=values[Env.STATE_MACHINE_ARN],
            name=f"bench-{uuid4()}",
            input=json.dumps({"period": str(_PERIOD)}),
        )["executionArn"]
        until = time.monotonic() + _MOST_SECONDS
        while (ended := workflow.describe_execution(executionArn=execution))["status"] == "RUNNING":
            if time.monotonic() > until:
                raise SystemExit("the close did not end")
            time.sleep(0.5)
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"the close ended with {ended['status']}: {ended.get('cause')}")
    asked = Counter(_requests(running))
    asked.subtract(before)
    asked.pop("AWSStepFunctions DescribeExecution", None)  # ours
    return {
        "seconds": (ended["stopDate"] - ended["startDate"]).total_seconds(),
        "cpu": watch.seconds,
        "processes": watch.processes,
        "requests": {name: number for name, number in sorted(asked.items()) if number > 0},
    }


def _requests(running: Running) -> dict[str, int]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{running.endpoint_url}/_bench/requests", timeout=60) as answer:
        counts: dict[str, int] = json.load(answer)
        return counts


class Watch:
    """The CPU time that a local AWS's processes use within the context, by what they are: read twice a second.

    Functions' processes are told by their folders. One that ends is counted up to its last reading.
    """

    def __init__(self, running: Running) -> None:
        self._running, self._over = running, threading.Event()
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._kinds: dict[int, str] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Watch":
        self._read()
        self._first = dict(self._last)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._read()

    @property
    def seconds(self) -> dict[str, float]:
        """CPU seconds by kind."""
        sums: defaultdict[str, float] = defaultdict(float)
        for pid, used in self._last.items():
            sums[self._kinds[pid]] += used - self._first.get(pid, 0.0)
        return dict(sums)

    @property
    def processes(self) -> dict[str, int]:
        """How many processes of each kind there were."""
        return dict(Counter(self._kinds.values()))

    def _follow(self) -> None:
        while not self._over.wait(0.5):
            self._read()

    def _read(self) -> None:
        leader, sandbox = self._running.aws.pid, self._running.sandbox.pid
        for each in processes():
            if each.group not in (leader, sandbox):
                continue
            with suppress(OSError):  # it has ended
                if each.pid not in self._kinds:
                    self._kinds[each.pid] = _kind(each.pid, leader, Path(f"/proc/{each.pid}/cmdline").read_text())
                self._last[each.pid] = each.cpu_seconds


def _kind(pid: int, leader: int, command: str) -> str:
    if pid == leader:
        return "the emulator"
    found = _FUNCTION.search(command)
    return found[1] if found else "the sandbox"


if __name__ == "__main__":
    number, each, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
    print(json.dumps(measure(number, each, folder)))
