"""The local AWS: MiniStack and the sandbox as detached processes on 127.0.0.1. `cli.deployment` deploys on them.

What runs is written down in the state folder, so that another process finds it again. A process is recognised by its
id and the moment it started, and ended by its id with everything in its group (MiniStack's Lambda workers).
"""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sandbox.aws.processes import Process, end, spawn_module, tail
from sandbox.clock import VARIABLE

HOST = "127.0.0.1"
DEFAULT_AWS_PORT = 4566
PROJECT = Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"
_CPUS = os.cpu_count() or 2
_START_SECONDS = 60
_PORTS_TRIED = 200
_KEPT = ("logs", "cdk.out", "rejects", "demo", "reports")
"""Folders of the state folder that outlive the local AWS."""

type Step = Callable[[str], AbstractContextManager[object]]
"""Called with each step as it starts; the context ends with the step."""


class LocalAwsError(RuntimeError):
    """The local AWS is unavailable. The message says why, with the end of the log and where it is."""


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, and where."""

    aws: Process
    aws_port: int
    sandbox: Process
    sandbox_port: int
    deployed: str = ""
    """Fingerprint of what was deployed on it; empty until something was."""
    others_url: str = ""
    """Endpoint of an AWS that somebody else runs; empty if it is ours."""
    strict: bool = False
    """Whether it enforces AWS's limits."""
    clock: str = ""
    """The file of its clock; none where somebody else runs the AWS."""

    @property
    def alive(self) -> bool:
        """Whether all our processes are running."""
        return self.sandbox.alive and (bool(self.others_url) or self.aws.alive)

    @property
    def endpoint_url(self) -> str:
        """Where all of AWS is."""
        return self.others_url or f"http://{HOST}:{self.aws_port}"

    @property
    def sandbox_url(self) -> str:
        """Where the payment providers are."""
        return f"http://{HOST}:{self.sandbox_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make any AWS tool use it."""
        return aws_environment(self.endpoint_url) | ({VARIABLE: self.clock} if self.clock else {})


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """Make the environment for an emulator on this machine: dummy credentials, no proxy in between."""
    bypassed = [host for host in (os.environ.get("NO_PROXY", ""), HOST, "localhost") if host]
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": ",".join(bypassed),
        "no_proxy": ",".join(bypassed),
    }


@contextlib.contextmanager
def quiet(_name: str) -> Iterator[None]:
    """Report no steps."""
    yield


@dataclass
class LocalAws:
    """One local AWS, with its state folder; as a context manager it is up inside and gone afterwards.

    Parameters
    ----------
    home : Path
        The state folder; two local AWSs need two.
    aws_port, sandbox_port : int or None
        Required ports. None takes the default if it is free, and any free one otherwise.
    endpoint_url : str or None
        A LocalStack-compatible AWS that runs already: only the sandbox is started beside it.
    strict : bool
        Whether it is started with AWS's limits in force (`sandbox.strict`); somebody else's has its own.
    """

    home: Path
    aws_port: int | None = None
    sandbox_port: int | None = None
    endpoint_url: str | None = None
    strict: bool = False

    def __enter__(self) -> Running:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    def running(self) -> Running | None:
        """Return what is running; None unless both processes are."""
        found = self._read()
        return found if found and found.alive else None

    def log(self, name: str) -> Path:
        """Name a log file: `aws`, `sandbox`, `bootstrap`, `synth` or `deploy`."""
        return self.home / "logs" / f"{name}.log"

    def up(self, step: Step = quiet) -> Running:
        """Start what isn't running.

        Raises
        ------
        LocalAwsError
            A required port is taken, or something did not start.
        """
        with self.locked():
            running = self.running()
            if running is None:
                self._end_all()  # half of it may still run, or its data belong to a process that died
                try:
                    running = self._start(step)
                except BaseException:
                    self._end_all()
                    raise
            return running

    def mark_deployed(self, running: Running, fingerprint: str) -> Running:
        """Write down what was deployed."""
        after = replace(running, deployed=fingerprint)
        self._write(after)
        return after

    def down(self, *, forget: bool = False) -> bool:
        """End every process and drop the local data; `forget` empties the state folder, too.

        Returns
        -------
        bool
            Whether anything was running.
        """
        if not self.home.exists():
            return False
        with self.locked():
            ended = self._end_all()
            if forget:  # only what is ours: the state folder may have been pointed at a folder with other things
                for name in _KEPT:
                    shutil.rmtree(self.home / name, ignore_errors=True)
        if forget:
            self._lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.home.rmdir()
        return ended

    def _start(self, step: Step) -> Running:
        with _one_start_at_a_time():
            starting = self._start_aws(step)
        with step("Start the payment providers' sandbox"):
            ready = self._temp() / "sandbox.port"
            ready.unlink(missing_ok=True)
            wanted = 0 if self.sandbox_port is None else _choose_port(self.sandbox_port, self.sandbox_port)
            options = ["--port", str(wanted), "--ready-file", str(ready)]
            options += ["--clock-file", starting.clock] if starting.clock else []
            sandbox = spawn_module(["sandbox", *options], clean_environment(), PROJECT, self.log("sandbox"))
            self._write(replace(starting, sandbox=sandbox))
            self._await("sandbox", sandbox, ready.exists)
            running = replace(starting, sandbox=sandbox, sandbox_port=int(ready.read_text()))
            self._write(running)
        return running

    def _start_aws(self, step: Step) -> Running:
        if self.endpoint_url:
            return Running(Process(0, ""), 0, Process(0, ""), 0, others_url=self.endpoint_url)
        with step("Start the local AWS"):
            port = _choose_port(self.aws_port, DEFAULT_AWS_PORT)
            clock = self._temp() / "clock.json"
            environment = _ministack_environment(port, self._temp(), clock, strict=self.strict)
            aws = spawn_module(["sandbox.aws.emulator"], environment, PROJECT, self.log("aws"))
            starting = Running(aws, port, Process(0, ""), 0, strict=self.strict, clock=str(clock))
            self._write(starting)
            self._await("aws", aws, lambda: _answers(f"{starting.endpoint_url}/_ministack/ready"))
        return starting

    def _temp(self) -> Path:
        path = self.home / "tmp"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _await(self, name: str, process: Process, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if not process.alive or time.monotonic() > deadline:
                raise LocalAwsError(f"{name} did not start\n{tail(self.log(name))}")
            time.sleep(0.05)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from starting or ending it meanwhile."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would start two, of which only one is written down
            yield

    @property
    def _lock(self) -> Path:
        return self.home / "lock"

    @property
    def _state(self) -> Path:
        return self.home / "local.json"

    def _read(self) -> Running | None:
        try:
            found = json.loads(self._state.read_text())
            return Running(**found | {"aws": Process(**found["aws"]), "sandbox": Process(**found["sandbox"])})
        except (FileNotFoundError, KeyError, TypeError, json.JSONDecodeError):
            return None

    def _write(self, running: Running) -> None:
        partial = self._state.with_suffix(".new")
        partial.write_text(json.dumps(asdict(running), indent=2))
        partial.replace(self._state)

    def _end_all(self) -> bool:
        found = self._read()
        ended = False
        if found:
            ended = any([end(found.aws, self._temp()), end(found.sandbox, self._temp())])
        self._state.unlink(missing_ok=True)
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        return ended


def clean_environment() -> dict[str, str]:
    """Take this process's environment without AWS's and Python's settings, which are the user's and not ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "CDK_"))}
    tools = (Path(sys.executable).parent, PROJECT / "node_modules" / ".bin")
    return kept | {"PATH": os.pathsep.join([*map(str, tools), kept.get("PATH", os.defpath)])}


def _ministack_environment(port: int, temp: Path, clock: Path, *, strict: bool) -> dict[str, str]:
    return {
        **clean_environment(),
        **aws_environment(f"http://{HOST}:{port}"),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(temp),
        "S3_DATA_DIR": str(temp / "s3"),
        "STATE_DIR": str(temp / "state"),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        # Every worker is a process with the layer unpacked for it: enough for the batches and the queue's consumers.
        "LAMBDA_ACCOUNT_CONCURRENCY": str(12 * _CPUS),
        "LAMBDA_WARM_TTL_SECONDS": "120",
        # They would listen on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("MONTHCLOSE_LOG_LEVEL", "WARNING"),
        "MONTHCLOSE_STRICT": "1" if strict else "",
        VARIABLE: str(clock),
    }


@contextlib.contextmanager
def _one_start_at_a_time() -> Iterator[None]:
    """Keep local AWSs of other state folders from choosing the same free port before one of them listens on it."""
    with (Path(tempfile.gettempdir()) / f"monthclose-start-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _choose_port(wanted: int | None, default: int) -> int:
    """Take the wanted port, or the first free one from the default on.

    Not one that the system names: until our program listens there, the system may give it to a connection.
    """
    if wanted is not None:
        if not _free(wanted):
            raise LocalAwsError(
                f"port {wanted} is taken by another program\nchoose another port, or none for any free one"
            )
        return wanted
    for port in range(default, default + _PORTS_TRIED):
        if _free(port):
            return port
    raise LocalAwsError(f"the ports {default} to {default + _PORTS_TRIED - 1} are all taken\nchoose a free one")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
