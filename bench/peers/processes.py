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
    """Ask a process to end, wait for it, and kill what is left of its group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    _kill_group(process)
    process.wait()


def descendants(pid: int) -> list[int]:
    """List the processes that a process has started, and theirs."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (task / "children").read_text().split():
                    found += [int(child), *descendants(int(child))]
    return found


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
        while not self._over.is_set():
            self._process.wait()
            if not self._over.wait(_RESTART_SECONDS):
                _kill_group(self._process)
                self._process = self._begin()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        end(self._process)
        self._watch.join()


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {seconds:.0f} s")
        time.sleep(0.05)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # A process that was started with a session of its own leads a group with its own id; that id stays taken for as
    # long as the group has a member.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
