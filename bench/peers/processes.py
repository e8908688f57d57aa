"""The peers' processes: started in groups of their own, started again when they die, and ended by id."""

import contextlib
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = PROJECT / "build" / "peers"
"""The virtual environment of the peers: `make bench-peers` makes it from requirements/peers.txt."""

_RESTART_SECONDS = 0.5
_PATIENCE_SECONDS = 8


def program(name: str) -> str:
    """Find a program of the peers' environment."""
    found = ENVIRONMENT / "bin" / name
    if not found.exists():
        raise FileNotFoundError(f"{found} is missing: make bench-peers makes it")
    return str(found)


def start(
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    talking: bool = False,
    user: pwd.struct_passwd | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own; what it prints is appended to a log.

    Parameters
    ----------
    talking : bool
        Whether its input and output are pipes of ours; then only its errors go to the log.
    user : pwd.struct_passwd, optional
        Whom it runs as, if not as who starts it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE if talking else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talking else output,
            stderr=output,
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to end, wait for it, and kill it if that takes long; with all that it started."""
    _signal(process, how)
    with contextlib.suppress(TimeoutError, ChildProcessError):
        wait_until(lambda: _ended(process, os.WNOHANG), _PATIENCE_SECONDS, "ending")
    _reap(process)


class Supervised:
    """A process that is started again when it dies, as systemd does (`Restart=always`, `KillMode=control-group`)."""

    def __init__(self, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._begin = begin
        self._process = begin()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._process.pid

    def _run(self) -> None:
        while True:
            _ended(self._process)
            _reap(self._process)
            if self._over.wait(_RESTART_SECONDS):
                return
            self._process = self._begin()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        for how in (signal.SIGTERM, signal.SIGKILL):
            _signal(self._process, how)
            self._watch.join(_PATIENCE_SECONDS)


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {seconds:.0f} s")
        time.sleep(0.05)


def _ended(process: subprocess.Popen[bytes], options: int = 0) -> bool:
    """Wait for the end of a process and leave it as a zombie, so that nobody else gets its id."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | options) is not None


def _signal(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    # Popen's own method would reap a process that has ended; its group could not be found by its id any more.
    if process.returncode is None:
        os.kill(process.pid, how)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process's group, which has its id, and let go of it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
